import type { Config } from '../../config.ts'
import type { IdentityProviders } from './identity-provider.ts'
export function createIdentityProviders(_parts: {
  config: Config
  metadata: Env['PROVIDER_METADATA']
  /** Copies of discovery documents and key sets live here, beside the revocation hints. */
  documents: KVNamespace
}): IdentityProviders {
  return {} as IdentityProviders
}
