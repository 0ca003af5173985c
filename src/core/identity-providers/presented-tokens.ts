/**
 * Tokens that an application brings: it has signed a person in with the provider by itself, and says so to us. A
 * token proves that only if it was issued to us or to an application of ours. One that any other client of the
 * same provider has got proves nothing but that the person has once been there (RFC 6749 §10.16), and is refused.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { assertedClaims } from './assertion.ts'
import { isAccessTokenHashRight, isSubject } from './id-token.ts'
import type { Assertion } from './assertion.ts'
import type { ProviderDocuments } from './provider-documents.ts'
import { introspectToken, requestUserInfo } from './provider-requests.ts'
import type { ProviderParty } from './provider-requests.ts'
import {
  CLOCK_TOLERANCE_SECONDS,
  failingRegisteredClaim,
  isNumericDate,
} from './registered-claims.ts'
import { verifyProviderJwt } from './verify-provider-jwt.ts'
import type { Claims } from './verify-provider-jwt.ts'

export interface PresentedTokens {
  readonly accessToken?: string | undefined
  readonly idToken?: string | undefined
}

export type PresentedRefusal =
  | 'token_refused' // it is not good, or not ours; facts.check says what failed
  | 'token_unbound' // nothing that the provider offers says whom it was issued to
  | 'provider_unavailable'

/** Whom the tokens are about, as (issuer, subject) with what the provider says of the person now. */
export type PresentedPerson = Pick<Assertion, 'issuer' | 'subject' | 'claims'>

/** An ID token of an application of ours is brought right after it was made. */
const MAXIMUM_AGE_SECONDS = 600

export async function verifyPresentedTokens(
  party: ProviderParty,
  keys: ProviderDocuments['keys'],
  { accessToken, idToken }: PresentedTokens,
  now: EpochSeconds,
): Promise<Result<PresentedPerson, PresentedRefusal>> {
  // RFC 6749 appendix A.12. It goes into a header and a form next.
  if (accessToken !== undefined && !/^[\x21-\x7e]+$/.test(accessToken)) return refused('form')
  const bound =
    idToken === undefined
      ? await introspect(party, accessToken, now)
      : await verifyIdToken(party, keys, { idToken, accessToken }, now)
  if (!bound.ok) return bound
  const { subject, claims } = bound.value
  const userInfo = await readUserInfo(party, accessToken, subject)
  if (!userInfo.ok) return userInfo
  const { issuer } = party.config
  return ok({ issuer, subject, claims: assertedClaims(claims, userInfo.value) })
}

const refused = (check: string) => refuse('token_refused', { check })

interface Bound {
  readonly subject: string
  readonly claims: Claims
}

/**
 * RFC 7662 §2.2, asked as the client that we are. The client that the token was issued to has to be named, and
 * to be ours. A token that is bound to a key (`cnf`) is of no use to whoever only brings it.
 */
async function introspect(
  party: ProviderParty,
  accessToken: string | undefined,
  now: EpochSeconds,
): Promise<Result<Bound, PresentedRefusal>> {
  if (accessToken === undefined) return refused('missing')
  const { config, discovery } = party
  if (discovery.introspectionEndpoint === undefined || discovery.userInfoEndpoint === undefined) {
    return refuse('token_unbound')
  }
  const answer = await introspectToken(party, accessToken)
  if (!answer.ok) return refuse('provider_unavailable', answer.refusal.facts)
  const { active, client_id: clientId, sub, iss, exp, nbf, token_type: type, cnf } = answer.value
  if (active !== true) return refused('active')
  if (clientId !== config.clientId && !isNative(config, clientId)) return refused('client_id')
  if (iss !== undefined && iss !== config.issuer) return refused('iss')
  if (exp !== undefined && !(isNumericDate(exp) && now < exp)) return refused('exp')
  if (nbf !== undefined && !(isNumericDate(nbf) && nbf <= now + CLOCK_TOLERANCE_SECONDS)) {
    return refused('nbf')
  }
  const isBearer = type === undefined || (typeof type === 'string' && /^bearer$/i.test(type))
  if (!isBearer || cnf !== undefined) return refused('token_type')
  return isSubject(sub) ? ok({ subject: sub, claims: {} }) : refused('sub')
}

const isNative = ({ nativeClientIds }: ProviderParty['config'], clientId: unknown): boolean =>
  typeof clientId === 'string' && nativeClientIds.includes(clientId)

/**
 * OpenID Connect Core 1.0 §3.1.3.7, but for the nonce, which the application has to check. The token's authorized
 * party is one of the configured applications and never we ourselves: what we get at a sign-in of our own, no
 * token that is good here can stand for, nor the other way round.
 */
async function verifyIdToken(
  { config }: ProviderParty,
  keys: ProviderDocuments['keys'],
  { idToken, accessToken }: PresentedTokens,
  now: EpochSeconds,
): Promise<Result<Bound, PresentedRefusal>> {
  const { issuer, clientId, idTokenSigningAlgorithm: algorithm } = config
  const rules = { algorithm, keys, types: ['jwt'], isTypeRequired: false }
  const verified = await verifyProviderJwt(idToken, rules, now)
  if (!verified.ok) {
    const { code, facts } = verified.refusal
    return refuse(code === 'jwt_invalid' ? 'token_refused' : code, facts)
  }
  const { azp, ...claims } = verified.value
  // Back-Channel Logout 1.0 §2.4: what has `events` is a logout token.
  if (Object.hasOwn(claims, 'events')) return refused('events')
  const audience = Array.isArray(claims['aud']) ? (claims['aud'] as unknown[])[0] : claims['aud']
  if (!isNative(config, azp ?? audience)) return refused('azp')
  const expected = {
    issuer,
    clientId: isNative(config, audience) ? String(audience) : clientId,
    maximumAgeSeconds: MAXIMUM_AGE_SECONDS,
    mayLackExpiry: false,
  }
  const failing = failingRegisteredClaim(claims, expected, now)
  if (failing !== undefined) return refused(failing)
  const { sub, at_hash: hash } = claims
  if (!isSubject(sub)) return refused('sub')
  // Beside it, an access token is this person's only if the ID token says so.
  if (accessToken === undefined) return ok({ subject: sub, claims })
  const isBound =
    hash !== undefined && (await isAccessTokenHashRight(hash, { accessToken, algorithm }))
  return isBound ? ok({ subject: sub, claims }) : refused('at_hash')
}

/** What the provider says of the person; it has to be the person that the token is about. */
async function readUserInfo(
  party: ProviderParty,
  accessToken: string | undefined,
  subject: string,
): Promise<Result<Claims, PresentedRefusal>> {
  if (accessToken === undefined || party.discovery.userInfoEndpoint === undefined) return ok({})
  const userInfo = await requestUserInfo(party, accessToken, subject)
  if (userInfo.ok) return userInfo
  const { code, facts } = userInfo.refusal
  if (code === 'id_token_invalid') return refused('userinfo_sub')
  const isRefusedThere = facts?.['status'] === 401 || facts?.['status'] === 403
  return isRefusedThere ? refused('userinfo') : refuse('provider_unavailable', facts)
}
