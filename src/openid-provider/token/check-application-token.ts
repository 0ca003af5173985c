import type { Application } from '../../core/applications/application.ts'
import type { KnownApplications } from '../../core/applications/known-applications.ts'
import { lastCutOffOf } from '../../core/revocation/cut-offs.ts'
import type { Revocation } from '../../core/revocation/revocation.ts'
import type { ApplicationTokenClaims } from '../../core/tokens/application-token.ts'
import type { Keys } from '../../core/tokens/keys.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'

export interface StandingToken {
  readonly application: Application
  readonly scope: readonly string[]
}

/** What is left of a scope when the registration has changed since; `openid` opens UserInfo alone. */
export const stillRegistered = (
  scope: readonly string[],
  { oauth, handoff }: Pick<Application, 'oauth' | 'handoff'>,
): readonly string[] => {
  const registered = ['openid', ...(oauth?.scope ?? []), ...(handoff?.scope ?? [])]
  return scope.filter((value) => registered.includes(value))
}

/**
 * Whether a verified token still stands, at the strictest level: its application is active and may have one, as an
 * OAuth client or as a service that people are handed over to, and the user's object has neither ended the session
 * nor revoked the token or its family. A client's own token stands with its application alone, unless that was cut
 * off since.
 */
export async function checkApplicationToken(
  {
    keys,
    knownApplications,
    revocation,
  }: {
    readonly keys: Pick<Keys, 'cutOffs'>
    readonly knownApplications: Pick<KnownApplications, 'judge'>
    readonly revocation: Revocation
  },
  { client_id, jti, iat, exp, user, scope }: ApplicationTokenClaims,
  now: EpochSeconds,
): Promise<Result<StandingToken, 'revoked' | 'unavailable'>> {
  const granted = scope?.split(' ') ?? []
  const found = await knownApplications.judge(
    client_id,
    (known) => {
      const { status, oauth, handoff } = known?.application ?? {}
      const mayHaveTokens = status === 'active' && (oauth ?? handoff) !== undefined
      return known !== undefined && mayHaveTokens
        ? ok({ application: known.application, scope: stillRegistered(granted, known.application) })
        : refuse('revoked', { check: 'application' })
    },
    now,
  )
  if (!found.ok) return found
  if (user === undefined) {
    const cutOffs = await keys.cutOffs(now)
    if (!cutOffs.ok) return cutOffs
    const isOver = iat * 1000 <= (lastCutOffOf(cutOffs.value, client_id) ?? -Infinity)
    return isOver ? refuse('revoked', { check: 'cut_off' }) : found
  }
  const { userId: sub, ...session } = user
  const token = { ...session, sub, client_id, jti, iat, exp }
  const standing = await revocation.check('strict', token, now)
  return standing.ok ? ok(found.value) : standing
}
