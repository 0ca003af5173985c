interface Entry<Value> {
  readonly value: Value
  /** How many entries had been put in or moved to the end when this one was. */
  readonly turn: number
}

/**
 * A bounded map that forgets what has not been used for longest; the half of its capacity that was used last is there
 * for sure. Only what is about to fall into the older half is moved by a reading: to move an entry each time means to
 * delete it, and a map of few entries is built anew for that. Holds verified facts, never authority.
 */
export class LeastRecentlyUsed<Key, Value> {
  readonly #entries = new Map<Key, Entry<Value>>()
  readonly #capacity: number
  #turn = 0

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get(key: Key): Value | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    if (this.#turn - entry.turn >= this.#capacity / 2) this.set(key, entry.value)
    return entry.value
  }

  set(key: Key, value: Value): void {
    this.#entries.delete(key)
    this.#turn += 1
    this.#entries.set(key, { value, turn: this.#turn })
    if (this.#entries.size <= this.#capacity) return
    const oldest = this.#entries.keys().next()
    if (!oldest.done) this.#entries.delete(oldest.value)
  }

  delete(key: Key): void {
    this.#entries.delete(key)
  }
}
