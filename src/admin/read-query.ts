import { refuse, ok } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'
import { uniqueParameters } from '../platform/unique-parameters.ts'

const LONGEST_VALUE_CHARACTERS = 1024
const MOST_IN_PAGE = 100
const IN_PAGE = 50

/** Where a page begins, and how long it is. */
export interface Page {
  readonly cursor: string | undefined
  readonly limit: number
}

/**
 * The named parameters of a query, and those of paging. A parameter that nobody knows is refused: an
 * operator who mistypes a restriction must not get, or end, what it was to exclude.
 */
export function readQuery<Name extends string>(
  url: string,
  names: readonly Name[],
): Result<{ values: Readonly<Record<Name, string | undefined>>; page: Page }, 'invalid_request'> {
  const parameters = new URL(url).searchParams
  const known: readonly string[] = [...names, 'cursor', 'limit']
  for (const [name, value] of parameters) {
    const isFine = known.includes(name) && value.length <= LONGEST_VALUE_CHARACTERS && value !== ''
    if (!isFine) return refuse('invalid_request', { check: 'parameter' })
  }
  const read = uniqueParameters(parameters, [...names, 'cursor', 'limit'])
  if (!read.ok) return refuse('invalid_request', { check: 'duplicate' })
  const { cursor, limit = String(IN_PAGE) } = read.value as Record<string, string | undefined>
  if (!/^[1-9][0-9]{0,2}$/.test(limit) || Number(limit) > MOST_IN_PAGE) {
    return refuse('invalid_request', { check: 'limit' })
  }
  return ok({ values: read.value, page: { cursor, limit: Number(limit) } })
}
