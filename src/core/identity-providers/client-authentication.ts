import { importJWK } from 'jose'
import type { JWK } from 'jose'
import {
  ClientSecretBasic,
  ClientSecretPost,
  modifyAssertion,
  None,
  PrivateKeyJwt,
} from 'oauth4webapi'
import type { ClientAuth } from 'oauth4webapi'
import type { ClientAuthentication } from '../../config.ts'

/** How we prove to a token endpoint who we are (OpenID Connect Core 1.0 §9): as configured, never as offered. */
export async function clientAuthentication(configured: ClientAuthentication): Promise<ClientAuth> {
  switch (configured.method) {
    case 'client_secret_basic':
      return ClientSecretBasic(configured.clientSecret)
    case 'client_secret_post':
      return ClientSecretPost(configured.clientSecret)
    case 'private_key_jwt': {
      const { privateKey, algorithm, keyId } = configured
      const key = (await importJWK(privateKey as JWK, algorithm)) as CryptoKey
      const named = keyId === undefined ? { key } : { key, kid: keyId }
      return PrivateKeyJwt(named, {
        [modifyAssertion]: (header) => {
          // The same key has two algorithm names (RFC 9864): the configured one counts.
          header.alg = algorithm
        },
      })
    }
    case 'none':
      return None()
  }
}
