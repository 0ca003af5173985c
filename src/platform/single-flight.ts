import { milliseconds } from './clock.ts'

const PATIENCE_MILLISECONDS = 15_000
const STEP_MILLISECONDS = 20

/**
 * Lets one request of this isolate do a piece of work while the others wait for its effect.
 * They wait by looking, not on the worker's promise: the runtime forbids one request to await another's I/O.
 */
export class SingleFlight {
  #startedAt: number | undefined

  /** Waits until no work is under way, then does `work` if it is still needed. */
  async run(isNeeded: () => boolean, work: () => Promise<void>): Promise<void> {
    for (
      let waited = 0;
      this.#isBusy() && waited < PATIENCE_MILLISECONDS;
      waited += STEP_MILLISECONDS
    ) {
      await scheduler.wait(STEP_MILLISECONDS)
    }
    if (this.#isBusy() || !isNeeded()) return
    const startedAt = (this.#startedAt = milliseconds())
    try {
      await work()
    } finally {
      if (this.#startedAt === startedAt) this.#startedAt = undefined
    }
  }

  /** Work whose request was cancelled never says that it has ended; after a while it is not believed any more. */
  #isBusy(): boolean {
    return this.#startedAt !== undefined && milliseconds() - this.#startedAt < PATIENCE_MILLISECONDS
  }
}
