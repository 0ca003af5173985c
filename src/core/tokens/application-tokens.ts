/**
 * Access tokens of applications (RFC 9068): one for a user who signed in there, or one of the application's
 * own. Issued and verified here, by the keys of keys.ts; whether one has been revoked is for core/revocation
 * to say. Nothing is stored; each isolate remembers which signatures it has verified.
 */
import type { Config } from '../../config.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { randomId } from '../../platform/random.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { createSeal } from '../../platform/seal.ts'
import { ACCESS_TOKEN_TYPE } from './access-token.ts'
import { parseApplicationTokenClaims } from './application-token-claims.ts'
import type { ApplicationTokens, IssueApplicationToken, IssuedToken } from './application-token.ts'
import { LONGEST_ACCESS_TOKEN_SECONDS } from './key-lifetimes.ts'
import type { Keys } from './keys.ts'
import { signOwnJwt } from './own-jwt.ts'
import { createVerify } from './token-verifier.ts'

/** About a megabyte in an isolate. */
const REMEMBERED_TOKENS = 1000

export function createApplicationTokens({
  config,
  keys,
}: {
  readonly config: Pick<Config, 'issuer' | 'accessToken' | 'secrets'>
  readonly keys: Pick<Keys, 'signingKey' | 'publicKey' | 'isKnownGood'>
}): ApplicationTokens {
  const longest = Math.min(config.accessToken.lifetimeSeconds, LONGEST_ACCESS_TOKEN_SECONDS)
  const references = createSeal(config.secrets.handleKey, 'token-reference')

  async function sign(
    claims: Readonly<Record<string, unknown>>,
    { expiresIn, now }: { readonly expiresIn: number; readonly now: EpochSeconds },
  ): Promise<Result<IssuedToken, 'unavailable'>> {
    const jti = randomId()
    const signed = await signOwnJwt(keys, {
      type: ACCESS_TOKEN_TYPE,
      alg: 'ES256',
      claims: { iss: config.issuer, ...claims, iat: now, exp: now + expiresIn, jti },
      now,
    })
    return signed.ok ? ok({ token: signed.value, expiresIn, jti }) : signed
  }

  /**
   * Who it is about. Where the application knows the user under a name of its own, neither our user id nor
   * our session id stands in the clear: applications that compare tokens must not find the same person.
   */
  async function subjectClaims({ subject, userId, sid }: IssueApplicationToken) {
    return subject === userId
      ? { sub: userId, sid }
      : { sub: subject, ref: await references.seal({ userId, sid }) }
  }

  return {
    async issue(input) {
      const { clientId, epoch, family, authTime, providerId, acr, scope, notAfter, jkt, now } =
        input
      const expiresIn = Math.min(longest, notAfter - now)
      if (expiresIn <= 0) return refuse('session_over', { not_after: notAfter, now })
      const { claims: names = [] } = input
      const claims = {
        aud: input.audience ?? userInfoAudience(config),
        ...(await subjectClaims(input)),
        client_id: clientId,
        epoch,
        gid: family,
        auth_time: authTime,
        idp: providerId,
        ...(acr === undefined ? {} : { acr }),
        ...scopeClaim(scope),
        ...(names.length === 0 ? {} : { claims: names }),
        ...keyClaim(jkt),
      }
      return sign(claims, { expiresIn, now })
    },

    async issueForClient({ clientId, scope, audience, jkt, now }) {
      const claims = {
        aud: audience,
        // RFC 9068 §2.2: where no user takes part, the subject is the client.
        sub: clientId,
        client_id: clientId,
        ...scopeClaim(scope),
        ...keyClaim(jkt),
      }
      return sign(claims, { expiresIn: longest, now })
    },

    verify: createVerify({
      keys,
      issuer: config.issuer,
      parse: (payload) => parseApplicationTokenClaims(payload, references),
      remembered: REMEMBERED_TOKENS,
    }),
  }
}

/** The `aud` of a token that is for UserInfo: the endpoint itself. */
export const userInfoAudience = ({ issuer }: Pick<Config, 'issuer'>): string =>
  `${issuer}/oauth/userinfo`

const scopeClaim = (scope: readonly string[]) =>
  scope.length === 0 ? {} : { scope: scope.join(' ') }

const keyClaim = (jkt: string | undefined) => (jkt === undefined ? {} : { cnf: { jkt } })
