/**
 * The device grant (RFC 8628), for devices on which nobody wants to type a password:
 *
 *   POST /oauth/device_authorization   an application on a device asks for its codes (ask-device-code.ts)
 *   GET  /oauth/device                 a person types the user code, and sees what asks for what
 *   POST /oauth/device                 the person's decision (decide-device.ts)
 *
 * The device meanwhile asks the token endpoint (../token/redeem-device-code.ts).
 */
import { Hono } from 'hono'
import type { Context } from 'hono'
import type { Config } from '../../config.ts'
import type { Audit } from '../../core/audit/audit.ts'
import type { AuditEvent } from '../../core/audit/audit-event.ts'
import type { KeptValues } from '../../core/references/kept-value.ts'
import { readSessionCookie } from '../../core/sessions/session-cookie.ts'
import type { LiveSession } from '../../core/sessions/session.ts'
import type { Sessions } from '../../core/sessions/sessions.ts'
import { answerError } from '../../pages/answer-error.tsx'
import { uncached } from '../../pages/uncached.tsx'
import type { Doors } from '../../platform/doors.ts'
import { readForm } from '../../platform/read-form.ts'
import type { RequestVariables } from '../../platform/request-facts.ts'
import { uniqueParameters } from '../../platform/unique-parameters.ts'
import { isVisit } from '../../protocol/fetched-ahead.ts'
import { isFromOwnPage } from '../../protocol/same-origin.ts'
import { answerClient } from '../answer-client.ts'
import type { ClientCallParts } from '../client-call.ts'
import { oauthAnswer, oauthErrorAnswer } from '../oauth-answer.ts'
import { tokenErrors } from '../token/token-answer.ts'
import { createConsentProofs } from '../consent/consent-proof.ts'
import { DEVICE_PATH, askDeviceCode } from './ask-device-code.ts'
import { approveDevice, denyDevice, findWaitingDevice } from './decide-device.ts'
import type { DeciderParts, WaitingDevice } from './decide-device.ts'
import { DEVICE_ERRORS } from './device-errors.ts'
import type { DeviceErrorCode } from './device-errors.ts'
import { createDeviceRequests } from './device-request.ts'
import { DeviceCodePage, DeviceDecisionPage, DeviceDonePage } from './device-pages.tsx'
import { parseUserCode, shownUserCode } from './user-code.ts'

export const DEVICE_AUTHORIZATION_PATH = '/oauth/device_authorization'

export interface DeviceRouteParts extends Omit<DeciderParts, 'deviceRequests'>, ClientCallParts {
  readonly keptValues: KeptValues
  readonly config: Pick<Config, 'issuer' | 'isHttps' | 'secrets'>
  readonly audit: Audit
  readonly doors: Doors
  readonly sessions: Pick<Sessions, 'peek' | 'use'>
}

type Visit = Context<{ Variables: RequestVariables }>

