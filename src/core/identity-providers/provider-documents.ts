import type { EpochSeconds } from '../../platform/clock.ts'
import { storageName } from '../../platform/digest.ts'
import { describeThrown, log } from '../../platform/log.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { SingleFlight } from '../../platform/single-flight.ts'
import { inTime } from '../../platform/time-limit.ts'
import { parseDiscoveryDocument } from './discovery-document.ts'
import type { DiscoveryDocument, ProviderAddress } from './discovery-document.ts'
import type { DocumentCopies } from './document-copies.ts'
import {
  bodyOf,
  COOL_DOWN_SECONDS,
  FAILURE_COOL_DOWN_SECONDS,
  isFresh,
  isUsable,
} from './document-copy.ts'
import type { DocumentCopy, DocumentKind } from './document-copy.ts'
import { parseKeySet } from './key-set.ts'
import type { KeySet } from './key-set.ts'

/** One document of one provider, as this isolate sees it: held in memory, else from KV, else from the object. */
export interface ProviderDocument<Parsed> {
  /** The document, fresh unless the provider cannot be reached, and never older than its hard maximum. */
  current(now: EpochSeconds): Promise<Result<Parsed, 'provider_unavailable'>>
  /**
   * As `current`, after the provider was asked for a newer one. Asks once per cool-down, however many
   * callers find something missing in the present one; the others get what there is.
   */
  refreshed(now: EpochSeconds): Promise<Result<Parsed, 'provider_unavailable'>>
}

export interface ProviderDocuments {
  readonly discovery: ProviderDocument<DiscoveryDocument>
  readonly keys: ProviderDocument<KeySet>
}

export function createProviderDocuments(
  provider: ProviderAddress,
  metadata: Env['PROVIDER_METADATA'],
  copies: DocumentCopies,
): ProviderDocuments {
  // A stub is broken for good after some errors, so each call takes a new one.
  const object = async () => metadata.getByName(await storageName('provider', provider.issuer))
  return {
    discovery: new HeldDocument('discovery', provider.issuer, copies, {
      ask: async (_isRefresh, now) => (await object()).discovery(provider, now),
      parse: async (body) => {
        const parsed = parseDiscoveryDocument(body, provider)
        return parsed.ok ? parsed.value : undefined
      },
    }),
    keys: new HeldDocument('keys', provider.issuer, copies, {
      ask: async (isRefresh, now) => (await object()).keySet(provider, isRefresh, now),
      parse: parseKeySet,
    }),
  }
}

/** The object may fetch two documents in turn, each within some seconds; what takes longer is as good as unreachable. */
const LONGEST_WAIT_MILLISECONDS = 13_000

interface Held<Parsed> {
  readonly parsed: Parsed
  readonly fetchedAt: EpochSeconds
}

interface Source<Parsed> {
  ask(
    isRefresh: boolean,
    now: EpochSeconds,
  ): Promise<Result<DocumentCopy & { readonly askAgainAt: EpochSeconds }, 'provider_unavailable'>>
  /** Judged again here: a copy may be older than today's configuration. */
  parse(body: Readonly<Record<string, unknown>>): Promise<Parsed | undefined>
}

class HeldDocument<Parsed> implements ProviderDocument<Parsed> {
  readonly #kind: DocumentKind
  readonly #issuer: string
  readonly #copies: DocumentCopies
  readonly #source: Source<Parsed>
  readonly #flight = new SingleFlight()
  #held: Held<Parsed> | undefined
  /** The object is not asked before then. */
  #askAgainAt: EpochSeconds = 0
  #lastRefusal: Parameters<typeof refuse>[1]

  constructor(kind: DocumentKind, issuer: string, copies: DocumentCopies, source: Source<Parsed>) {
    this.#kind = kind
    this.#issuer = issuer
    this.#copies = copies
    this.#source = source
  }

  async current(now: EpochSeconds): Promise<Result<Parsed, 'provider_unavailable'>> {
    // Also those who need not ask wait for the one who is asking.
    const isNeeded = () => !this.#isFresh(now) && now >= this.#askAgainAt
    if (!this.#isFresh(now)) {
      await this.#flight.run(isNeeded, async () => {
        await this.#readCopy(now)
        if (!this.#isFresh(now)) await this.#ask(false, now)
      })
    }
    return this.#usable(now)
  }

  async refreshed(now: EpochSeconds): Promise<Result<Parsed, 'provider_unavailable'>> {
    await this.#flight.run(
      () => now >= this.#askAgainAt,
      () => this.#ask(true, now),
    )
    return this.#usable(now)
  }

  #usable(now: EpochSeconds): Result<Parsed, 'provider_unavailable'> {
    const held = this.#usableCopy(now)
    return held === undefined
      ? refuse('provider_unavailable', { document: this.#kind, ...this.#lastRefusal })
      : ok(held.parsed)
  }

  #usableCopy(now: EpochSeconds): Held<Parsed> | undefined {
    return this.#held !== undefined && isUsable(this.#kind, this.#held, now)
      ? this.#held
      : undefined
  }

  #isFresh(now: EpochSeconds): boolean {
    return this.#held !== undefined && isFresh(this.#kind, this.#held, now)
  }

  async #readCopy(now: EpochSeconds): Promise<void> {
    try {
      const copy = await this.#copies.read(this.#kind)
      // One that is old serves on where the object cannot be asked for a newer one.
      if (copy === undefined || !isUsable(this.#kind, copy, now)) return
      const held = this.#usableCopy(now)
      if (held !== undefined && held.fetchedAt >= copy.fetchedAt) return
      // KV does not know of later attempts, but before this there was none of use.
      await this.#hold(copy, copy.fetchedAt + COOL_DOWN_SECONDS)
    } catch (thrown) {
      this.#report('provider.copy_not_read', thrown)
    }
  }

  async #ask(isRefresh: boolean, now: EpochSeconds): Promise<void> {
    this.#askAgainAt = now + FAILURE_COOL_DOWN_SECONDS
    try {
      const answer = await inTime(LONGEST_WAIT_MILLISECONDS, this.#source.ask(isRefresh, now))
      if (answer.ok) return await this.#hold(answer.value, answer.value.askAgainAt)
      this.#lastRefusal = answer.refusal.facts
      const { askAgainAt } = answer.refusal.facts ?? {}
      if (typeof askAgainAt === 'number') this.#askAgainAt = askAgainAt
    } catch (thrown) {
      this.#lastRefusal = { reason: 'object_unreachable' }
      this.#report('provider.object_unreachable', thrown)
    }
  }

  async #hold(copy: DocumentCopy, askAgainAt: EpochSeconds): Promise<void> {
    const parsed = await this.#source.parse(bodyOf(copy))
    if (parsed === undefined) return
    this.#held = { parsed, fetchedAt: copy.fetchedAt }
    this.#askAgainAt = askAgainAt
    this.#lastRefusal = undefined
  }

  #report(event: string, thrown: unknown): void {
    log('warn', {
      event,
      document: this.#kind,
      issuer: this.#issuer,
      error: describeThrown(thrown),
    })
  }
}
