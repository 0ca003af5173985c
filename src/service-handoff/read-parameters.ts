import { isJsonObject } from '../platform/json-object.ts'
import type { BodyRefusal } from '../platform/read-body.ts'
import { readForm } from '../platform/read-form.ts'
import { readJson } from '../platform/read-json.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'

/** The names under which a parameter may stand: its own first, and what clients of Epixel's may call it. */
const ALIASES = {
  token: ['token', 'sso_token', 'single_time_token'],
  service: ['service', 'service_name'],
  api_sid: ['api_sid'],
  refresh: ['refresh', 'refresh_token'],
  state: ['state'],
  username: ['username'],
  password: ['password'],
} as const satisfies Readonly<Record<string, readonly string[]>>

export type ParameterName = keyof typeof ALIASES
export type Parameters<Names extends ParameterName> = Readonly<Record<Names, string | undefined>>

/**
 * The named parameters of a body, which is JSON or a form. Each is a text and stands there once, whatever of its
 * names it goes by; an empty one is as good as none. Everything else in the body is not looked at: who somebody
 * is, and what they may, no body says.
 */
export async function readParameters<Names extends ParameterName>(
  request: Request,
  names: readonly Names[],
): Promise<Result<Parameters<Names>, BodyRefusal | 'invalid_parameter'>> {
  const body = await readMembers(request)
  if (!body.ok) return body
  const found: Partial<Record<Names, string>> = {}
  for (const name of names) {
    const values = ALIASES[name].flatMap((alias) => body.value(alias))
    const [value, ...others] = values.filter((each) => each !== '' && each !== null)
    if (others.length > 0) return refuse('invalid_parameter', { parameter: name, check: 'twice' })
    if (value === undefined) continue
    if (typeof value !== 'string') return refuse('invalid_parameter', { parameter: name })
    found[name] = value
  }
  return ok(found as Parameters<Names>)
}

type Members = (name: string) => readonly unknown[]

async function readMembers(
  request: Request,
): Promise<Result<Members, BodyRefusal | 'invalid_parameter'>> {
  const type = request.headers.get('content-type') ?? ''
  if (/^application\/json\b/i.test(type)) {
    const body = await readJson(request)
    if (!body.ok) return body
    const { value } = body
    if (!isJsonObject(value)) return refuse('invalid_body', { check: 'object' })
    return ok((name) => (Object.hasOwn(value, name) ? [value[name]] : []))
  }
  const form = await readForm(request)
  return form.ok ? ok((name) => form.value.getAll(name)) : form
}
