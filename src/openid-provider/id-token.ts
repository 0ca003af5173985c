import { base64url } from 'jose'
import type { Config } from '../config.ts'
import type { OAuthApplication } from '../core/applications/application.ts'
import type { Subjects } from '../core/applications/subject.ts'
import type { LiveSession } from '../core/sessions/session.ts'
import type { SignedClaims } from '../core/tokens/signed-claims.ts'
import type { EpochSeconds } from '../platform/clock.ts'
import { sha256 } from '../platform/digest.ts'
import type { Result } from '../platform/refusal.ts'
import { claimsAbout } from './claims.ts'
import type { ClaimsRequest } from './claims-request.ts'

/** An hour: it tells of a sign-in, and opens nothing here but a hint. */
export const ID_TOKEN_SECONDS = 3600

export interface IdTokenParts {
  readonly config: Pick<Config, 'issuer'>
  readonly subjects: Subjects
  readonly signedClaims: Pick<SignedClaims, 'sign'>
}

export interface IssueIdToken {
  readonly application: OAuthApplication
  readonly session: Pick<LiveSession, 'userId' | 'sid' | 'authentication' | 'profile'>
  readonly scope: readonly string[]
  readonly claims: Pick<ClaimsRequest, 'idToken'>
  /** Of the authentication request, as it was. A refresh has none (OpenID Connect Core 1.0 §12.2). */
  readonly nonce?: string | undefined
  /** What is handed out in the same answer, for `at_hash` and `c_hash` (§3.1.3.6, §3.3.2.11). */
  readonly accessToken?: string | undefined
  readonly code?: string | undefined
  readonly now: EpochSeconds
}

/**
 * An ID token (OpenID Connect Core 1.0 §2) of this session for this application, signed as its registration
 * says. `auth_time` is always in it. There is one audience, so `azp` has nothing to say.
 */
export async function issueIdToken(
  { config, subjects, signedClaims }: IdTokenParts,
  { application, session, scope, claims, nonce, accessToken, code, now }: IssueIdToken,
): Promise<Result<string, 'unavailable'>> {
  const { userId, sid, authentication, profile } = session
  const { authTime, acr, amr } = authentication
  return signedClaims.sign({
    type: 'JWT',
    alg: application.oauth.idTokenSignedResponseAlg,
    claims: {
      // First, so that no claim about the person can ever stand in for one of the protocol's.
      ...claimsAbout(profile, { scope, names: claims.idToken }),
      iss: config.issuer,
      sub: await subjects.subjectFor(application, userId),
      aud: application.id,
      exp: now + ID_TOKEN_SECONDS,
      iat: now,
      auth_time: authTime,
      sid: await subjects.sessionIdFor(application, sid),
      ...(nonce === undefined ? {} : { nonce }),
      ...(acr === undefined ? {} : { acr }),
      ...(amr === undefined || amr.length === 0 ? {} : { amr }),
      ...(accessToken === undefined ? {} : { at_hash: await halfHash(accessToken) }),
      ...(code === undefined ? {} : { c_hash: await halfHash(code) }),
    },
    now,
  })
}

/** The left half of SHA-256, which is the hash of each algorithm that we sign with (§3.1.3.6). */
const halfHash = async (text: string): Promise<string> =>
  base64url.encode((await sha256(text)).slice(0, 16))
