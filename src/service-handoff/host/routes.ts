/**
 * Service hand-off, as the host: a signed-in person is passed on to another service with a ticket that counts
 * once. Each route stands with and without a slash at its end, and takes JSON and forms.
 *
 *   PUT  /sso/v1/service-request/                 the person's own page asks for a login URL (session cookie)
 *   POST /api/v1/sso/service-request/             an application asks for one (API key and access token)
 *   POST /api/v1/sso/token-verify/                the service shows the ticket and learns who has come
 *   POST /api/v1/sso/login-acknowledgement/       it has signed the person in, and wants to hear when that is over
 *   POST /api/v1/sso/logout/                      the person has left it: the session ends, and the others are told
 *   POST /api/v1/sso/token-refresh/               it renews its access token
 *   POST /api/v1/user/login/                      a person's username and password, where it may ask for them
 *
 * Tickets are grants of the session (core/sessions), participants are told from its outbox (core/revocation); the
 * other half, where we are the service, is the neighbour `client`.
 */
import { Hono } from 'hono'
import type { Context } from 'hono'
import type { HandoffApplication } from '../../core/applications/application.ts'
import type { AuditEvent } from '../../core/audit/audit-event.ts'
import { readSessionCookie } from '../../core/sessions/session-cookie.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Refusal, Result } from '../../platform/refusal.ts'
import type { RequestVariables } from '../../platform/request-facts.ts'
import { isFromOwnPage } from '../../protocol/same-origin.ts'
import { readParameters } from '../read-parameters.ts'
import type { ParameterName, Parameters } from '../read-parameters.ts'
import { acknowledge } from './acknowledge.ts'
import { checkBearer } from './check-bearer.ts'
import { endFromService } from './end-from-service.ts'
import type { HostParts } from './host-parts.ts'
import { openService } from './open-service.ts'
import type { OpenedService } from './open-service.ts'
import { refreshAccess } from './refresh.ts'
import { handoffAnswers } from './refusals.ts'
import type { HandoffRefusalCode } from './refusals.ts'
import { signInWithPassword } from './sign-in-with-password.ts'
import { tellUser } from './tell-user.ts'
import { verifyTicket } from './verify-ticket.ts'

type HostContext = Context<{ Variables: RequestVariables }>

/** What is answered, and the one event that tells of it. */
interface Done {
  readonly body: Readonly<Record<string, unknown>>
  readonly event: AuditEvent
}

/** `concerns`: whom a refusal is about, for the audit trail only. */
type Outcome = Promise<
  Result<Done, HandoffRefusalCode> & {
    readonly concerns?: Pick<AuditEvent, 'userId' | 'sid' | 'facts'>
  }
>

/** A call of a service that has shown its key, with what it brings. */
interface ServiceCall<Names extends ParameterName> {
  readonly application: HandoffApplication
  readonly parameters: Parameters<Names>
  /** When the last byte of it was there: a body that takes its time makes no ticket last longer. */
  readonly now: number
}

const eitherWay = (path: string): string[] => [path, `${path}/`]

