/**
 * The form of a widget token: a compact JWS under HS256 and nothing else, whatever its header says, with the
 * secret's text as the key. It has no `kid`: which secret it is under is known from whose it is.
 */
import { CompactSign, base64url, compactVerify, errors } from 'jose'
import { parseJsonObject } from '../platform/json-object.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'
import type { WidgetClaims } from './widget-claims.ts'

/** No honest one comes near it; refused before anything of it is decoded. */
const LONGEST_TOKEN_CHARACTERS = 8192

const utf8 = new TextEncoder()

export const signWidgetJwt = (claims: WidgetClaims, secret: string): Promise<string> =>
  new CompactSign(utf8.encode(JSON.stringify(claims)))
    .setProtectedHeader({ typ: 'JWT', alg: 'HS256' })
    .sign(utf8.encode(secret))

/** A token that may be one. Of what it says nothing is known to be true. */
export interface UnverifiedWidgetJwt {
  readonly token: string
  readonly claims: Readonly<Record<string, unknown>>
}

/** Takes a token apart. `typ` may be missing, and is else `JWT`: every other kind of token says so there. */
export function parseWidgetJwt(
  token: string,
): Result<UnverifiedWidgetJwt, 'malformed_token' | 'wrong_algorithm'> {
  if (token.length > LONGEST_TOKEN_CHARACTERS) return refuse('malformed_token', { check: 'size' })
  const [header, payload, signature, ...rest] = token.split('.').map(decode)
  if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) {
    return refuse('malformed_token', { check: 'form' })
  }
  const members = parseJsonObject(header)
  if (members === undefined) return refuse('malformed_token', { check: 'header' })
  if (members.alg !== 'HS256') return refuse('wrong_algorithm')
  const { typ } = members
  const isJwt = typ === undefined || (typeof typ === 'string' && typ.toUpperCase() === 'JWT')
  // RFC 7515 §4.1.11: an extension that has to be understood, of which we understand none.
  if (!isJwt || members.crit !== undefined) return refuse('malformed_token', { check: 'header' })
  const claims = parseJsonObject(payload)
  if (claims === undefined) return refuse('malformed_token', { check: 'claims' })
  return ok({ token, claims })
}

/** Whether the token is under one of these secrets. */
export async function isSignedUnder(token: string, secrets: readonly string[]): Promise<boolean> {
  for (const secret of secrets) {
    try {
      await compactVerify(token, utf8.encode(secret), { algorithms: ['HS256'] })
      return true
    } catch (thrown) {
      if (!(thrown instanceof errors.JOSEError)) throw thrown
    }
  }
  return false
}

/** Only what is written in the one way that base64url allows: a changed token must not pass as the same. */
function decode(part: string): Uint8Array | undefined {
  try {
    const bytes = base64url.decode(part)
    return base64url.encode(bytes) === part ? bytes : undefined
  } catch {
    return undefined
  }
}
