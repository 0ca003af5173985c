/**
 * The upstream half of OpenID Connect: the identity providers that we rely on. Builds the URL that starts
 * a sign-in, judges the response, redeems the code and verifies what comes of it. Keeps no state of a
 * sign-in (that is `sign-in`'s) and knows no user (that is `core/users`').
 *
 * Storage, all of it public documents of the providers:
 * - the `ProviderMetadata` object, one per provider: the only one who fetches them, last good copies;
 * - KV `storageName('provider-documents', issuer, kind)`: copies for every location to read, sealed;
 * - the memory of this instance.
 * Keys are fetched anew after 5 minutes, or on demand after 30 seconds, and never used after 10 minutes;
 * metadata after an hour, and never used after a day (`document-copy.ts`).
 */
import type { ClientAuth } from 'oauth4webapi'
import { calculatePKCECodeChallenge } from 'oauth4webapi'
import type { Config, IdentityProviderConfig } from '../../config.ts'
import { createOutboundFetch } from '../../platform/outbound-fetch.ts'
import type { OutboundFetch } from '../../platform/outbound-fetch.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import { memoise } from '../../platform/secrets.ts'
import { createAssertion } from './assertion.ts'
import { checkAuthorizationResponse } from './authorization-response.ts'
import { clientAuthentication } from './client-authentication.ts'
import { verifyIdToken } from './id-token.ts'
import type { IdentityProvider, IdentityProviders } from './identity-provider.ts'
import { verifyLogoutToken } from './logout-token.ts'
import { verifyPresentedTokens } from './presented-tokens.ts'
import { createDocumentCopies } from './document-copies.ts'
import { createProviderDocuments } from './provider-documents.ts'
import type { ProviderDocuments } from './provider-documents.ts'
import { checkTokenResponse, requestTokens, requestUserInfo } from './provider-requests.ts'

export function createIdentityProviders(parts: {
  config: Pick<Config, 'issuer' | 'identityProviders' | 'secrets'>
  metadata: Env['PROVIDER_METADATA']
  /** Copies of discovery documents and key sets live here, beside the revocation hints. */
  documents: KVNamespace
}): IdentityProviders {
  const ownOrigin = parts.config.issuer
  const { keyEncryptionKey } = parts.config.secrets
  const outboundFetch = createOutboundFetch({ ownOrigin })
  const all = parts.config.identityProviders.map((config) => {
    const { id, issuer, allowInsecureHttp } = config
    const address = { issuer, allowInsecureHttp, ownOrigin }
    return createIdentityProvider({
      config,
      documents: createProviderDocuments(
        address,
        parts.metadata,
        createDocumentCopies({ kv: parts.documents, keyEncryptionKey, issuer }),
      ),
      authentication: memoise(() => clientAuthentication(config.clientAuthentication)),
      redirectUri: `${ownOrigin}/auth/sso/callback/${id}`,
      postLogoutRedirectUri: `${ownOrigin}/auth/sso/logout/callback`,
      outboundFetch,
    })
  })
  return {
    all,
    find: (id) => (id === undefined ? all[0] : all.find(({ config }) => config.id === id)),
  }
}

