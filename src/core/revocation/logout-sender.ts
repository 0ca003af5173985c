/**
 * Tells one application that one session is over: a logout token in a POST to its back-channel logout URI
 * (OpenID Connect Back-Channel Logout 1.0 §2.4, §2.5). The registration is read at each attempt, so that a
 * corrected URI helps at once, also that of an application which has been removed; what it said last goes along
 * with the delivery, for when the directory is down.
 */
import type { Clock } from '../../platform/clock.ts'
import { isJsonObject } from '../../platform/json-object.ts'
import type { OutboundFetch, UrlRules } from '../../platform/outbound-fetch.ts'
import { randomId } from '../../platform/random.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { Applications, IdTokenAlgorithm } from '../applications/application.ts'
import type { Delivery, SendOutcome } from '../sessions/delivery.ts'
import type { SignedClaims } from '../tokens/signed-claims.ts'

const BACK_CHANNEL_LOGOUT = 'http://schemas.openid.net/event/backchannel-logout'

/** §4: a short life, since each attempt has a token of its own. */
const TOKEN_LIFETIME_SECONDS = 120

/** How an application is reached, and with what it wants tokens signed. */
interface Address {
  readonly uri: string
  readonly alg: IdTokenAlgorithm
}

export type SendLogout = (delivery: Delivery) => Promise<SendOutcome>

export function createLogoutSender(parts: {
  readonly issuer: string
  readonly applications: Pick<Applications, 'findBackchannel'>
  readonly signedClaims: Pick<SignedClaims, 'sign'>
  readonly outbound: OutboundFetch
  readonly urlRules: UrlRules
  readonly clock: Clock
}): SendLogout {
  const { issuer, applications, signedClaims, outbound, urlRules, clock } = parts

  /** Undefined: it has no such URI. */
  async function findAddress({
    applicationId,
    remembered,
  }: Delivery): Promise<Result<Address | undefined, 'unavailable'>> {
    const found = await applications.findBackchannel(applicationId)
    if (!found.ok) {
      const last = parseAddress(remembered)
      const isGone = found.refusal.code === 'unknown_application'
      return last !== undefined || isGone ? ok(last) : refuse('unavailable')
    }
    const { uri, alg } = found.value
    return ok(uri === undefined ? undefined : { uri, alg })
  }

  return async (delivery) => {
    const found = await findAddress(delivery)
    if (!found.ok) return { kind: 'failed', error: 'directory_unavailable' }
    const address = found.value
    if (address === undefined) return { kind: 'unconcerned' }
    const remember = JSON.stringify(address)
    const failed = (error: string) => ({ kind: 'failed', error, remember }) as const

    const now = clock()
    const token = await signedClaims.sign({
      type: 'logout+jwt',
      alg: address.alg,
      claims: {
        iss: issuer,
        aud: delivery.applicationId,
        sub: delivery.subject,
        sid: delivery.clientSid,
        iat: now,
        exp: now + TOKEN_LIFETIME_SECONDS,
        jti: randomId(),
        events: { [BACK_CHANNEL_LOGOUT]: {} },
      },
      now,
    })
    if (!token.ok) return failed('no_signing_key')

    const body = new URLSearchParams({ logout_token: token.value })
    const answer = await outbound(address.uri, { method: 'POST', body }, urlRules)
    if (!answer.ok) return failed(answer.refusal.code)
    const { status } = answer.value
    // §2.8: 200, and 204 from frameworks that will not send an empty 200.
    if (status === 200 || status === 204) return { kind: 'told', remember }
    const error = `status_${status}`
    return status === 400 ? { kind: 'refused', error, remember } : failed(error)
  }
}

function parseAddress(remembered: string | undefined): Address | undefined {
  const value: unknown = remembered === undefined ? undefined : JSON.parse(remembered)
  if (!isJsonObject(value) || typeof value.uri !== 'string') return undefined
  return { uri: value.uri, alg: value.alg as IdTokenAlgorithm }
}
