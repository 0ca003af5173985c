import type { IdentityProviderConfig } from '../../config.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import type { Result } from '../../platform/refusal.ts'
import type { Assertion } from './assertion.ts'
import type { AttemptSecrets } from './attempt-secrets.ts'
import type { LogoutToken } from './logout-token.ts'
import type { PresentedPerson, PresentedRefusal, PresentedTokens } from './presented-tokens.ts'

/** What a caller of a sign-in may ask of the provider; all are checked at the return. */
export interface AuthenticationRequest {
  readonly prompt?: string
  readonly loginHint?: string
  /** Seconds; `auth_time` is then required and checked. */
  readonly maxAge?: number
  /** Space-separated, in order of preference; the answer must be one of them. */
  readonly acrValues?: string
  /** The same as a wish: passed on, and whatever comes back is taken. */
  readonly preferredAcrValues?: string
  /** Languages for the provider's pages (OpenID Connect Core 1.0 §3.1.2.1); a wish too. */
  readonly uiLocales?: string
}

/** Codes of what can go wrong between us and a provider. */
export type ProviderRefusal =
  | 'provider_unavailable' // discovery, keys, token endpoint or UserInfo cannot be reached or are broken: try again
  | 'provider_error' // the provider answered with an error of its own (facts.error: its registered code)
  | 'response_invalid' // the authorization response is malformed, has duplicates, or fails state or RFC 9207 `iss`
  | 'code_refused' // the token endpoint refused the code
  | 'id_token_invalid' // an ID token check failed (facts.check names which); `userinfo_sub`: UserInfo is of somebody else
  | 'access_denied' // the person said no at the provider

export interface IdentityProvider {
  readonly config: IdentityProviderConfig
  /** The URL that starts the sign-in at the provider (code, PKCE S256, state, nonce, response_mode). */
  authorizationUrl(
    secrets: AttemptSecrets,
    request: AuthenticationRequest,
    now: EpochSeconds,
  ): Promise<Result<URL, ProviderRefusal>>
  /**
   * Judges the authorization response (RFC 6749 §4.1.2, RFC 9207) without contacting the provider's
   * token endpoint and without consuming anything. Run before the attempt is claimed.
   */
  checkResponse(
    parameters: URLSearchParams,
    secrets: AttemptSecrets,
    now: EpochSeconds,
  ): Promise<Result<CheckedResponse, ProviderRefusal>>
  /** Exchanges the code, verifies the ID token (OpenID Connect Core 1.0 §3.1.3.7) and reads UserInfo. */
  redeem(
    response: CheckedResponse,
    secrets: AttemptSecrets,
    attempt: { readonly request: AuthenticationRequest; readonly createdAt: EpochSeconds },
    now: EpochSeconds,
  ): Promise<Result<Assertion, ProviderRefusal>>
  /** Verifies tokens of this provider that an application has got and brings here, if they are for one of ours. */
  verifyPresented(
    tokens: PresentedTokens,
    now: EpochSeconds,
  ): Promise<Result<PresentedPerson, PresentedRefusal>>
  /** Verifies a logout token that is said to be this provider's (Back-Channel Logout 1.0 §2.6). */
  verifyLogoutToken(
    token: string,
    now: EpochSeconds,
  ): Promise<Result<LogoutToken, 'logout_token_invalid' | 'provider_unavailable'>>
  /**
   * Where the browser goes to sign out at the provider as well, and from there back to us (RP-Initiated
   * Logout 1.0 §2). The ID token goes along byte for byte.
   */
  endSessionUrl(
    input: { readonly idToken: string; readonly state: string },
    now: EpochSeconds,
  ): Promise<Result<URL, 'no_end_session_endpoint' | 'provider_unavailable'>>
}

/** The parameters of an authorization response that passed `checkResponse`. */
export interface CheckedResponse {
  readonly parameters: URLSearchParams
}

export interface IdentityProviders {
  /** In configured order. */
  readonly all: readonly IdentityProvider[]
  /** By configured id; `undefined` id means the first; unknown ids give undefined. */
  find(id: string | undefined): IdentityProvider | undefined
}
