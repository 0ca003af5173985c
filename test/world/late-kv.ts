/** As Cloudflare documents them: the least `cacheTtl`, the least life of a record, the gap between writes to one key. */
const SHORTEST_CACHE_SECONDS = 30
const DEFAULT_CACHE_SECONDS = 60
const SHORTEST_LIFE_SECONDS = 60
const WRITE_GAP_MILLISECONDS = 1000

interface Version {
  readonly value: string
  readonly writtenAt: number
  readonly expiresAt: number
}

interface CacheEntry {
  readonly version: Version | undefined
  readonly fetchedAt: number
}

export interface LateKvBehaviour {
  /** Milliseconds now. */
  readonly clock: () => number
  /** How long, in milliseconds, a write is on its way to where a location reads: asked for each pair of them. */
  readonly delay?: () => number
  /** Whether this write fails. */
  readonly mayFail?: () => boolean
  /** Whether this write is acknowledged and lost. */
  readonly mayLose?: () => boolean
}

/**
 * KV as it is in production and local KV is not: each location keeps what it has read, a miss as well as a
 * value, for as long as the read's `cacheTtl` says; a write is not pushed to it, and takes its time even
 * where nothing is kept; a key takes one write a second; writes fail. Only text is kept here.
 */
export class LateKv {
  readonly #behaviour: LateKvBehaviour
  readonly #versions = new Map<string, Version[]>()
  readonly #lastAttempts = new Map<string, number>()

  constructor(behaviour: LateKvBehaviour) {
    this.#behaviour = behaviour
  }

  /** The binding as a Worker or an object has it that only writes. */
  readonly writer = {
    put: async (key: string, value: string, options: { expirationTtl?: number } = {}) => {
      const { clock, mayFail, mayLose } = this.#behaviour
      const { expirationTtl = Infinity } = options
      if (expirationTtl < SHORTEST_LIFE_SECONDS) {
        throw new Error(`KV PUT failed: 400 Invalid expiration_ttl of ${expirationTtl}`)
      }
      const now = clock()
      if (now - (this.#lastAttempts.get(key) ?? -Infinity) < WRITE_GAP_MILLISECONDS) {
        throw new Error('KV PUT failed: 429 Too Many Requests')
      }
      this.#lastAttempts.set(key, now)
      if (mayFail?.() === true) throw new Error('KV PUT failed: 500 Internal Server Error')
      if (mayLose?.() === true) return
      const versions = this.#versions.get(key) ?? []
      versions.push({ value, writtenAt: now, expiresAt: now + expirationTtl * 1000 })
      this.#versions.set(key, versions)
    },
  } as unknown as KVNamespace

  /** The binding as a Worker has it in a location of its own. */
  newLocation(): KVNamespace {
    const cache = new Map<string, CacheEntry>()
    const delays = new Map<Version, number>()
    const { clock, delay = () => 0 } = this.#behaviour

    const fetchUpward = (key: string): Version | undefined => {
      const now = clock()
      return this.#versions.get(key)?.findLast((version) => {
        const late = delays.get(version) ?? delay()
        delays.set(version, late)
        return version.writtenAt + late <= now
      })
    }

    const get = async (key: string, { cacheTtl = DEFAULT_CACHE_SECONDS } = {}) => {
      if (cacheTtl < SHORTEST_CACHE_SECONDS) {
        throw new Error(`KV GET failed: 400 Invalid cache_ttl of ${cacheTtl}`)
      }
      const now = clock()
      const kept = cache.get(key)
      const isFresh = kept !== undefined && now - kept.fetchedAt < cacheTtl * 1000
      const entry = isFresh ? kept : { version: fetchUpward(key), fetchedAt: now }
      cache.set(key, entry)
      const { version } = entry
      return version === undefined || version.expiresAt <= now ? null : version.value
    }
    return { get } as unknown as KVNamespace
  }
}
