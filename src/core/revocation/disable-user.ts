/**
 * A user is disabled, and enabled again: in the directory, which sign-in asks, and in the user's object,
 * which everything else asks. Two stores cannot change at once, so the order is what fails closed.
 *
 * Disabling: the directory first, in one statement with the note that the object is still to be told; then
 * the object, which ends everything. If the object does not answer, no sign-in gets through already, and a
 * cut-off of this one user goes into the record of public keys, so that the bridge and every check refuse
 * what the object would still allow, within the cut-off's time. The cron tells the object until it knows.
 * Enabling goes the other way: the object first, then the directory; and last a look whether both say so.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { inGroups } from '../../platform/in-groups.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import type { Audit } from '../audit/audit.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { UserId } from '../sessions/session.ts'
import type { UserDirectory } from '../users/user-directory.ts'
import type { Users } from '../users/user.ts'
import type { CutOffs } from './cut-offs.ts'
import type { EndSession } from './end-session.ts'

export interface DisableUser {
  /**
   * `pending`: the user is disabled and cut off; their object is told as soon as it answers. `unavailable`:
   * neither the object nor the key ring could be told yet, only sign-in refuses; the cron goes on trying.
   */
  disable(
    facts: RequestFacts,
    input: { userId: UserId; now: EpochSeconds },
  ): Promise<Result<{ ended: number }, 'unknown_user' | 'pending' | 'unavailable'>>
  /** Lets the user sign in again. No session comes back, also none that the object had still kept. */
  enable(
    facts: RequestFacts,
    input: { userId: UserId; now: EpochSeconds },
  ): Promise<Result<undefined, 'unknown_user' | 'unavailable'>>
  /** Tells the objects that could not be reached. How many know now. */
  retryPending(facts: RequestFacts, now: EpochSeconds): Promise<number>
}

/** D1 answers a run of the cron 1,000 queries: this is three for each, and the removals take the rest. */
const PENDING_AT_MOST = 100
/** An object that does not answer takes ten seconds, and the cron has other things to do. */
const TOLD_AT_ONCE = 20

export function createDisableUser(parts: {
  readonly users: Pick<Users, 'disable' | 'confirmDisabled' | 'enable'>
  readonly people: Pick<UserDirectory, 'find' | 'pendingDisables'>
  readonly ends: Pick<EndSession, 'disableUser'>
  readonly sessions: Pick<Sessions, 'enable'>
  readonly cutOffs: CutOffs
  readonly audit: Audit
}): DisableUser {
  const { users, people, ends, sessions, cutOffs, audit } = parts

  /** The object is told; once it knows, nothing else needs to say so. */
  async function tellObject(facts: RequestFacts, userId: UserId, now: EpochSeconds) {
    const told = await ends.disableUser(facts, { userId, now })
    if (!told.ok) return told
    const isDisabled = await users.confirmDisabled(userId)
    // Somebody has enabled them while the object was told: it must not go on refusing whom the directory lets in.
    if (!isDisabled) await sessions.enable(userId)
    return told
  }

  return {
    async disable(facts, { userId, now }) {
      const before = await people.find(userId)
      if (!(await users.disable(userId, now))) return refuse('unknown_user')
      const told = await tellObject(facts, userId, now)
      if (told.ok) {
        // That of a try before, at which the object did not answer, has nothing more to say.
        if (before?.isDisablePending === true) await cutOffs.removeUser(userId, now)
        return ok({ ended: told.value.ended })
      }
      const cut = await cutOffs.add({ scope: 'user', id: userId, cause: 'user_disabled' }, now)
      await audit.record(facts, {
        event: 'user.disable_pending',
        actor: 'operator',
        userId,
        refusal: told.refusal,
        facts: { is_cut_off: cut.ok },
      })
      return cut.ok ? refuse('pending') : told
    },

    async enable(facts, { userId, now }) {
      const user = await people.find(userId)
      if (user === undefined) return refuse('unknown_user')
      if (user.isDisablePending) {
        // What the disabling was to end must have ended before anything opens again.
        const told = await tellObject(facts, userId, now)
        if (!told.ok) return told
        await cutOffs.removeUser(userId, now)
      }
      const opened = await sessions.enable(userId)
      if (!opened.ok) return opened
      // Somebody may have disabled them between the two: what the object hears last is what the directory says.
      const again = (await users.enable(userId, now)) ? await sessions.enable(userId) : opened
      if (!again.ok) return again
      if ((await people.find(userId))?.status !== 'active') {
        await tellObject(facts, userId, now)
        return refuse('unavailable')
      }
      await audit.record(facts, { event: 'user.enabled', actor: 'operator', userId })
      return ok(undefined)
    },

    async retryPending(facts, now) {
      const pending = await people.pendingDisables(PENDING_AT_MOST)
      const told = await inGroups(pending, TOLD_AT_ONCE, async (userId) => {
        // Somebody may have enabled them while the others were told.
        if (!(await people.find(userId))?.isDisablePending) return false
        if (!(await tellObject(facts, userId, now)).ok) {
          // It may be that nothing but sign-in refuses so far.
          await cutOffs.add({ scope: 'user', id: userId, cause: 'user_disabled' }, now)
          return false
        }
        await cutOffs.removeUser(userId, now)
        return true
      })
      return told.filter(Boolean).length
    },
  }
}
