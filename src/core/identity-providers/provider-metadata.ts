import { DurableObject } from 'cloudflare:workers'
import { parseConfig } from '../../config.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { describeThrown, log } from '../../platform/log.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { discoveryUrl, parseDiscoveryDocument } from './discovery-document.ts'
import type { ProviderAddress } from './discovery-document.ts'
import { createDocumentCopies } from './document-copies.ts'
import {
  bodyOf,
  CLOCK_DIFFERENCE_SECONDS,
  COOL_DOWN_SECONDS,
  FAILURE_COOL_DOWN_SECONDS,
  isFresh,
  isUsable,
} from './document-copy.ts'
import type { DocumentCopy, DocumentKind } from './document-copy.ts'
import { fetchDocument } from './fetch-document.ts'

/** What the object knows of one document: the last good copy, and the last attempt to get a newer one. */
interface DocumentRow {
  /** The URL that the body is from. */
  readonly source: string | null
  readonly body: string | null
  readonly fetched_at: EpochSeconds | null
  readonly attempted_at: EpochSeconds
  /** Why the last attempt gave nothing; null if it gave a good document. */
  readonly failure: string | null
  /** What of the document was wrong, if it was that. */
  readonly failed_check: string | null
}

export interface ServedDocument extends DocumentCopy {
  /** Asking again for a newer copy is of no use before then. */
  readonly askAgainAt: EpochSeconds
}

/**
 * One identity provider's published documents. Of all the gateway this object alone fetches them, so that
 * however many isolates start cold, the provider sees one request. The last good copies are kept in
 * SQLite (table `documents`, one row per kind) and laid out in KV for the isolates to read.
 * Named `storageName('provider', issuer)`.
 */
export class ProviderMetadata extends DurableObject<Env> {
  readonly #flights = new Map<DocumentKind, Promise<void>>()

  constructor(state: DurableObjectState, env: Env) {
    super(state, env)
    state.storage.sql.exec(`
      CREATE TABLE IF NOT EXISTS documents (
        kind TEXT PRIMARY KEY,
        source TEXT,
        body TEXT,
        fetched_at INTEGER,
        attempted_at INTEGER NOT NULL,
        failure TEXT,
        failed_check TEXT
      ) STRICT`)
  }

  /** The provider's metadata. `facts.reason` and `facts.askAgainAt` of a refusal say why and until when. */
  async discovery(
    provider: ProviderAddress,
    now: EpochSeconds,
  ): Promise<Result<ServedDocument, 'provider_unavailable'>> {
    return this.#serve('discovery', provider, discoveryUrl(provider.issuer), false, now)
  }

  /**
   * The provider's keys, from where its metadata says they are.
   * @param isRefresh a token came under a key that is not among them: fetch anew, unless that was
   *   done or tried within the cool-down.
   */
  async keySet(
    provider: ProviderAddress,
    isRefresh: boolean,
    now: EpochSeconds,
  ): Promise<Result<ServedDocument, 'provider_unavailable'>> {
    const discovery = await this.discovery(provider, now)
    if (!discovery.ok) return discovery
    const document = parseDiscoveryDocument(bodyOf(discovery.value), provider)
    // A copy from before the configuration was tightened may not pass any more.
    if (!document.ok) return refuse('provider_unavailable', document.refusal.facts)
    return this.#serve('keys', provider, document.value.keySetUrl, isRefresh, now)
  }

