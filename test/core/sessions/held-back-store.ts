import type { UserSessions } from '../../../src/core/sessions/user-sessions.ts'

/** A KV namespace in which a write takes effect, or fails, when the test says so. */
export class HeldBackStore {
  readonly #records = new Map<string, string>()
  readonly #held: { readonly land: () => void; readonly fail: () => void }[] = []
  #isHolding = false
  #arrived = () => {}

  /** What a location reads that keeps no copy of its own. */
  readonly hints = {
    get: async (key: string) => this.#records.get(key) ?? null,
  } as unknown as KVNamespace

  /** Becomes the store that a user's object publishes to. */
  serve(object: UserSessions): void {
    const put = (key: string, value: string) =>
      new Promise<void>((resolve, reject) => {
        const land = () => {
          this.#records.set(key, value)
          resolve()
        }
        if (!this.#isHolding) return land()
        this.#held.push({ land, fail: () => reject(new Error('KV PUT failed: 500')) })
        return this.#arrived()
      })
    Object.defineProperty(object, 'env', { value: { REVOCATION: { put } }, configurable: true })
  }

  /** Waits for a write that is on its way, if there is none yet. */
  async settle(how: 'land' | 'fail'): Promise<void> {
    if (this.#held.length === 0) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve
      })
    }
    this.#held.shift()![how]()
  }

  /** From now on writes wait to be settled. */
  hold(): void {
    this.#isHolding = true
  }

  /** From now on every write lands at once, those that are held back too. */
  release(): void {
    this.#isHolding = false
    for (const write of this.#held.splice(0)) write.land()
  }
}
