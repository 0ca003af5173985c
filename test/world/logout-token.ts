import type { Members } from './provider-behaviour.ts'
import type { Provider } from './provider.ts'

export const BACK_CHANNEL_LOGOUT = 'http://schemas.openid.net/event/backchannel-logout'

/** The claims of a good logout token of this provider, with changes; `undefined` removes one. */
export function logoutClaims(provider: Pick<Provider, 'config'>, changes: Members = {}): Members {
  const now = Math.floor(Date.now() / 1000)
  const right: Members = {
    iss: provider.config.issuer,
    aud: provider.config.clientId,
    iat: now,
    exp: now + 120,
    jti: crypto.randomUUID(),
    events: { [BACK_CHANNEL_LOGOUT]: {} },
  }
  return Object.fromEntries(
    Object.entries({ ...right, ...changes }).filter(([, value]) => value !== undefined),
  )
}

/** A logout token under the provider's key. `changes` name at least `sub` or `sid`, to be a good one. */
export const logoutToken = (
  provider: Provider,
  changes: Members = {},
  header: Members = {},
): Promise<string> =>
  provider.sign(logoutClaims(provider, changes), { typ: 'logout+jwt', ...header })
