import type { Config } from '../../config.ts'
import type { AccessTokens } from './access-token.ts'
import type { Keys } from './keys.ts'
export function createAccessTokens(_parts: { config: Config; keys: Keys }): AccessTokens {
  return {} as AccessTokens
}
