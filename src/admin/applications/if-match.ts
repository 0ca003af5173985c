/** The tag of a version (RFC 9110 §8.8.3): strong, since one version has one representation. */
export const tagOf = (version: number): string => `"${version}"`

/** A refusal that has made a version by itself says which, so that it can be asked again by who names one. */
export function tagged<Answer extends Response>(answer: Answer, version: number): Answer {
  answer.headers.set('ETag', tagOf(version))
  return answer
}

/** The version that an operator has seen, as the request says it. */
export interface Seen {
  readonly ifMatch: string | undefined
  readonly version?: number | undefined
}

/** Whether `If-Match` names a version, or more; `*` is met by each (RFC 9110 §13.1.1). */
const isNamed = (ifMatch: string | undefined): ifMatch is string =>
  ifMatch !== undefined && ifMatch.trim() !== '*'

/**
 * Whether the version that an operator has seen is still the present one: it may stand in `If-Match`
 * (RFC 9110 §13.1.1), in the body, or in both; one that says nothing replaces what is there.
 */
export function isSeen(present: number, { ifMatch, version }: Seen): boolean {
  if (version !== undefined && version !== present) return false
  return !isNamed(ifMatch) || ifMatch.split(',').some((tag) => tag.trim() === tagOf(present))
}

/** Whether it has said which version, so that the change is of no other. */
export const isVersionNamed = ({ ifMatch, version }: Seen): boolean =>
  version !== undefined || isNamed(ifMatch)
