// Contract; to be implemented by its owner.
import type { EpochSeconds } from '../../platform/clock.ts'
import type { Result } from '../../platform/refusal.ts'

/** How surely a revoked token is refused; chosen per route (README, "Revocation"). */
export type RevocationLevel = 'cached' | 'bounded' | 'strict'

export interface Revocation {
  /** Whether a token with these (already verified) claims still stands. */
  check(
    level: RevocationLevel,
    token: { readonly sub: string; readonly sid: string; readonly epoch: number; readonly jti: string; readonly exp: EpochSeconds },
    now: EpochSeconds,
  ): Promise<Result<undefined, 'revoked' | 'unavailable'>>
}

export function createRevocation(_parts: {
  hints: KVNamespace
  userSessions: Env['USER_SESSIONS']
}): Revocation {
  return {} as Revocation
}
