/**
 * An application loses all that it was given, by everybody: its tokens, its codes and refresh tokens, the
 * sessions that it opened itself, and the consents. Other sessions of the people go on. One write does it; the
 * queue carries it to every user's object, where the application's part in the sessions ends with notices.
 */
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

export interface EndApplication {
  /**
   * Ends what the application was given until now. Call it after the directory has stopped it from being given
   * more; whatever it is given later, once it is let in again, is untouched. Safe to ask for again.
   * `unavailable`: nothing holds yet; `published` is false when KV did not take it yet.
   */
  end(
    facts: RequestFacts,
    input: { applicationId: string; cause: CutOffCause; now: EpochSeconds },
  ): Promise<Result<CutOffProgress & { readonly published: boolean }, 'no_room' | 'unavailable'>>
}

export function createEndApplication(parts: {
  readonly cutOffs: Pick<CutOffs, 'add'>
  readonly cutOffRecords: Pick<CutOffRecords, 'open'>
  readonly cutOffDrain: Pick<CutOffDrain, 'start'>
  readonly people: Pick<UserDirectory, 'count'>
  readonly audit: Audit
}): EndApplication {
  const { cutOffs, cutOffRecords, cutOffDrain, people, audit } = parts
  return {
    async end(facts, { applicationId: id, cause, now }) {
      const added = await cutOffs.add({ scope: 'application', id, cause }, now)
      if (!added.ok) return added
      const { cutOff, published } = added.value
      await audit.record(facts, {
        event: 'sessions.cut_off',
        actor: 'operator',
        facts: { scope: cutOff.scope, application: id, cause, started_by: cutOff.at },
      })
      const progress = await cutOffRecords.open(cutOff, await people.count({}), now)
      // Should the queue not take it, the cron finds it standing still and sends it.
      await cutOffDrain.start(progress).catch((thrown: unknown) => {
        log('error', { event: 'cut_off.not_queued', error: describeThrown(thrown) })
      })
      return ok({ ...progress, published })
    },
  }
}
