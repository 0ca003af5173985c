/**
 * An application loses all that it was given, by everybody: its tokens, its codes and refresh tokens, the
 * sessions that it opened itself, and the consents. Other sessions of the people go on. One write does it; the
 * queue carries it to every user's object, where the application's part in the sessions ends with notices.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import type { CutOffCause } from '../tokens/cut-off.ts'
import type { StartCutOff } from './start-cut-off.ts'

export interface EndApplication {
  /**
   * Ends what the application was given until now. Call it after the directory has stopped it from being given
   * more; whatever it is given later, once it is let in again, is untouched. Safe to ask for again.
   * `unavailable`: nothing holds yet; `published` is false when KV did not take it yet.
   */
  end(
    facts: RequestFacts,
    input: { applicationId: string; cause: CutOffCause; now: EpochSeconds },
  ): ReturnType<StartCutOff>
}

export const createEndApplication = (startCutOff: StartCutOff): EndApplication => ({
  end: (facts, { applicationId: id, cause, now }) =>
    startCutOff(facts, { scope: 'application', id, cause, now }),
})