function createIdentityProvider(parts: {
  readonly config: IdentityProviderConfig
  readonly documents: ProviderDocuments
  readonly authentication: () => Promise<ClientAuth>
  readonly redirectUri: string
  readonly postLogoutRedirectUri: string
  readonly outboundFetch: OutboundFetch
}): IdentityProvider {
  const { config, documents, redirectUri, outboundFetch } = parts
  return {
    config,

    async authorizationUrl({ state, nonce, codeVerifier }, request, now) {
      const discovery = await documents.discovery.current(now)
      if (!discovery.ok) return discovery
      const url = new URL(discovery.value.authorizationEndpoint)
      const parameters: Record<string, string | undefined> = {
        response_type: 'code',
        client_id: config.clientId,
        redirect_uri: redirectUri,
        scope: config.scope,
        state,
        nonce,
        // Always S256, whatever the provider says it supports: one that knows no PKCE ignores it.
        code_challenge: await calculatePKCECodeChallenge(codeVerifier),
        code_challenge_method: 'S256',
        response_mode: config.responseMode === 'form_post' ? 'form_post' : undefined,
        prompt: request.prompt,
        login_hint: request.loginHint,
        max_age: request.maxAge?.toString(),
        acr_values: request.acrValues ?? request.preferredAcrValues,
        ui_locales: request.uiLocales,
      }
      setParameters(url, parameters)
      return ok(url)
    },

    async checkResponse(parameters, secrets, now) {
      const discovery = await documents.discovery.current(now)
      if (!discovery.ok) return discovery
      const checked = await checkAuthorizationResponse(parameters, discovery.value, secrets.state)
      if (!checked.ok) return checked
      // Without keys nothing can come of it: known before anything is spent, the same answer is good later.
      const keys = await documents.keys.current(now)
      return keys.ok ? ok({ parameters: new URLSearchParams(parameters) }) : keys
    },

    async redeem({ parameters }, secrets, { request, createdAt }, now) {
      const discovery = await documents.discovery.current(now)
      if (!discovery.ok) return discovery
      const authentication = await parts.authentication()
      const party = {
        config,
        discovery: discovery.value,
        authentication,
        redirectUri,
        outboundFetch,
      }
      const answer = await requestTokens(party, parameters, secrets)
      if (!answer.ok) return answer
      const { tokens, response } = answer.value
      const expected = {
        issuer: config.issuer,
        clientId: config.clientId,
        nonce: secrets.nonce,
        accessToken: tokens.accessToken,
        algorithm: config.idTokenSigningAlgorithm,
        maxAge: request.maxAge,
        reauthenticationAskedAt: request.prompt?.split(' ').includes('login')
          ? createdAt
          : undefined,
        acrValues: request.acrValues?.split(' ').filter((value) => value !== ''),
      }
      const idToken = await verifyIdToken(tokens.idToken, expected, documents.keys, now)
      if (!idToken.ok) return idToken
      const accessToken = await checkTokenResponse(party, response, secrets)
      if (!accessToken.ok) return accessToken
      if (discovery.value.userInfoEndpoint === undefined) {
        return ok(createAssertion(config.issuer, tokens.idToken as string, idToken.value, {}))
      }
      // Strict and simple: a provider that names a UserInfo endpoint must answer there, and for this person.
      const userInfo = await requestUserInfo(party, accessToken.value, idToken.value.subject)
      if (!userInfo.ok) return userInfo
      return ok(
        createAssertion(config.issuer, tokens.idToken as string, idToken.value, userInfo.value),
      )
    },

    async verifyPresented(tokens, now) {
      const discovery = await documents.discovery.current(now)
      if (!discovery.ok) return discovery
      const authentication = await parts.authentication()
      const party = {
        config,
        discovery: discovery.value,
        authentication,
        redirectUri,
        outboundFetch,
      }
      return verifyPresentedTokens(party, documents.keys, tokens, now)
    },

    verifyLogoutToken: (token, now) =>
      verifyLogoutToken(
        token,
        {
          issuer: config.issuer,
          clientId: config.clientId,
          algorithm: config.idTokenSigningAlgorithm,
          mayLackExpiry: config.logoutTokenWithoutExp,
          isTypeRequired: config.logoutTokenTypRequired,
        },
        documents.keys,
        now,
      ),

    async endSessionUrl({ idToken, state }, now) {
      const discovery = await documents.discovery.current(now)
      if (!discovery.ok) return discovery
      const { endSessionEndpoint } = discovery.value
      if (endSessionEndpoint === undefined) return refuse('no_end_session_endpoint')
      const url = new URL(endSessionEndpoint)
      setParameters(url, {
        id_token_hint: idToken,
        client_id: config.clientId,
        post_logout_redirect_uri: parts.postLogoutRedirectUri,
        state,
      })
      return ok(url)
    },
  }
}

/** Sets what is ours to say in a URL of the provider's, and takes out what we do not say. */
function setParameters(url: URL, parameters: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) url.searchParams.delete(name)
    else url.searchParams.set(name, value)
  }
}
