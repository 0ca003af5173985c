import type { Audit } from '../../core/audit/audit.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'

/** An operator looked at something: logged, not stored. */
export const recordRead = (
  c: { get(name: 'facts'): RequestFacts },
  audit: Audit,
  what: string,
): Promise<void> =>
  audit.record(c.get('facts'), { event: 'operator.read', actor: 'operator', facts: { what } })