export function handoffHostRoutes(parts: HostParts) {
  const { audit, clock, config, doors, handoffKeys, handoffSessions, sessions } = parts
  const app = new Hono<{ Variables: RequestVariables }>()

  async function answer(c: HostContext, outcome: Outcome): Promise<Response> {
    const done = await outcome
    c.header('Cache-Control', 'no-store')
    c.header('Pragma', 'no-cache')
    if (done.ok) {
      await audit.record(c.get('facts'), done.value.event)
      return c.json(done.value.body)
    }
    const { refusal, concerns } = done
    const event = refusal.code === 'rate_limited' ? 'rate.limited' : 'handoff.refused'
    await audit.record(c.get('facts'), { event, refusal, ...concerns })
    return answerRefusal(c, refusal)
  }

  /** Counted first, then the key: who has none is told nothing of anything else. */
  const asService =
    <Names extends ParameterName>(
      names: readonly Names[],
      work: (call: ServiceCall<Names>, c: HostContext) => Outcome,
    ) =>
    (c: HostContext) =>
      answer(
        c,
        (async () => {
          const entrance = await doors.mayEnter('handoff', c.get('facts'))
          if (!entrance.ok) return entrance
          // The body first: a key that was withdrawn while it came is judged as withdrawn.
          const read = await readParameters(c.req.raw, names)
          const checked = await handoffKeys.check(c.req.header('apikey') ?? '', clock())
          if (!checked.ok) return checked
          const application = checked.value
          const done = read.ok
            ? await work({ application, parameters: read.value, now: clock() }, c)
            : read
          return done.ok ? done : { ...done, concerns: { facts: { application: application.id } } }
        })(),
      )

  app.on('PUT', eitherWay('/sso/v1/service-request'), (c) =>
    answer(
      c,
      (async () => {
        // As where an application sends the browser itself.
        const entrance = await doors.mayEnter('authorize', c.get('facts'))
        if (!entrance.ok) return entrance
        if (!isFromOwnPage(c.req.raw.headers, config.issuer)) return refuse('not_from_our_page')
        const cookie = readSessionCookie(c.req.header('cookie'), config)
        const live = await sessions.use(cookie, clock())
        if (!live.ok) return live
        const read = await readParameters(c.req.raw, ['service', 'state'])
        if (!read.ok) return read
        const now = clock()
        const { service, state } = read.value
        if (service === undefined) return refuse('missing_parameter', { parameter: 'service' })
        const { userId, sid, authentication } = live.value
        const holder = { userId, sid, providerId: authentication.providerId }
        const opened = await openService(parts, { holder, service, state, now })
        return opened.ok
          ? ok(tellOpened(opened.value, { holder, service }))
          : { ...opened, concerns: { userId, sid } }
      })(),
    ),
  )

  app.on(
    'POST',
    eitherWay('/api/v1/sso/service-request'),
    asService(['service', 'state', 'api_sid'], async ({ application, parameters, now }, c) => {
      const authorization = c.req.header('authorization')
      const bearer = await checkBearer(parts, { application, authorization, now })
      if (!bearer.ok) return bearer
      const holder = bearer.value
      const { service, state, api_sid: apiSid } = parameters
      if (service === undefined) return refuse('missing_parameter', { parameter: 'service' })
      // It may say which session it means; what it may do, the access token says alone.
      const named = apiSid && (await handoffSessions.find(apiSid, application.id, now))
      if (named && !named.ok) return named
      if (named && named.value.sid !== holder.sid) return refuse('unknown_api_sid')
      const opened = await openService(parts, {
        holder,
        service,
        state,
        now,
        askedBy: application,
      })
      if (!opened.ok) return opened
      return ok(tellOpened(opened.value, { holder, service, askedBy: application.id }))
    }),
  )

  app.on(
    'POST',
    eitherWay('/api/v1/sso/token-verify'),
    asService(['token'], async ({ application, parameters, now }) => {
      const { token: ticket } = parameters
      if (ticket === undefined) return refuse('missing_parameter', { parameter: 'token' })
      const verified = await verifyTicket(parts, { application, ticket, now })
      if (!verified.ok) return verified
      const { apiSid, accessToken, refreshToken, subject, scope, session } = verified.value
      return ok({
        body: {
          api_sid: apiSid,
          access: accessToken.token,
          ...(refreshToken !== undefined && { refresh: refreshToken }),
          expires_in: accessToken.expiresIn,
          user: tellUser(subject, session.profile, scope),
        },
        event: eventOf('handoff.verified', session, application),
      })
    }),
  )

  app.on(
    'POST',
    eitherWay('/api/v1/sso/login-acknowledgement'),
    asService(['api_sid', 'service'], async ({ application, parameters, now }, c) => {
      const { api_sid: apiSid, service = application.id } = parameters
      if (apiSid === undefined) return refuse('missing_parameter', { parameter: 'api_sid' })
      if (service !== application.id) return refuse('service_not_allowed')
      const facts = c.get('facts')
      const done = await acknowledge(parts, { application, apiSid, facts, now })
      if (!done.ok) return done
      return ok({
        body: { status: 'acknowledged', api_sid: apiSid },
        event: eventOf('handoff.acknowledged', done.value, application),
      })
    }),
  )

  app.on(
    'POST',
    eitherWay('/api/v1/sso/logout'),
    asService(['api_sid'], async ({ application, parameters, now }, c) => {
      const { api_sid: apiSid } = parameters
      if (apiSid === undefined) return refuse('missing_parameter', { parameter: 'api_sid' })
      const facts = c.get('facts')
      const ended = await endFromService(parts, { application, apiSid, facts, now })
      if (!ended.ok) return ended
      return ok({
        body: { status: 'logged_out', api_sid: apiSid },
        event: eventOf('handoff.ended', ended.value, application),
      })
    }),
  )

  app.on(
    'POST',
    eitherWay('/api/v1/sso/token-refresh'),
    asService(['refresh'], async ({ application, parameters, now }) => {
      const { refresh } = parameters
      if (refresh === undefined) return refuse('missing_parameter', { parameter: 'refresh' })
      const refreshed = await refreshAccess(parts, { application, refresh, now })
      if (!refreshed.ok) return refreshed
      const { accessToken, refreshToken, session } = refreshed.value
      return ok({
        body: {
          access: accessToken.token,
          refresh: refreshToken,
          expires_in: accessToken.expiresIn,
        },
        event: eventOf('handoff.refreshed', session, application),
      })
    }),
  )
  app.on(
    'POST',
    eitherWay('/api/v1/user/login'),
    asService(['username', 'password'], async ({ application, parameters, now }, c) => {
      const { username, password } = parameters
      if (username === undefined || password === undefined) return refuse('missing_parameter')
      const userAgent = c.req.header('user-agent')
      const facts = c.get('facts')
      const asking = { application, username, password, userAgent, facts, now }
      const signedIn = await signInWithPassword(parts, asking)
      if (!signedIn.ok) return signedIn
      const { apiSid, accessToken, refreshToken, session } = signedIn.value
      return ok({
        body: {
          api_sid: apiSid,
          ...(refreshToken !== undefined && { refresh: refreshToken }),
          access: accessToken.token,
          expires_in: accessToken.expiresIn,
        },
        event: eventOf('handoff.signed_in', session, application),
      })
    }),
  )
  return app
}

const tellOpened = (
  { loginUrl, token, expiresIn }: OpenedService,
  {
    holder: { userId, sid },
    service,
    askedBy,
  }: {
    readonly holder: { readonly userId: string; readonly sid: string }
    readonly service: string
    readonly askedBy?: string
  },
): Done => ({
  body: { login_url: loginUrl, token, expires_in: expiresIn },
  event: { event: 'handoff.opened', userId, sid, facts: { service, asked_by: askedBy } },
})

const eventOf = (
  event: AuditEvent['event'],
  { userId, sid }: { readonly userId: string; readonly sid: string },
  { id }: HandoffApplication,
): AuditEvent => ({ event, userId, sid, facts: { application: id } })

function answerRefusal(c: HostContext, { code }: Refusal<HandoffRefusalCode>): Response {
  const { status, challenge, retryAfterSeconds, ...body } = handoffAnswers[code]
  if (challenge !== undefined) c.header('WWW-Authenticate', challenge)
  if (retryAfterSeconds !== undefined) c.header('Retry-After', String(retryAfterSeconds))
  return c.json({ detail: body.detail, code: body.code }, status)
}
