/**
 * The person's own page about services: the way in, and the way out.
 *
 *   GET  /account/services           the services that they may go to, and those that they are signed in to
 *   POST /account/services/open      the way in: 303 to the service, with a ticket
 *   POST /account/services/leave     the way out: everything that the service has of them ends, and it is told
 *
 * Each is a form of our own page, so that no link and no other site can hand anybody over.
 */
import { Hono } from 'hono'
import type { Context } from 'hono'
import { readSessionCookie } from '../../core/sessions/session-cookie.ts'
import type { LiveSession } from '../../core/sessions/session.ts'
import { answerError } from '../../pages/answer-error.tsx'
import { allowForms } from '../../pages/allow-forms.tsx'
import { uncached } from '../../pages/uncached.tsx'
import type { EpochSeconds } from '../../platform/clock.ts'
import { readForm } from '../../platform/read-form.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Refusal, Result } from '../../platform/refusal.ts'
import type { RequestVariables } from '../../platform/request-facts.ts'
import { isVisit } from '../../protocol/fetched-ahead.ts'
import { isFromOwnPage } from '../../protocol/same-origin.ts'
import type { HostParts } from '../host/host-parts.ts'
import { mayEnter, openService } from '../host/open-service.ts'
import { listed, PortalPage } from './portal-page.tsx'
import type { ListedService } from './portal-page.tsx'

type ServicesContext = Context<{ Variables: RequestVariables }>

const SIGN_IN = '/auth/login?return_to=%2Faccount%2Fservices'

const ERRORS = {
  not_from_our_page: {
    status: 403,
    title: 'This has to be done from our own page',
    explanation: 'What your browser sent did not come from a page of ours. Nothing has been done.',
    nextStep: 'Open the page about your services and do it there.',
  },
  unknown_service: {
    status: 404,
    title: 'There is no such service',
    explanation: 'Nobody is handed over to a service of that name. Nothing has been changed.',
    nextStep: 'Look at your services again; it may have been removed.',
  },
  service_not_allowed: {
    status: 403,
    title: 'You cannot go to this service',
    explanation: 'It takes only people who have signed in another way. Nothing has been changed.',
    nextStep: 'Please ask whoever runs this service.',
  },
  temporarily_unavailable: {
    status: 503,
    title: 'Your services cannot be looked up',
    explanation: 'Something on our side did not answer in time. You are still signed in.',
    nextStep: 'Wait a few seconds, then try again.',
    retryAfterSeconds: 5,
  },
} as const

type ServicesRefusal = keyof typeof ERRORS | 'no_session'

