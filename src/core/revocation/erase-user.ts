/**
 * A person is erased: disabled first, so that everything of theirs has ended before anything is forgotten; then
 * their object, which refuses on until no token of theirs is left, and goes; and last the directory, by which an
 * operator still finds whom to erase again where something did not answer. Once the object knows, nobody enables
 * them any more until it is gone.
 *
 * What stays are ids: the audit trail's, and those in rows with a deadline of their own.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import type { Audit } from '../audit/audit.ts'
import type { UserId } from '../sessions/session.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { Users } from '../users/user.ts'
import type { DisableUser } from './disable-user.ts'

/**
 * Refused as `DisableUser.disable` is; after it, `unavailable` leaves a disabled user, or one whom another
 * operator has enabled meanwhile: ask again.
 */
export type EraseUser = (
  facts: RequestFacts,
  input: { readonly userId: UserId; readonly now: EpochSeconds },
) => Promise<Result<undefined, 'unknown_user' | 'pending' | 'unavailable'>>

export function createEraseUser(parts: {
  readonly disableUser: Pick<DisableUser, 'disable'>
  readonly sessions: Pick<Sessions, 'erase'>
  readonly users: Pick<Users, 'erase'>
  readonly audit: Audit
}): EraseUser {
  const { disableUser, sessions, users, audit } = parts
  return async (facts, { userId, now }) => {
    const disabled = await disableUser.disable(facts, { userId, now })
    if (!disabled.ok) return disabled
    const forgotten = await sessions.erase(userId, now)
    if (!forgotten.ok) return forgotten
    // Another operator has enabled them meanwhile, or erased them too.
    if (!forgotten.value) return refuse('unavailable')
    if (!(await users.erase(userId))) return refuse('unknown_user')
    await audit.record(facts, { event: 'user.erased', actor: 'operator', userId })
    return ok(undefined)
  }
}
