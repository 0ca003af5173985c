/**
 * The revocation hint: what a user's object tells the edge about tokens that no longer stand, one KV
 * record per user. It is a hint because KV is late and may lose a write: a token that the hint condemns
 * is dead, a token that it does not condemn is only probably alive, and where it cannot tell, the object
 * is asked. Written by the object's `HintPublisher`, read by `core/revocation`.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { storageName } from '../../platform/digest.ts'
import { parseSessionId } from './session.ts'
import type { SessionId } from './session.ts'

export interface RevocationHint {
  /** Raised at every change; of two hints the higher one is the newer. */
  readonly version: number
  /** Tokens of a lower epoch are revoked. */
  readonly epoch: number
  /**
   * Sessions of this epoch that were ended while tokens of theirs could be alive. Undefined when they are
   * too many to list: then only the object can tell. (Raising the epoch would make the list short, and
   * would end the person's living sessions for it.)
   */
  readonly ended: readonly EndedSession[] | undefined
}

export interface EndedSession {
  readonly sid: SessionId
  /** When the last token of the session has expired. */
  readonly until: EpochSeconds
}

/** A hint is read with every API request, so it stays small: about 12 KB at most. */
export const MOST_ENDED_IN_HINT = 200

const FORMAT = 1

/** The KV key of a user's hint. */
export const revocationHintKey = (userId: string): Promise<string> =>
  storageName('revocation', userId)

export const serializeRevocationHint = ({ version, epoch, ended }: RevocationHint): string =>
  JSON.stringify({ v: FORMAT, version, epoch, ended: ended ?? null })

/** A hint as it was read from KV, or undefined for anything that is not wholly one. */
export function parseRevocationHint(text: string): RevocationHint | undefined {
  const record = parseObject(text)
  if (record?.v !== FORMAT || !isCount(record.version) || !isCount(record.epoch)) return undefined
  const { version, epoch, ended } = record
  if (ended === null) return { version, epoch, ended: undefined }
  if (!Array.isArray(ended) || ended.length > MOST_ENDED_IN_HINT) return undefined
  const sessions = ended.map(parseEndedSession)
  return sessions.every((session) => session !== undefined)
    ? { version, epoch, ended: sessions }
    : undefined
}

function parseEndedSession(entry: unknown): EndedSession | undefined {
  if (!isObject(entry)) return undefined
  const sid = parseSessionId(entry.sid)
  return sid !== undefined && isCount(entry.until) ? { sid, until: entry.until } : undefined
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
