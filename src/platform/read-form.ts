import { readBody } from './read-body.ts'
import type { BodyRefusal } from './read-body.ts'
import { ok, refuse } from './refusal.ts'
import type { Result } from './refusal.ts'

const MAX_BYTES = 64 * 1024
const MAX_FIELDS = 1000

/**
 * The fields of an `application/x-www-form-urlencoded` body. Repeated names are all kept: what may stand
 * only once is read with `uniqueParameters`. What a lenient parser would repair (a broken percent
 * escape, bytes that are not UTF-8) is refused, since two parsers would repair it differently.
 */
export async function readForm(request: Request): Promise<Result<URLSearchParams, BodyRefusal>> {
  const body = await readBody(request, {
    mediaType: 'application/x-www-form-urlencoded',
    maxBytes: MAX_BYTES,
  })
  if (!body.ok) return body
  let fields = 1
  for (const character of body.value) if (character === '&') fields += 1
  if (fields > MAX_FIELDS) return refuse('invalid_body', { check: 'fields' })
  return isWellEscaped(body.value)
    ? ok(new URLSearchParams(body.value))
    : refuse('invalid_body', { check: 'escapes' })
}

/** Whether every percent escape is whole and the bytes they spell are UTF-8. */
export function isWellEscaped(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
