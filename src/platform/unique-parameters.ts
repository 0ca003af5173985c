import { ok, refuse } from './refusal.ts'
import type { Result } from './refusal.ts'

/**
 * Reads the named parameters of a query or a form; absent ones are undefined. RFC 6749 §3.1: none of
 * them may stand twice, since two readers would disagree on which one counts. Other parameters are not
 * looked at.
 */
export function uniqueParameters<Name extends string>(
  parameters: URLSearchParams,
  names: readonly Name[],
): Result<Readonly<Record<Name, string | undefined>>, 'duplicate_parameter'> {
  const found: Partial<Record<Name, string>> = {}
  for (const name of names) {
    const [value, ...others] = parameters.getAll(name)
    if (others.length > 0) return refuse('duplicate_parameter', { parameter: name })
    if (value !== undefined) found[name] = value
  }
  return ok(found as Record<Name, string | undefined>)
}
