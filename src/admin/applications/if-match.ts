import { openObject, optional, text } from '../api/schema.ts'
import type { ValueOf } from '../api/schema.ts'

/** The headers by which a request is of one version only (RFC 9110 §13.1.1, §13.1.2). */
export const conditions = openObject({
  'if-match': optional(text),
  'if-none-match': optional(text),
})

/** The tag of a version (RFC 9110 §8.8.3): strong, since one version has one representation. */
export const tagOf = (version: number): string => `"${version}"`

/** A refusal that has made a version by itself says which, so that it can be asked again by who names one. */
export function tagged<Answer extends Response>(answer: Answer, version: number): Answer {
  answer.headers.set('ETag', tagOf(version))
  return answer
}

/** The version that an operator has seen, as the request says it. */
export interface Seen {
  readonly headers: ValueOf<typeof conditions>
  readonly version?: number | undefined
}

/** `*` is met by each version that is there. */
const isAny = (tags: string): boolean => tags.trim() === '*'

const isTagged = (present: number, tags: string): boolean =>
  isAny(tags) || tags.split(',').some((tag) => tag.trim() === tagOf(present))

/** Whether `If-Match` names the present version, or is not there. */
export const isMatched = (present: number, headers: Seen['headers']): boolean =>
  isTagged(present, headers['if-match'] ?? '*')

/** Whether `If-None-Match` names the present version; here a tag may be a weak one. */
export const isKnown = (present: number, headers: Seen['headers']): boolean =>
  isTagged(present, headers['if-none-match']?.replaceAll('W/', '') ?? '')

/**
 * Whether the version that an operator has seen is still the present one: it may stand in `If-Match`, in the body,
 * or in both; one that says nothing replaces what is there, unless `If-None-Match` asks that nothing be there.
 */
export function isSeen(present: number, { headers, version }: Seen): boolean {
  if (version !== undefined && version !== present) return false
  return isMatched(present, headers) && !isKnown(present, headers)
}

/** Whether it has said which version, so that the change is of no other. */
export const isVersionNamed = ({ headers, version }: Seen): boolean =>
  version !== undefined || !isAny(headers['if-match'] ?? '*')
