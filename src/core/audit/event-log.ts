import { sha256Base64url } from '../../platform/digest.ts'
import { log } from '../../platform/log.ts'
import type { LogLine } from '../../platform/log.ts'
import { LeastRecentlyUsed } from '../../platform/lru.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import type { AuditEvent } from './audit-event.ts'

/** As many as tokens are remembered (core/tokens/access-tokens.ts): each is hashed once. */
const REMEMBERED_HASHES = 16_384

/** Writes a line: to the console, unless somebody else keeps the log. */
export type WriteLine = (level: 'info' | 'warn', line: LogLine) => void

/** The half of the audit trail that needs no storage: one line in the log per event. */
export interface EventLog {
  record(
    facts: Pick<RequestFacts, 'requestId'>,
    event: AuditEvent,
    write?: WriteLine,
  ): Promise<void>
}

export function createEventLog(): EventLog {
  const hashes = createShortHashes()
  return {
    async record(facts, event, write = log) {
      write(event.refusal === undefined ? 'info' : 'warn', await lineOf(facts, event, hashes))
    },
  }
}

/** What the log says of an event. */
async function lineOf(
  { requestId }: Pick<RequestFacts, 'requestId'>,
  { event, actor, userId, sid, providerId, subject, refusal, facts }: AuditEvent,
  hashes: ShortHashes,
): Promise<LogLine> {
  const line = {
    event,
    request_id: requestId,
    actor,
    user: userId,
    sid_hash: sid === undefined ? undefined : (hashes.known(sid) ?? (await hashes.make(sid))),
    provider: providerId,
    subject_hash:
      subject === undefined ? undefined : (hashes.known(subject) ?? (await hashes.make(subject))),
    reason: refusal?.code,
  }
  const hasDetails = facts !== undefined || refusal?.facts !== undefined
  return hasDetails ? { ...refusal?.facts, ...facts, ...line } : line
}

interface ShortHashes {
  known(value: string): string | undefined
  make(value: string): Promise<string>
}

function createShortHashes(): ShortHashes {
  const remembered = new LeastRecentlyUsed<string, string>(REMEMBERED_HASHES)
  return {
    known: (value) => remembered.get(value),
    async make(value) {
      const hash = await shortHash(value)
      remembered.set(value, hash)
      return hash
    },
  }
}

/** How the trail names what it must not say: 96 bits of its SHA-256. */
export const shortHash = async (value: string): Promise<string> =>
  (await sha256Base64url(value)).slice(0, 16)
