/**
 * The revocation hint: what a user's object tells the edge about tokens that no longer stand, one KV
 * record per user. It is a hint because KV is late and may lose a write: a token that the hint condemns
 * is dead, a token that it does not condemn is only probably alive, and where it cannot tell, the object
 * is asked. Written by the object's `HintPublisher`, read by `core/revocation`.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { createStorageNames } from '../../platform/digest.ts'
import { isRandomId } from '../../platform/random.ts'

export interface RevocationHint {
  /** Raised at every change; of two hints the higher one is the newer. */
  readonly version: number
  /** Tokens of a lower epoch are revoked. */
  readonly epoch: number
  /**
   * What tokens of this epoch may carry that were revoked while they could be alive: sessions that have
   * ended (`sid`), families of grants (`gid`), single tokens (`jti`). Undefined when they are too many to
   * list: then only the object can tell. (Raising the epoch would make the list short, and would end the
   * person's living sessions for it.)
   */
  readonly revoked: readonly RevokedId[] | undefined
}

export interface RevokedId {
  /** 32 lower-case hexadecimal digits. */
  readonly id: string
  /** When the last token with it has expired. */
  readonly until: EpochSeconds
}

/** A hint is read with every API request, so it stays small: about 12 KB at most. */
export const MOST_REVOKED_IN_HINT = 200

const FORMAT = 2

/** The KV key of a user's hint. */
export const revocationHintKey = createStorageNames('revocation')

export const serializeRevocationHint = ({ version, epoch, revoked }: RevocationHint): string =>
  JSON.stringify({ v: FORMAT, version, epoch, revoked: revoked ?? null })

/** A hint as it was read from KV, or undefined for anything that is not wholly one. */
export function parseRevocationHint(text: string): RevocationHint | undefined {
  const record = parseObject(text)
  if (record?.v !== FORMAT || !isCount(record.version) || !isCount(record.epoch)) return undefined
  const { version, epoch, revoked } = record
  if (revoked === null) return { version, epoch, revoked: undefined }
  if (!Array.isArray(revoked) || revoked.length > MOST_REVOKED_IN_HINT) return undefined
  const ids = revoked.map(parseRevokedId)
  return ids.every((entry) => entry !== undefined) ? { version, epoch, revoked: ids } : undefined
}

function parseRevokedId(entry: unknown): RevokedId | undefined {
  if (!isObject(entry)) return undefined
  const { id, until } = entry
  return isRandomId(id) && isCount(until) ? { id, until } : undefined
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
