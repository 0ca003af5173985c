// The type is the agreement; the parser below it is to be written by its owner.
import type { RotatingSecret } from './platform/secrets.ts'

export type SigningAlgorithm = 'RS256' | 'RS384' | 'RS512' | 'PS256' | 'PS384' | 'PS512' | 'ES256' | 'ES384' | 'ES512' | 'EdDSA' | 'Ed25519'

export type ClientAuthentication =
  | { readonly method: 'client_secret_basic' | 'client_secret_post'; readonly clientSecret: string }
  | { readonly method: 'private_key_jwt'; readonly privateKey: JsonWebKey; readonly algorithm: SigningAlgorithm; readonly keyId: string | undefined }
  | { readonly method: 'none' }

/** An upstream OpenID provider that we rely on. */
export interface IdentityProviderConfig {
  readonly id: string
  readonly name: string
  readonly issuer: string
  readonly clientId: string
  readonly clientAuthentication: ClientAuthentication
  /** Always contains `openid`. */
  readonly scope: string
  readonly responseMode: 'query' | 'form_post'
  readonly idTokenSigningAlgorithm: SigningAlgorithm
  readonly backchannelLogoutScope: 'user' | 'session'
  readonly linkByVerifiedEmail: boolean
  /** Domains for which this provider's word on an e-mail address counts (linking). Lower case. */
  readonly authoritativeEmailDomains: readonly string[]
  /** If not empty, only people whose verified e-mail address is in one of these domains may sign in. */
  readonly allowedEmailDomains: readonly string[]
  /** Spelled out in the configuration; only for loopback hosts. */
  readonly allowInsecureHttp: boolean
}

/** Every setting, checked and frozen. */
export interface Config {
  /** Our public origin, without a trailing slash. The only source of absolute URLs and cookie names. */
  readonly issuer: string
  readonly isHttps: boolean
  /** Origins besides our own that may call the bridge and be returned to. */
  readonly allowedOrigins: readonly string[]
  readonly accessToken: { readonly audience: string; readonly lifetimeSeconds: number; readonly scope: string }
  readonly session: { readonly idleSeconds: number; readonly absoluteSeconds: number }
  /** In configured order; the first is the default. */
  readonly identityProviders: readonly IdentityProviderConfig[]
  readonly secrets: { readonly handleKey: RotatingSecret; readonly keyEncryptionKey: RotatingSecret; readonly adminApiKey: RotatingSecret }
}

/** Turns the environment into a Config, or names every problem at once. To be written by its owner. */
export function parseConfig(_env: Record<string, unknown>): { readonly ok: true; readonly config: Config } | { readonly ok: false; readonly problems: readonly string[] } {
  return { ok: false, problems: ['not there yet'] }
}
