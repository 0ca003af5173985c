import { isJsonObject } from '../platform/json-object.ts'
import { readJson } from '../platform/read-json.ts'
import type { BodyRefusal } from '../platform/read-body.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'

/** The causes that an operator may give for a mass cut-off. */
export const CUT_OFF_REASONS = ['operator', 'provider_removed', 'key_compromised'] as const

export interface CutOffRequest {
  readonly scope: 'everyone' | 'provider'
  /** The provider's id; empty for everyone. */
  readonly id: string
  readonly cause: (typeof CUT_OFF_REASONS)[number]
}

const PROVIDER_ID = /^[a-z0-9][a-z0-9_-]{0,63}$/i

/**
 * The body of `POST /admin/api/cut-offs`: `{"scope": "everyone"}` or `{"scope": "provider", "id": …}`, and a
 * `reason`. A member too many is refused, so that "everyone" with an id ends nobody.
 */
export async function readCutOffRequest(
  request: Request,
): Promise<Result<CutOffRequest, BodyRefusal | 'invalid_request'>> {
  const body = await readJson(request)
  if (!body.ok) return body
  if (!isJsonObject(body.value)) return refuse('invalid_request', { check: 'body' })
  const { scope, id, reason, ...unknown } = body.value
  const cause = CUT_OFF_REASONS.find((known) => known === reason)
  if (Object.keys(unknown).length > 0 || cause === undefined) {
    return refuse('invalid_request', { check: 'member' })
  }
  if (scope === 'everyone' && id === undefined) return ok({ scope, id: '', cause })
  if (scope === 'provider' && typeof id === 'string' && PROVIDER_ID.test(id)) {
    return ok({ scope, id, cause })
  }
  return refuse('invalid_request', { check: 'scope' })
}