export function handoffPortalRoutes(parts: HostParts) {
  const { applications, audit, clock, config, ends, grants, sessions } = parts
  const app = new Hono<{ Variables: RequestVariables }>()

  for (const path of ['/account/services', '/account/services/open', '/account/services/leave'])
    app.use(path, uncached)

  const findVisitor = async (
    c: ServicesContext,
    how: 'use' | 'peek',
  ): Promise<Result<LiveSession, ServicesRefusal>> => {
    const cookie = readSessionCookie(c.req.header('cookie'), config)
    const live = await sessions[how](cookie, clock())
    if (live.ok) return live
    return refuse(live.refusal.code === 'no_session' ? 'no_session' : 'temporarily_unavailable')
  }

  /** Whose form it is, and which service stands in it. */
  async function readOwnForm(
    c: ServicesContext,
  ): Promise<Result<{ readonly session: LiveSession; readonly service: string }, ServicesRefusal>> {
    if (!isFromOwnPage(c.req.raw.headers, config.issuer)) return refuse('not_from_our_page')
    const form = await readForm(c.req.raw)
    // Only when the whole form is there: somebody may have signed out while it came.
    const live = await findVisitor(c, 'use')
    if (!live.ok) return live
    const [service, ...more] = form.ok ? form.value.getAll('service') : []
    return service === undefined || more.length > 0
      ? refuse('unknown_service')
      : ok({ session: live.value, service })
  }

  app.get('/account/services', async (c) => {
    const live = await findVisitor(c, isVisit(c.req.raw) ? 'use' : 'peek')
    if (!live.ok) return answerRefusal(c, live.refusal)
    const services = await listServices(live.value, clock())
    if (!services.ok) return answerRefusal(c, services.refusal)
    const nonce = c.get('secureHeadersNonce') ?? ''
    allowForms(c, services.value.addresses)
    return c.html(<PortalPage services={services.value.listed} nonce={nonce} />)
  })

  async function listServices(
    { userId, authentication }: LiveSession,
    now: EpochSeconds,
  ): Promise<
    Result<
      { readonly listed: readonly ListedService[]; readonly addresses: readonly string[] },
      'temporarily_unavailable'
    >
  > {
    const [open, signedIn] = await Promise.all([
      applications.listHandoffServices(),
      grants.handoffs(userId, now),
    ])
    if (!open.ok || !signedIn.ok) return refuse('temporarily_unavailable')
    const at = new Map(signedIn.value.map(({ applicationId, lastAt }) => [applicationId, lastAt]))
    const allowed = open.value.filter(({ handoff }) =>
      mayEnter(handoff.identityProviders, authentication),
    )
    const left = [...at.keys()].filter((id) => allowed.every((service) => service.id !== id))
    const names = await applications.namesOf(left)
    const all = [
      ...allowed.map((service) => listed(service, at.get(service.id), true)),
      ...left.map((id) => listed({ id, name: names.get(id) ?? id }, at.get(id), false)),
    ]
    const isSignedIn = ({ signedInAt }: ListedService) => signedInAt !== undefined
    return ok({
      listed: [...all.filter(isSignedIn), ...all.filter((service) => !isSignedIn(service))],
      addresses: allowed.flatMap(({ handoff }) => handoff.loginUrl ?? []),
    })
  }

  app.post('/account/services/open', async (c) => {
    const read = await readOwnForm(c)
    if (!read.ok) return answerRefusal(c, read.refusal)
    const { session, service } = read.value
    const { userId, sid, authentication } = session
    const opened = await openService(parts, {
      holder: { userId, sid, providerId: authentication.providerId },
      service,
      now: clock(),
    })
    if (!opened.ok) {
      const { refusal } = opened
      await audit.record(c.get('facts'), { event: 'handoff.refused', userId, sid, refusal })
      return answerRefusal(c, asPage(refusal))
    }
    await audit.record(c.get('facts'), {
      event: 'handoff.opened',
      userId,
      sid,
      facts: { service },
    })
    return c.redirect(opened.value.loginUrl, 303)
  })

  app.post('/account/services/leave', async (c) => {
    const read = await readOwnForm(c)
    if (!read.ok) return answerRefusal(c, read.refusal)
    const { session, service } = read.value
    const { userId } = session
    const left = await ends.disconnectApplication(c.get('facts'), {
      userId,
      applicationId: service,
      now: clock(),
    })
    if (!left.ok) return answerRefusal(c, { code: 'temporarily_unavailable' })
    return c.redirect('/account/services', 303)
  })

  return app
}

type OpenRefusal = Extract<Awaited<ReturnType<typeof openService>>, { ok: false }>['refusal']

function asPage({ code }: OpenRefusal): Refusal<ServicesRefusal> {
  if (code === 'unavailable') return { code: 'temporarily_unavailable' }
  return { code: code === 'invalid_parameter' ? 'unknown_service' : code }
}

function answerRefusal(
  c: ServicesContext,
  { code }: Refusal<ServicesRefusal>,
): Response | Promise<Response> {
  if (code === 'no_session') return c.redirect(SIGN_IN, 303)
  const retry = { href: '/account/services', label: 'Your services' }
  return answerError(c, code, ERRORS[code], { retry })
}
