import { env } from 'cloudflare:workers'
import type { IdentityProviderConfig } from '../../src/config.ts'
import type { Assertion } from '../../src/core/identity-providers/assertion.ts'
import type { AttemptSecrets } from '../../src/core/identity-providers/attempt-secrets.ts'
import type {
  AuthenticationRequest,
  IdentityProvider,
  ProviderRefusal,
} from '../../src/core/identity-providers/identity-provider.ts'
import { createIdentityProviders } from '../../src/core/identity-providers/identity-providers.ts'
import { randomToken } from '../../src/platform/random.ts'
import type { Result } from '../../src/platform/refusal.ts'
import { configFor, otrotlConfig, secondConfig } from './config.ts'
import type { AuthorizeOptions, Provider } from './provider.ts'

/** What a fresh isolate has: nothing in memory, everything in KV and in the objects. */
export function freshIsolate(...providers: IdentityProviderConfig[]) {
  const identityProviders = providers.length === 0 ? [otrotlConfig, secondConfig] : providers
  return createIdentityProviders({
    config: configFor({ identityProviders }),
    metadata: env.PROVIDER_METADATA,
    documents: env.REVOCATION,
  })
}

export const newSecrets = (): AttemptSecrets => ({
  state: randomToken(),
  nonce: randomToken(),
  codeVerifier: randomToken(),
})

export const epochSeconds = (): number => Math.floor(Date.now() / 1000)

/** A whole sign-in as the sign-in feature plays it, without browser and cookies. */
export async function signIn(
  identityProvider: IdentityProvider,
  provider: Provider,
  options: AuthorizeOptions & { request?: AuthenticationRequest; secrets?: AttemptSecrets } = {},
): Promise<Result<Assertion, ProviderRefusal>> {
  const { request = {}, secrets = newSecrets() } = options
  const url = await identityProvider.authorizationUrl(secrets, request, epochSeconds())
  if (!url.ok) return url
  const back = await provider.authorize(url.value, options)
  const checked = await identityProvider.checkResponse(back.searchParams, secrets, epochSeconds())
  if (!checked.ok) return checked
  const attempt = { request, createdAt: epochSeconds() }
  return identityProvider.redeem(checked.value, secrets, attempt, epochSeconds())
}

/** What a refusal says, in one line: `code` or `code/check`. */
export function verdict(result: Result<unknown>): string {
  if (result.ok) return 'accepted'
  const { code, facts } = result.refusal
  return facts?.check === undefined ? code : `${code}/${String(facts.check)}`
}
