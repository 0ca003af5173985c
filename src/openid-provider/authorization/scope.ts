import type { AdaptedRequest } from '../../core/applications/adapt-request.ts'
import type { OAuthClient } from '../../core/applications/application.ts'
import { LONGEST_SCOPE_CHARACTERS } from '../../core/applications/grant-rules.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'

/** RFC 6749 §3.3: values of printable ASCII but `"` and `\`. Several blanks are one. */
const SCOPE = /^ *[\x21\x23-\x5b\x5d-\x7e]+( +[\x21\x23-\x5b\x5d-\x7e]+)* *$/

/** Never granted to an application that did not ask for them in words. */
const ASKED_ONLY = ['openid', 'offline_access']

/** What is asked for. A scope that the adapter has emptied asks for nothing; only one that was never there has a default. */
export const askedScope = ({ parameters, requestedScope }: AdaptedRequest): string | undefined =>
  parameters.get('scope') || (requestedScope === undefined ? undefined : '')

/**
 * What may be granted of what is asked for: the values that the application is registered for. The others are
 * left out (RFC 6749 §3.3; OpenID Connect Core 1.0 §3.1.2.1 has unknown ones ignored), unless nothing is left.
 * An application that names none is given what it is registered for.
 */
export function reduceScope(
  asked: string | undefined,
  { scope: registered }: Pick<OAuthClient, 'scope'>,
): Result<readonly string[], 'invalid_scope'> {
  if (asked === undefined) return ok(registered.filter((value) => !ASKED_ONLY.includes(value)))
  if (asked.length > LONGEST_SCOPE_CHARACTERS || !SCOPE.test(asked)) return refuse('invalid_scope')
  const values = scopeValues(asked).filter((value) => registered.includes(value))
  return values.length === 0 ? refuse('invalid_scope') : ok(values)
}

/** The values of a scope, each once. */
export const scopeValues = (scope: string): readonly string[] => [
  ...new Set(scope.split(' ').filter((value) => value !== '')),
]

/**
 * The scope as it was spelled, where an adapter has rewritten it and all that came of it is granted: otherwise the
 * answer has to say what is (RFC 6749 §5.1).
 */
export const spelledScope = (
  requestedScope: string | undefined,
  asked: string | undefined,
  granted: readonly string[],
): string | undefined =>
  scopeValues(asked ?? '').every((value) => granted.includes(value)) ? requestedScope : undefined
