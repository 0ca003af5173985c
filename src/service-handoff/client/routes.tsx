/**
 * Service hand-off, as the service: people who are signed in at a configured host come to us with a ticket.
 * `:host` may be left out for the first one; each route stands with and without a slash at its end.
 *
 *   GET  /sso/v1/login/:host?token=    asks whether to go on; it changes nothing, whoever loads it
 *   POST /sso/v1/login/:host           the person goes on: the ticket is shown to the host, a session opens
 *   POST /sso/v1/logout/:host          the host says that the session there is over: `{"api_sid": …}`
 *
 * A ticket in an address is seen by link previews, prefetchers and reloads. So no GET ever shows it to the host: the
 * page has a form, and only a form of our own page counts. That a person has come by somebody else's link, to be
 * signed in as them, they can see on that page, which is why nothing on it goes on by itself (RFC 9700 §4.7).
 */
import { Hono } from 'hono'
import type { Context } from 'hono'
import { readSessionCookie } from '../../core/sessions/session-cookie.ts'
import { answerError } from '../../pages/answer-error.tsx'
import { ConfirmPage } from '../../pages/confirm-page.tsx'
import { displayedText } from '../../pages/displayed-text.ts'
import { readForm } from '../../platform/read-form.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Refusal, Result } from '../../platform/refusal.ts'
import type { RequestVariables } from '../../platform/request-facts.ts'
import { uniqueParameters } from '../../platform/unique-parameters.ts'
import { isFromOwnPage } from '../../protocol/same-origin.ts'
import { arrivalAnswers } from './answers.ts'
import type { ArrivalRefusalCode } from './answers.ts'
import type { ClientParts } from './client-parts.ts'
import type { HandoffHost } from './handoff-hosts.ts'
import { answerHostLogout } from './host-logout.ts'
import { takeOver } from './take-over.ts'
import type { TakenOver } from './take-over.ts'

type ClientContext = Context<{ Variables: RequestVariables }>

const WELCOME_PATH = '/dashboard'

const eitherWay = (path: string): string[] =>
  [path, `${path}/:host`].flatMap((each) => [each, `${each}/`])

export function handoffClientRoutes(parts: ClientParts) {
  const { audit, clock, config, doors, handoffHosts, sessions } = parts
  const app = new Hono<{ Variables: RequestVariables }>()

  const liveSession = (c: ClientContext) =>
    sessions.peek(readSessionCookie(c.req.header('cookie'), config), clock())

  async function ask(c: ClientContext): Promise<Response> {
    const host = handoffHosts.find(c.req.param('host'))
    if (host === undefined) return answerRefusal(c, { code: 'unknown_host' })
    const ticket = readTicket(new URL(c.req.url).searchParams)
    if (!ticket.ok) return answerRefusal(c, ticket.refusal)
    const live = await liveSession(c)
    const { name } = host.config
    const present = live.ok ? (displayedText(live.value.profile.name) ?? 'somebody') : undefined
    c.header('Cache-Control', 'no-store')
    return c.html(
      <ConfirmPage
        title={`Continue from ${displayedText(name) ?? name}?`}
        text={
          present === undefined
            ? 'You will be signed in here as the person that you are signed in as there. If you have not just come from there, do not go on.'
            : `You will be signed in here as the person that you are signed in as there. Here you are signed in as ${present}; if that is not the same person, your session here ends. If you have not just come from there, do not go on.`
        }
        action={`/sso/v1/login/${host.config.id}`}
        button="Continue"
        fields={{ token: ticket.value }}
        cancel={{ href: '/', label: 'Do not sign in' }}
        nonce={c.get('secureHeadersNonce')}
      />,
    )
  }

  async function arrive(
    c: ClientContext,
    host: HandoffHost | undefined,
  ): Promise<Result<TakenOver, ArrivalRefusalCode>> {
    const facts = c.get('facts')
    const entrance = await doors.mayEnter('callback', facts)
    if (!entrance.ok) return entrance
    if (host === undefined) return refuse('unknown_host')
    if (!isFromOwnPage(c.req.raw.headers, config.issuer)) return refuse('not_from_our_page')
    const form = await readForm(c.req.raw)
    if (!form.ok) return form
    const ticket = readTicket(form.value)
    if (!ticket.ok) return ticket
    const previous = await liveSession(c)
    if (!previous.ok && previous.refusal.code === 'unavailable') return refuse('unavailable')
    return takeOver(parts, {
      host,
      ticket: ticket.value,
      previous: previous.ok ? previous.value : undefined,
      userAgent: c.req.header('user-agent'),
      facts,
      now: clock(),
    })
  }

  async function finish(c: ClientContext): Promise<Response> {
    const host = handoffHosts.find(c.req.param('host'))
    const arrived = await arrive(c, host)
    const providerId = host === undefined ? {} : { providerId: host.config.id }
    if (!arrived.ok) {
      const { refusal } = arrived
      const event = refusal.code === 'rate_limited' ? 'rate.limited' : 'login.rejected'
      await audit.record(c.get('facts'), { event, refusal, ...providerId })
      return answerRefusal(c, refusal)
    }
    const { userId, sid, isNew, isLinked, setCookies } = arrived.value
    await audit.record(c.get('facts'), {
      event: 'login.accepted',
      userId,
      sid,
      ...providerId,
      facts: { is_new: isNew, is_linked: isLinked, by: 'handoff' },
    })
    c.header('Cache-Control', 'no-store')
    for (const line of setCookies) c.header('Set-Cookie', line, { append: true })
    return c.redirect(WELCOME_PATH, 303)
  }

  app.on('GET', eitherWay('/sso/v1/login'), ask)
  app.on('POST', eitherWay('/sso/v1/login'), finish)
  app.on('POST', eitherWay('/sso/v1/logout'), (c) =>
    answerHostLogout(parts, handoffHosts.find(c.req.param('host')), c.req.raw, c.get('facts')),
  )
  return app
}

function readTicket(parameters: URLSearchParams): Result<string, 'parameter_invalid'> {
  const read = uniqueParameters(parameters, ['token'])
  const token = read.ok ? read.value.token : undefined
  return token === undefined || token === '' || token.length > 2048
    ? refuse('parameter_invalid')
    : ok(token)
}

const answerRefusal = (c: ClientContext, { code }: Refusal<ArrivalRefusalCode>) =>
  answerError(c, code, arrivalAnswers[code], {
    retry: { href: '/auth/login', label: 'Sign in here' },
  })