  async #serve(
    kind: DocumentKind,
    provider: ProviderAddress,
    source: string,
    isRefresh: boolean,
    now: EpochSeconds,
  ): Promise<Result<ServedDocument, 'provider_unavailable'>> {
    const row = this.#row(kind)
    const held = copyFrom(row, source)
    const isCurrent = held !== undefined && isFresh(kind, held, now)
    if (!isCurrent || isRefresh) {
      let flight = this.#flights.get(kind)
      if (
        flight === undefined &&
        (row === undefined || now >= nextAttemptAt(row, isCurrent, now))
      ) {
        flight = this.#fetch(kind, provider, source, now).finally(() => this.#flights.delete(kind))
        this.#flights.set(kind, flight)
      }
      await flight
    }
    return this.#answer(kind, source, now)
  }

  #answer(
    kind: DocumentKind,
    source: string,
    now: EpochSeconds,
  ): Result<ServedDocument, 'provider_unavailable'> {
    const row = this.#row(kind)
    const copy = copyFrom(row, source)
    const askAgainAt =
      row === undefined
        ? now
        : nextAttemptAt(row, copy !== undefined && isFresh(kind, copy, now), now)
    if (copy !== undefined && isUsable(kind, copy, now)) return ok({ ...copy, askAgainAt })
    const reason = row?.failure ?? undefined
    const check = row?.failed_check ?? undefined
    return refuse('provider_unavailable', { document: kind, reason, check, askAgainAt })
  }

  async #fetch(
    kind: DocumentKind,
    provider: ProviderAddress,
    source: string,
    now: EpochSeconds,
  ): Promise<void> {
    // Written before the provider is asked, so that an attempt counts even if this object ends meanwhile.
    this.ctx.storage.sql.exec(
      `INSERT INTO documents (kind, attempted_at) VALUES (?1, ?2)
       ON CONFLICT (kind) DO UPDATE SET attempted_at = excluded.attempted_at`,
      kind,
      now,
    )
    const fetched = await fetchDocument(kind, provider, source)
    if (!fetched.ok) {
      const { code, facts } = fetched.refusal
      this.ctx.storage.sql.exec(
        'UPDATE documents SET failure = ?2, failed_check = ?3 WHERE kind = ?1',
        kind,
        code,
        facts?.check === undefined ? null : String(facts.check),
      )
      log('warn', {
        ...facts,
        event: 'provider.document_refused',
        issuer: provider.issuer,
        document: kind,
        reason: code,
      })
      return
    }
    this.ctx.storage.sql.exec(
      `UPDATE documents SET source = ?2, body = ?3, fetched_at = ?4, failure = NULL, failed_check = NULL
       WHERE kind = ?1`,
      kind,
      source,
      fetched.value,
      now,
    )
    await this.#layOut(kind, provider.issuer, { body: fetched.value, fetchedAt: now })
  }

  /** The copy in KV is a convenience: without it the isolates ask this object, and nobody waits for it long. */
  async #layOut(kind: DocumentKind, issuer: string, copy: DocumentCopy): Promise<void> {
    try {
      const parsed = parseConfig(this.env as unknown as Record<string, unknown>)
      if (!parsed.ok) throw new Error('the configuration is not valid')
      const { keyEncryptionKey } = parsed.config.secrets
      const copies = createDocumentCopies({ kv: this.env.REVOCATION, keyEncryptionKey, issuer })
      await copies.write(kind, copy)
    } catch (thrown) {
      log('warn', {
        event: 'provider.copy_not_written',
        document: kind,
        error: describeThrown(thrown),
      })
    }
  }

  #row(kind: DocumentKind): DocumentRow | undefined {
    return this.ctx.storage.sql
      .exec<DocumentRow & Record<string, SqlStorageValue>>(
        'SELECT source, body, fetched_at, attempted_at, failure, failed_check FROM documents WHERE kind = ?',
        kind,
      )
      .toArray()[0]
  }
}

/** What was fetched from another URL than the present one is not the document any more. */
const copyFrom = (row: DocumentRow | undefined, source: string): DocumentCopy | undefined =>
  row === undefined || row.source !== source || row.body === null || row.fetched_at === null
    ? undefined
    : { body: row.body, fetchedAt: row.fetched_at }

/** A good copy may be doubted once per cool-down; without one, a success may be followed up at once. */
function nextAttemptAt(row: DocumentRow, isCurrent: boolean, now: EpochSeconds): EpochSeconds {
  if (row.attempted_at > now + CLOCK_DIFFERENCE_SECONDS) return now
  if (isCurrent) return row.attempted_at + COOL_DOWN_SECONDS
  return row.failure === null ? now : row.attempted_at + FAILURE_COOL_DOWN_SECONDS
}
