import type { OAuthClient } from '../../core/applications/application.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'

/**
 * The API that a request names, if any: one that the application is registered for (RFC 8707 §2). One at a time,
 * since a token has one audience; the same one twice is one.
 */
export function readResource(
  parameters: URLSearchParams,
  { resources }: Pick<OAuthClient, 'resources'>,
): Result<string | undefined, 'invalid_target'> {
  const named = parameters.getAll('resource').filter((value) => value !== '')
  const [resource, ...others] = new Set(named)
  if (others.length > 0) return refuse('invalid_target', { check: 'several' })
  return resource === undefined || resources.includes(resource)
    ? ok(resource)
    : refuse('invalid_target', { check: 'not_registered' })
}
