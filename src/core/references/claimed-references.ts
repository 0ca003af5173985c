/**
 * What has been used and counts only once: the state of a sign-in attempt, the `jti` of a client's assertion. A few
 * objects share it (claims.ts chooses), so that most of the time one is awake and a claim costs one row, rather than
 * a storage of its own. It forgets a claim when what was claimed would not be accepted any more.
 */
import { DurableObject } from 'cloudflare:workers'
import { systemClock } from '../../platform/clock.ts'
import type { EpochSeconds } from '../../platform/clock.ts'

/** How far behind ours the clock of whoever claims may be: until then, a claim is remembered past its time. */
const CLOCK_MARGIN_SECONDS = 60

export interface Claim {
  /** The storage name of the reference, of fixed length and with nothing of it in it. */
  readonly name: string
  readonly now: EpochSeconds
  /** When the value itself stops being accepted: from then on nothing can be claimed, so forgetting is safe. */
  readonly expiresAt: EpochSeconds
}

export class ClaimedReferences extends DurableObject<Env> {
  readonly #sql: SqlStorage

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#sql = ctx.storage.sql
    this.#sql.exec(
      `CREATE TABLE IF NOT EXISTS claims (
         name TEXT PRIMARY KEY,
         expires_at INTEGER NOT NULL
       ) STRICT, WITHOUT ROWID`,
    )
  }

  /** Of any number of calls for one name, at any time and in parallel, one is told `claimed`. */
  async claim({ name, now, expiresAt }: Claim): Promise<'claimed' | 'already_claimed' | 'expired'> {
    if (now >= expiresAt) return 'expired'
    const claimed = this.#sql
      .exec(
        'INSERT INTO claims (name, expires_at) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING name',
        name,
        expiresAt,
      )
      .toArray()
    if (claimed.length === 0) return 'already_claimed'
    // One alarm for all: it is set when none is.
    if ((await this.ctx.storage.getAlarm()) === null) await this.#forgetAfter(expiresAt)
    return 'claimed'
  }

  /** Whether it has been claimed; of use only until it expires. Writes nothing. */
  isClaimed({ name }: Pick<Claim, 'name'>): boolean {
    return this.#sql.exec('SELECT 1 FROM claims WHERE name = ?', name).toArray().length > 0
  }

  override async alarm(): Promise<void> {
    this.#sql.exec('DELETE FROM claims WHERE expires_at <= ?', systemClock() - CLOCK_MARGIN_SECONDS)
    const { last } = this.#sql
      .exec<{ last: EpochSeconds | null }>('SELECT MAX(expires_at) AS last FROM claims')
      .one()
    if (last !== null) await this.#forgetAfter(last)
  }

  #forgetAfter(expiresAt: EpochSeconds): Promise<void> {
    return this.ctx.storage.setAlarm((expiresAt + CLOCK_MARGIN_SECONDS) * 1000)
  }
}
