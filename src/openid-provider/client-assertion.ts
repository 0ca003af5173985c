/**
 * `private_key_jwt` (RFC 7523 §3, OpenID Connect Core 1.0 §9): an application proves itself with a JWT under a
 * key of its registration. Key and algorithm come from there; what the token's header brings along is not
 * looked at.
 */
import { base64url, compactVerify, errors } from 'jose'
import type { OAuthApplication } from '../core/applications/application.ts'
import type { Claims } from '../core/references/claims.ts'
import type { EpochSeconds } from '../platform/clock.ts'
import { parseJsonObject } from '../platform/json-object.ts'
import { refuse } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'
import { SIGNING_ALGORITHMS } from '../protocol/signing-algorithms.ts'
import { isKeyId, parseVerificationKey } from '../protocol/verification-key.ts'
import type { VerificationKey } from '../protocol/verification-key.ts'

export const CLIENT_ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** What a key of an application may sign with; each key with what it is for. */
export const ASSERTION_ALGORITHMS = SIGNING_ALGORITHMS

const LONGEST_ASSERTION_CHARACTERS = 8192
const LONGEST_JTI_CHARACTERS = 256
/** How far ahead an assertion may expire. */
const LONGEST_LIFE_SECONDS = 300
/** C1: for clocks that are not ours. */
const CLOCK_TOLERANCE_SECONDS = 60
/** Keys without an id are tried in turn, so many. */
const MAXIMUM_CANDIDATES = 4

/** None, the general one, and that of draft-ietf-oauth-rfc7523bis; any other is a token for something else. */
const TYPES: readonly unknown[] = [undefined, 'jwt', 'client-authentication+jwt']

/** An assertion that has the form of one. Nothing of it has been verified. */
export interface ClientAssertion {
  readonly text: string
  readonly alg: string
  readonly keyId: string | undefined
  /** Whom it names as its subject. */
  readonly clientId: string
}

/** Reads the form of an assertion, to learn whose keys would have to have signed it. */
export function parseClientAssertion(text: string): ClientAssertion | undefined {
  if (text.length > LONGEST_ASSERTION_CHARACTERS) return undefined
  const [header, payload, signature, ...rest] = text.split('.')
  if (header === undefined || payload === undefined || !signature || rest.length > 0)
    return undefined
  const members = decodeObject(header)
  const claims = decodeObject(payload)
  if (members === undefined || claims === undefined) return undefined
  const { alg, kid, typ } = members
  const type = typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : typ
  if (typeof alg !== 'string' || !TYPES.includes(type)) return undefined
  if (['crit', 'b64', 'cty'].some((name) => Object.hasOwn(members, name))) return undefined
  if (kid !== undefined && !isKeyId(kid)) return undefined
  return typeof claims.sub === 'string'
    ? { text, alg, keyId: kid, clientId: claims.sub }
    : undefined
}

/**
 * Judges an assertion of this application. It counts once: of any number of uses, at any time and in
 * parallel, one is accepted. `audiences` are the names that we go by.
 */
export async function checkClientAssertion(
  claims: Pick<Claims, 'claim'>,
  {
    application,
    assertion,
    audiences,
  }: {
    readonly application: OAuthApplication
    readonly assertion: ClientAssertion
    readonly audiences: readonly string[]
  },
  now: EpochSeconds,
): Promise<Result<undefined, 'invalid_assertion' | 'unavailable'>> {
  const asserted = await verify(application, assertion)
  if (asserted === undefined) return no('signature')
  const { iss, sub, aud, exp, nbf, iat, jti } = asserted
  if (iss !== application.id || sub !== application.id) return no('iss')
  // One audience, and as a plain string: an assertion that is for several could be passed on by any of them.
  if (typeof aud !== 'string' || !audiences.includes(aud)) return no('aud')
  if (!isTime(exp) || now >= exp + CLOCK_TOLERANCE_SECONDS) return no('exp')
  if (exp > now + LONGEST_LIFE_SECONDS + CLOCK_TOLERANCE_SECONDS) return no('lifetime')
  for (const begin of [nbf, iat]) {
    if (begin === undefined) continue
    if (!isTime(begin) || begin > now + CLOCK_TOLERANCE_SECONDS) return no('begin')
  }
  if (typeof jti !== 'string' || jti === '' || jti.length > LONGEST_JTI_CHARACTERS) return no('jti')
  const claimed = await claims.claim(
    { kind: 'client-assertion', parts: [application.id, jti] },
    { now, expiresAt: Math.ceil(exp) + CLOCK_TOLERANCE_SECONDS },
  )
  if (claimed.ok) return claimed
  return claimed.refusal.code === 'unavailable' ? refuse('unavailable') : no('replay')
}

const no = (check: string) => refuse('invalid_assertion', { check })

const isTime = (value: unknown): value is number => Number.isFinite(value)

/** The claims, if a key of the application's that is for this algorithm has signed them. */
async function verify(
  { oauth }: OAuthApplication,
  { text, alg, keyId }: ClientAssertion,
): Promise<Record<string, unknown> | undefined> {
  const keys = await Promise.all((oauth.jwks?.keys ?? []).map(parseVerificationKey))
  const candidates = keys
    .filter((key) => key !== undefined)
    .filter(({ algorithms }) => algorithms.some((each) => each === alg))
    .filter((key) => keyId === undefined || key.keyId === undefined || key.keyId === keyId)
    .slice(0, MAXIMUM_CANDIDATES)
  for (const key of candidates) {
    const payload = await verifyWith(key, text, alg)
    if (payload !== undefined) return parseJsonObject(payload)
  }
  return undefined
}

async function verifyWith(
  { jwk, algorithms }: VerificationKey,
  text: string,
  alg: string,
): Promise<Uint8Array | undefined> {
  const algorithm = algorithms.find((each) => each === alg)
  if (algorithm === undefined) return undefined
  try {
    return (await compactVerify(text, jwk, { algorithms: [algorithm] })).payload
  } catch (thrown) {
    if (thrown instanceof errors.JOSEError) return undefined
    throw thrown
  }
}

function decodeObject(part: string): Record<string, unknown> | undefined {
  try {
    return parseJsonObject(base64url.decode(part))
  } catch {
    return undefined
  }
}
