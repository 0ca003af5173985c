import type { Result } from './refusal.ts'
/** Contract to be completed by its owner: sizes that every request must keep (URL, headers). */
export function checkRequestLimits(_request: Request): Result<undefined, 'uri_too_long' | 'headers_too_large'> {
  return { ok: true, value: undefined }
}
