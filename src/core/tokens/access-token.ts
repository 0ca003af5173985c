import type { EpochSeconds } from '../../platform/clock.ts'
import { isJsonObject } from '../../platform/json-object.ts'
import { isRandomId } from '../../platform/random.ts'
import type { Result } from '../../platform/refusal.ts'
import { isThumbprint } from './signing-key.ts'

/** RFC 9068 §2.1: the media type that tells an access token from every other JWT. */
export const ACCESS_TOKEN_TYPE = 'at+jwt'

/**
 * The `client_id` of a token from the bridge (RFC 9068 §2.2 requires one): the gateway's own pages and the
 * origins that it allows are one first-party client, and this is its name.
 */
export const BRIDGE_CLIENT_ID = 'drawbridge'

/**
 * The claims of a user's access token (RFC 9068 §2.2, plus `sid`, `epoch`, `idp` and `gid`): from the bridge,
 * or of an application for one of our APIs. When the session started needs no claim: its id says so
 * (core/sessions/session.ts).
 */
export interface AccessTokenClaims {
  readonly iss: string
  readonly aud: string
  readonly sub: string
  readonly client_id: string
  readonly iat: EpochSeconds
  readonly exp: EpochSeconds
  readonly jti: string
  readonly sid: string
  readonly epoch: number
  readonly auth_time: EpochSeconds
  /** The configured identity provider that the session came from: what ends with the provider. */
  readonly idp: string
  /** The family of grants that an application's token belongs to; one from the bridge has none. */
  readonly gid?: string
  readonly acr?: string
  readonly scope?: string
  /** RFC 9449 §6.1: the token is bound to the key with this thumbprint. */
  readonly cnf?: { readonly jkt: string }
}

export interface IssueAccessToken {
  readonly sub: string
  readonly sid: string
  readonly epoch: number
  readonly authTime: EpochSeconds
  readonly providerId: string
  readonly acr?: string
  /** The token expires at the latest then (the session's deadline). */
  readonly notAfter: EpochSeconds
  /** Thumbprint of the DPoP key to bind to. */
  readonly jkt?: string
  readonly now: EpochSeconds
}

export interface AccessTokens {
  /** `session_over`: `notAfter` has come, and nothing may be minted any more. `expiresIn` is in seconds. */
  issue(
    input: IssueAccessToken,
  ): Promise<
    Result<{ token: string; expiresIn: number; jti: string }, 'session_over' | 'unavailable'>
  >
  /** Signature, header and claims only; says nothing of revocation. */
  verify(
    token: string,
    now: EpochSeconds,
  ): Promise<Result<AccessTokenClaims, 'invalid_token' | 'unavailable'>>
}

export const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0
export const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= 1024

/** It may be long: 8 KB of a token bound it. */
export const isScope = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0

/**
 * The claims of a token whose signature has been verified, each of its type and all required ones there;
 * undefined otherwise. Claims that we do not know are left out, so that a newer version of the gateway may
 * add some. A `cnf` that is not a DPoP key's thumbprint is refused: it must never read as "not bound".
 */
export function parseAccessTokenClaims(
  value: Record<string, unknown>,
): AccessTokenClaims | undefined {
  const { iss, aud, sub, client_id, iat, exp, jti, sid, epoch, auth_time, idp, gid } = value
  const { acr, scope, cnf } = value
  if (!isText(iss) || !isText(aud) || !isText(client_id)) return undefined
  if (!isRandomId(sub) || !isRandomId(sid) || !isRandomId(jti)) return undefined
  if (!isCount(iat) || !isCount(exp) || !isCount(epoch) || !isCount(auth_time)) return undefined
  if (!isText(idp)) return undefined
  // An application's token without a family could not be revoked with it.
  const isBridged = client_id === BRIDGE_CLIENT_ID
  if (isBridged ? gid !== undefined : !isRandomId(gid)) return undefined
  if (acr !== undefined && !isText(acr)) return undefined
  if (scope !== undefined && !isScope(scope)) return undefined
  const jkt = isJsonObject(cnf) ? cnf.jkt : undefined
  if (cnf !== undefined && !isThumbprint(jkt)) return undefined
  return {
    iss,
    aud,
    sub,
    client_id,
    iat,
    exp,
    jti,
    sid,
    epoch,
    auth_time,
    idp,
    ...(isRandomId(gid) ? { gid } : {}),
    ...(acr === undefined ? {} : { acr }),
    ...(scope === undefined ? {} : { scope }),
    ...(isThumbprint(jkt) ? { cnf: { jkt } } : {}),
  }
}
