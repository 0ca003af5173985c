import type { EpochSeconds } from '../../platform/clock.ts'
import { describeThrown, log } from '../../platform/log.ts'
import { ok } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import type { Audit } from '../audit/audit.ts'
import type { CutOffCause } from '../tokens/cut-off.ts'
import type { UserDirectory } from '../users/user-directory.ts'
import type { CutOffDrain } from './cut-off-drain.ts'
import type { CutOffProgress, CutOffRecords } from './cut-off-progress.ts'
import type { CutOffs } from './cut-offs.ts'

/**
 * Cuts off, for an operator, and has the end carried to each user's object. It holds with the one write to the key
 * ring; what comes after that, the record of its progress and the queue, can fail without making it untrue, and is
 * then to be asked for again. `unavailable`: nothing holds yet; `published` is false when KV did not take it yet.
 *
 * An application loses all that it was given until now, by everybody: its tokens, codes and refresh tokens, the
 * sessions that it opened itself, and the consents. Other sessions of the people go on. To be asked for after the
 * directory has stopped it from being given more; what it is given once it is let in again is untouched.
 */
export type StartCutOff = (
  facts: RequestFacts,
  input: {
    readonly scope: CutOffProgress['scope']
    /** The provider's or the application's; empty for everyone. */
    readonly id: string
    readonly cause: CutOffCause
    readonly now: EpochSeconds
  },
) => Promise<Result<CutOffProgress & { readonly published: boolean }, 'no_room' | 'unavailable'>>

export function createStartCutOff(parts: {
  readonly cutOffs: Pick<CutOffs, 'add'>
  readonly cutOffRecords: Pick<CutOffRecords, 'open'>
  readonly cutOffDrain: Pick<CutOffDrain, 'start'>
  readonly people: Pick<UserDirectory, 'count'>
  readonly audit: Audit
}): StartCutOff {
  const { cutOffs, cutOffRecords, cutOffDrain, people, audit } = parts
  return async (facts, { scope, id, cause, now }) => {
    const added = await cutOffs.add({ scope, id, cause }, now)
    if (!added.ok) return added
    const { cutOff, published } = added.value
    const ofProvider = scope === 'provider' ? { providerId: id } : {}
    const application = scope === 'application' ? id : undefined
    await audit.record(facts, {
      event: 'sessions.cut_off',
      actor: 'operator',
      ...ofProvider,
      facts: { scope, application, cause, started_by: cutOff.at },
    })
    const progress = await cutOffRecords.open(cutOff, await people.count(ofProvider), now)
    // Should the queue not take it, the cron finds it standing still and sends it.
    await cutOffDrain.start(progress).catch((thrown: unknown) => {
      log('error', { event: 'cut_off.not_queued', error: describeThrown(thrown) })
    })
    return ok({ ...progress, published })
  }
}