export function deviceRoutes(core: DeviceRouteParts) {
  const parts = { ...core, deviceRequests: createDeviceRequests(core.keptValues) }
  const { config, clock, audit, doors, sessions } = parts
  const proofs = createConsentProofs(config.secrets.handleKey)
  const app = new Hono<{ Variables: RequestVariables }>()
  const record = (c: Visit, event: AuditEvent) => audit.record(c.get('facts'), event)

  app.post(DEVICE_AUTHORIZATION_PATH, (c) => {
    const facts = c.get('facts')
    return answerClient(parts, c.req.raw, facts, async (call) => {
      const application = call.application.id
      const codes = await askDeviceCode(parts, call)
      if (!codes.ok) {
        await record(c, { event: 'device.refused', refusal: codes.refusal, facts: { application } })
        return oauthErrorAnswer(tokenErrors[codes.refusal.code], facts.requestId)
      }
      await record(c, { event: 'device.asked', facts: { application } })
      return oauthAnswer(codes.value)
    })
  })

  app.use(DEVICE_PATH, uncached)

  /** A page that nobody looks at, by HEAD or fetched ahead, is no use of the session; an answer to one is. */
  const visitor = (c: Visit) =>
    sessions[c.req.method === 'POST' || isVisit(c.req.raw) ? 'use' : 'peek'](
      readSessionCookie(c.req.header('cookie'), config),
      clock(),
    )

  async function askPerson(
    c: Visit,
    device: WaitingDevice,
    session: LiveSession,
    status: 200 | 403,
  ): Promise<Response> {
    const proof = await proofs.make(questionOf(device, session))
    const nonce = c.get('secureHeadersNonce')
    const page = { device, session, proof, nonce }
    return c.html(<DeviceDecisionPage {...page} />, status)
  }

  app.get(DEVICE_PATH, async (c) => {
    const nonce = c.get('secureHeadersNonce')
    const typed = c.req.query('user_code')
    const session = await visitor(c)
    if (!session.ok) {
      if (session.refusal.code === 'unavailable') return fail(c, 'temporarily_unavailable')
      return c.redirect(signInHref(typed), 303)
    }
    if (typed === undefined || typed === '') {
      return c.html(<DeviceCodePage isWrong={false} nonce={nonce} />)
    }
    const entry = await doors.mayEnter('device', c.get('facts'))
    if (!entry.ok) {
      await record(c, { event: 'rate.limited', refusal: entry.refusal })
      return fail(c, 'rate_limited')
    }
    const device = await findWaitingDevice(parts, typed, clock())
    if (!device.ok) {
      const { userId, sid } = session.value
      if (device.refusal.code === 'unavailable') return fail(c, 'temporarily_unavailable')
      await record(c, { event: 'device.refused', userId, sid, refusal: device.refusal })
      return c.html(<DeviceCodePage isWrong nonce={nonce} />, 404)
    }
    return askPerson(c, device.value, session.value, 200)
  })

  app.post(DEVICE_PATH, async (c) => {
    const nonce = c.get('secureHeadersNonce')
    if (!isFromOwnPage(c.req.raw.headers, config.issuer)) {
      await record(c, { event: 'device.refused', refusal: { code: 'not_from_our_page' } })
      return fail(c, 'not_from_our_page')
    }
    const form = await readForm(c.req.raw)
    const read = form.ok ? uniqueParameters(form.value, ['user_code', 'decision', 'proof']) : form
    const session = await visitor(c)
    if (!session.ok) {
      if (session.refusal.code === 'unavailable') return fail(c, 'temporarily_unavailable')
      return c.redirect(signInHref(read.ok ? read.value.user_code : undefined), 303)
    }
    const entry = await doors.mayEnter('device', c.get('facts'))
    if (!entry.ok) {
      await record(c, { event: 'rate.limited', refusal: entry.refusal })
      return fail(c, 'rate_limited')
    }
    const { userId, sid } = session.value
    const decision = read.ok ? read.value.decision : undefined
    const now = clock()
    const device = await findWaitingDevice(parts, read.ok ? read.value.user_code : undefined, now)
    if (device.ok && decision !== 'deny') {
      const question = questionOf(device.value, session.value)
      const proof = (read.ok && read.value.proof) || ''
      if (decision !== 'allow' || !(await proofs.check(question, proof))) {
        await record(c, { event: 'device.refused', userId, sid, refusal: { code: 'not_asked' } })
        return askPerson(c, device.value, session.value, 403)
      }
    }
    const decided = !device.ok
      ? device
      : decision === 'allow'
        ? await approveDevice(parts, device.value, session.value, now)
        : await denyDevice(parts, device.value, now)
    if (!decided.ok) {
      await record(c, { event: 'device.refused', userId, sid, refusal: decided.refusal })
      return decided.refusal.code === 'no_session'
        ? c.redirect(signInHref(read.ok ? read.value.user_code : undefined), 303)
        : fail(
            c,
            decided.refusal.code === 'unavailable' ? 'temporarily_unavailable' : 'unknown_code',
          )
    }
    const isConnected = decision === 'allow'
    const application = device.ok ? device.value.application.id : undefined
    const event = isConnected ? 'device.approved' : 'device.denied'
    await record(c, { event, userId, sid, facts: { application } })
    return c.html(<DeviceDonePage isConnected={isConnected} nonce={nonce} />)
  })

  return app
}

/** What a yes has to be the answer to, as on the consent page: whoever has signed in since is asked anew. */
const questionOf = (
  { deviceCode, application, request }: WaitingDevice,
  { sid }: Pick<LiveSession, 'sid'>,
) => ({
  sid,
  requestUri: deviceCode,
  applicationId: application.id,
  scope: request.content.scope,
  claims: [],
  resource: request.content.resource,
})

/** To sign in and come back. Only what is a code comes along. */
function signInHref(typed: string | undefined): string {
  const code = parseUserCode(typed)
  const query = code === undefined ? '' : `?user_code=${shownUserCode(code)}`
  return `/auth/login?return_to=${encodeURIComponent(DEVICE_PATH + query)}`
}

const fail = (c: Visit, code: DeviceErrorCode): Response | Promise<Response> =>
  answerError(c, code, DEVICE_ERRORS[code], {
    retry: { href: DEVICE_PATH, label: 'Enter the code again' },
  })
