/**
 * Values as OneAll's clients send them: PHP writes `[]` for an empty object and numbers as texts, forms leave
 * `""` where nothing was entered. What could be meant is taken; what could not is refused as `invalid`.
 */
import { isJsonObject } from '../platform/json-object.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'

export type Read<Value> = Result<Value, 'invalid'>

const LONGEST_TEXT = 4096

const isNothing = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === '' ||
  (Array.isArray(value) && value.length === 0)

const invalid = (member: string) => refuse('invalid', { member })

/** An object; empty where there is none. */
export function readObject(
  holder: Readonly<Record<string, unknown>>,
  member: string,
): Read<Readonly<Record<string, unknown>>> {
  const value = holder[member]
  if (isNothing(value)) return ok({})
  return isJsonObject(value) ? ok(value) : invalid(member)
}

/** A text that says something, or nothing; numbers are texts too. */
export function readText(
  holder: Readonly<Record<string, unknown>>,
  member: string,
  longest = LONGEST_TEXT,
): Read<string | undefined> {
  const value = holder[member]
  if (isNothing(value)) return ok(undefined)
  const text = typeof value === 'number' ? String(value) : value
  if (typeof text !== 'string' || text.length > longest || text.includes('\0'))
    return invalid(member)
  return ok(text)
}

/** A whole number that is not negative, also as a text. */
export function readWholeNumber(
  holder: Readonly<Record<string, unknown>>,
  member: string,
): Read<number | undefined> {
  const value = holder[member]
  if (isNothing(value)) return ok(undefined)
  const text = typeof value === 'number' ? String(value) : value
  if (typeof text !== 'string' || !/^\d{1,15}$/.test(text)) return invalid(member)
  return ok(Number(text))
}

/** PHP writes truth in several ways. */
export const isTrue = (value: unknown): boolean =>
  value === true || value === 1 || value === '1' || value === 'true'

/** The values of several readings, or the first refusal. */
export function all<Values extends Readonly<Record<string, unknown>>>(readings: {
  readonly [Name in keyof Values]: Read<Values[Name]>
}): Read<Values> {
  const values: [string, unknown][] = []
  for (const [name, reading] of Object.entries<Read<unknown>>(readings)) {
    if (!reading.ok) return reading
    values.push([name, reading.value])
  }
  return ok(Object.fromEntries(values) as Values)
}
