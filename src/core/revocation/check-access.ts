import type { Config } from '../../config.ts'
import type { AccessTokens } from '../tokens/access-token.ts'
import type { Revocation } from './revocation.ts'
/** Contract to be completed by its owner: the whole check of one API request. */
export interface AccessChecks {
  readonly placeholder?: never
}
export function createAccessChecks(_parts: { config: Config; accessTokens: AccessTokens; revocation: Revocation }): AccessChecks {
  return {}
}
