import { readBody } from './read-body.ts'
import type { BodyRefusal } from './read-body.ts'
import { ok, refuse } from './refusal.ts'
import type { Result } from './refusal.ts'

const MAX_BYTES = 256 * 1024
const MAX_DEPTH = 32

/**
 * The value in an `application/json` body, if every reader would see the same value in it: no member
 * twice in one object, no `__proto__`, no number that is not finite, no whole one that would become another
 * (of two ids of 64 bits, one), no text that is not Unicode (RFC 8259 §4, §6, §8.2; RFC 7493 §2.2). Nested at
 * most 32 deep.
 *
 * @param mediaType what the body must be declared to be, where that is JSON under another name.
 */
export async function readJson(
  request: Request,
  mediaType = 'application/json',
): Promise<Result<unknown, BodyRefusal>> {
  const body = await readBody(request, { mediaType, maxBytes: MAX_BYTES })
  return body.ok ? parseJson(body.value) : body
}

/**
 * As `readJson`, whatever the body is declared to be, and `undefined` where there is none: for clients whose
 * `Content-Type` says nothing.
 */
export async function readUndeclaredJson(request: Request): Promise<Result<unknown, BodyRefusal>> {
  const body = await readBody(request, { mediaType: 'ignored', maxBytes: MAX_BYTES })
  if (!body.ok) return body
  return body.value.trim() === '' ? ok(undefined) : parseJson(body.value)
}

function parseJson(text: string): Result<unknown, BodyRefusal> {
  const problem = checkStructure(text)
  if (problem !== undefined) return refuse('invalid_body', { check: problem })
  let isPortable = true
  try {
    const value: unknown = JSON.parse(text, (_name, member: unknown) => {
      if (!isPortableScalar(member)) isPortable = false
      return member
    })
    return isPortable ? ok(value) : refuse('invalid_body', { check: 'value' })
  } catch {
    return refuse('invalid_body', { check: 'syntax' })
  }
}

const isPortableScalar = (value: unknown): boolean =>
  typeof value === 'number'
    ? Number.isFinite(value)
    : typeof value !== 'string' || value.isWellFormed()

/**
 * A text with the colon that makes it a member's name, one bracket, or a number. What follows the opening quote
 * is all optional, so that nothing is ever scanned twice, not even a text that never ends.
 */
const TOKEN = /"((?:[^"\\]+|\\.?)*)"?\s*(:)?|[[\]{}]|\d[\d.eE+-]*/gs

/** Shorter ones are exact in a double. */
const LONG_WHOLE_NUMBER = /^\d{16,}$/

/**
 * Looks at nesting, member names and numbers only, before anything is built from the text. What is not JSON at
 * all may pass here: the parser that comes next refuses it.
 */
function checkStructure(text: string): 'depth' | 'member' | 'number' | undefined {
  const names: Set<string>[] = []
  for (const [token, content = '', colon] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') names.push(new Set())
    else if (token === '}' || token === ']') names.pop()
    else if (colon !== undefined && !mayBeMember(content, names.at(-1))) return 'member'
    else if (LONG_WHOLE_NUMBER.test(token) && String(Number(token)) !== token) return 'number'
    if (names.length > MAX_DEPTH) return 'depth'
  }
  return undefined
}

function mayBeMember(content: string, names: Set<string> | undefined): boolean {
  const name = unescape(content)
  if (name === undefined || names === undefined) return true
  if (name === '__proto__' || names.has(name) || !name.isWellFormed()) return false
  names.add(name)
  return true
}

/** Two spellings of one name (`a`, `\u0061`) are one name. */
function unescape(content: string): string | undefined {
  try {
    return JSON.parse(`"${content}"`) as string
  } catch {
    return undefined
  }
}
