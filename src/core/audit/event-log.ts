import { sha256Base64url } from '../../platform/digest.ts'
import { log } from '../../platform/log.ts'
import type { LogLine } from '../../platform/log.ts'
import { LeastRecentlyUsed } from '../../platform/lru.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import type { AuditEvent } from './audit.ts'

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
  const hashOf = createShortHashes()
  return {
    async record(facts, event, write = log) {
      write(event.refusal === undefined ? 'info' : 'warn', await lineOf(facts, event, hashOf))
    },
  }
}

/** What the log says of an event. */
async function lineOf(
  { requestId }: Pick<RequestFacts, 'requestId'>,
  { event, actor, userId, sid, providerId, subject, refusal, facts }: AuditEvent,
  hashOf: (value: string) => Promise<string>,
): Promise<LogLine> {
  const line = {
    event,
    request_id: requestId,
    actor,
    user: userId,
    sid_hash: sid === undefined ? undefined : await hashOf(sid),
    provider: providerId,
    subject_hash: subject === undefined ? undefined : await hashOf(subject),
    reason: refusal?.code,
  }
  const hasDetails = facts !== undefined || refusal?.facts !== undefined
  return hasDetails ? { ...refusal?.facts, ...facts, ...line } : line
}

function createShortHashes(): (value: string) => Promise<string> {
  const remembered = new LeastRecentlyUsed<string, string>(REMEMBERED_HASHES)
  return async (value) => {
    const known = remembered.get(value)
    if (known !== undefined) return known
    const hash = await shortHash(value)
    remembered.set(value, hash)
    return hash
  }
}

/** How the trail names what it must not say: 96 bits of its SHA-256. */
export const shortHash = async (value: string): Promise<string> =>
  (await sha256Base64url(value)).slice(0, 16)
