/**
 * Services that people are handed over to, as somebody would write them from the wire page: a login URL, a logout
 * URL, an API key, and calls to the host's API.
 */
import type { HandoffRegistration } from '../../src/core/applications/handoff-rules.ts'
import type { OAuthRegistration } from '../../src/core/applications/registration.ts'
import type { LiveSession } from '../../src/core/sessions/session.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { applicationRegistry } from './applications.ts'
import type { Browser } from './browser.ts'
import type { Internet } from './internet.ts'
import { settings } from './settings.ts'
import type { World } from './sign-in.ts'

/** Of what `issueToService` gives. */
export const FAMILY = 'f'.repeat(32)

interface Surroundings {
  readonly internet: Internet
  fetch(request: Request): Promise<Response>
}

export interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
  readonly headers: Headers
}

/** What may differ from a plain call with the service's own key. */
export interface How {
  readonly key?: string | undefined
  readonly bearer?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly asForm?: boolean
}

export interface Service {
  readonly id: string
  readonly key: string
  readonly origin: string
  /** The `api_sid` of every logout call that came. */
  readonly told: readonly unknown[]
  /** Answers logout calls so from now on. */
  logoutStatus: number
  /** A call to the host's API. */
  ask(path: string, body: unknown, how?: How): Promise<Answer>
  /** Shows a ticket. */
  verify(ticket: string): Promise<Answer>
  /** Shows a ticket and acknowledges: the person is signed in here. */
  takeOver(ticket: string): Promise<{ readonly apiSid: string; readonly access: string }>
}

export async function createService(
  world: Surroundings,
  {
    name = 'Shop',
    origin = 'https://shop.example',
    isFirstParty = false,
    handoff = {},
    oauth,
  }: {
    readonly name?: string
    readonly origin?: string
    readonly isFirstParty?: boolean
    readonly handoff?: HandoffRegistration
    readonly oauth?: OAuthRegistration
  } = {},
): Promise<Service> {
  const registered = await applicationRegistry().register(
    {
      name,
      isFirstParty,
      handoff: {
        loginUrl: `${origin}/sso/login`,
        logoutUrl: `${origin}/sso/logout/`,
        ...handoff,
      },
      ...(oauth && { oauth }),
    },
    systemClock(),
  )
  if (!registered.ok) throw new Error(JSON.stringify(registered.problems))
  const { application, handoffKey } = registered.value
  if (handoffKey === undefined) throw new Error('no API key was made')
  const told: unknown[] = []

  const service: Service = {
    id: application.id,
    key: handoffKey.key,
    origin,
    told,
    logoutStatus: 200,

    async ask(path, body, { key = service.key, bearer, headers = {}, asForm = false } = {}) {
      const response = await world.fetch(
        new Request(`${settings.ISSUER}${path}`, {
          method: 'POST',
          headers: {
            'content-type': asForm ? 'application/x-www-form-urlencoded' : 'application/json',
            ...(key !== '' && { apikey: key }),
            ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
            ...headers,
          },
          body: asForm
            ? new URLSearchParams(body as Record<string, string>).toString()
            : JSON.stringify(body),
        }),
      )
      return answerOf(response)
    },

    verify: (token) => service.ask('/api/v1/sso/token-verify/', { token }),

    async takeOver(ticket) {
      const verified = await service.verify(ticket)
      if (verified.status !== 200) throw new Error(JSON.stringify(verified))
      const { api_sid: apiSid, access } = verified.body
      const acknowledged = await service.ask('/api/v1/sso/login-acknowledgement/', {
        api_sid: apiSid,
      })
      if (acknowledged.status !== 200) throw new Error(JSON.stringify(acknowledged))
      return { apiSid: String(apiSid), access: String(access) }
    },
  }

  world.internet.serve(origin, async (request) => {
    if (new URL(request.url).pathname !== '/sso/logout/') return new Response(null, { status: 404 })
    const body = (await request.json()) as { api_sid?: unknown }
    told.push(body.api_sid)
    return Response.json({ status: 'logged_out' }, { status: service.logoutStatus })
  })
  return service
}

export async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json') === true
  const body = isJson ? (JSON.parse(text) as Record<string, unknown>) : { text }
  return { status: response.status, body, headers: response.headers }
}

/** The person's own page asks for a login URL. */
export const requestService = async (
  browser: Browser,
  service: string,
  more: Readonly<Record<string, string>> = {},
): Promise<Answer> =>
  answerOf(
    await browser.fetch('/sso/v1/service-request/', {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ service, ...more }),
    }),
  )

/** A ticket for the service, from the person's own page. */
export async function ticketFor(browser: Browser, { id }: Pick<Service, 'id'>): Promise<string> {
  const { status, body } = await requestService(browser, id)
  if (status !== 200) throw new Error(JSON.stringify(body))
  return String(body.token)
}

/** An access token of the service for whoever is signed in, for UserInfo unless said otherwise. */
export async function issueToService(
  { core }: Pick<World, 'core'>,
  { id }: Pick<Service, 'id'>,
  { userId, sid, epoch, authentication }: LiveSession,
  changes: { readonly audience?: string; readonly jkt?: string } = {},
): Promise<string> {
  const now = systemClock()
  const issued = await core.applicationTokens.issue({
    clientId: id,
    subject: userId,
    userId,
    sid,
    epoch,
    family: FAMILY,
    authTime: authentication.authTime,
    providerId: authentication.providerId,
    scope: ['openid'],
    notAfter: now + 60,
    now,
    ...changes,
  })
  if (!issued.ok) throw new Error(issued.refusal.code)
  return issued.value.token
}
