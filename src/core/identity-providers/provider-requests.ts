/**
 * The requests of one sign-in to its provider. oauth4webapi makes them and reads the answers; every one
 * goes through the outbound fetch, and what can go wrong becomes a refusal here.
 */
import {
  allowInsecureRequests,
  authorizationCodeGrantRequest,
  clockTolerance,
  customFetch,
  introspectionRequest,
  OperationProcessingError,
  processAuthorizationCodeResponse,
  processIntrospectionResponse,
  processUserInfoResponse,
  ResponseBodyError,
  userInfoRequest,
  validateAuthResponse,
  WWWAuthenticateChallengeError,
} from 'oauth4webapi'
import type { AuthorizationServer, Client, ClientAuth, CustomFetchOptions } from 'oauth4webapi'
import type { IdentityProviderConfig } from '../../config.ts'
import { parseJsonObject } from '../../platform/json-object.ts'
import type { OutboundFetch, OutboundRefusal } from '../../platform/outbound-fetch.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Refusal, Result } from '../../platform/refusal.ts'
import { registeredErrorCode } from './authorization-response.ts'
import type { DiscoveryDocument } from './discovery-document.ts'
import { CLOCK_TOLERANCE_SECONDS } from './registered-claims.ts'
import type { AttemptSecrets } from './attempt-secrets.ts'
import type { Claims } from './verify-provider-jwt.ts'

/** A provider, and we as its client. All of it is of one provider: nothing meant for one goes to another. */
export interface ProviderParty {
  readonly config: IdentityProviderConfig
  readonly discovery: DiscoveryDocument
  readonly authentication: ClientAuth
  readonly redirectUri: string
  readonly outboundFetch: OutboundFetch
}

/** The tokens of a token response, as they came: present or not, true or not. */
export interface UnverifiedTokens {
  readonly idToken: unknown
  readonly accessToken: unknown
}

type RequestRefusal =
  | 'provider_unavailable'
  | 'provider_error'
  | 'code_refused'
  | 'id_token_invalid'

/** Redeems the code (RFC 6749 §4.1.3, RFC 7636 §4.5). */
export async function requestTokens(
  party: ProviderParty,
  parameters: URLSearchParams,
  secrets: AttemptSecrets,
): Promise<Result<{ tokens: UnverifiedTokens; response: Response }, RequestRefusal>> {
  const { server, client, options } = inLibraryTerms(party)
  try {
    const response = await authorizationCodeGrantRequest(
      server,
      client,
      party.authentication,
      validateAuthResponse(server, client, parameters, secrets.state),
      party.redirectUri,
      secrets.codeVerifier,
      options,
    )
    if (response.status !== 200) {
      // It throws for every other status than 200, with the reason.
      await processAuthorizationCodeResponse(server, client, response)
    }
    const body = parseJsonObject(new Uint8Array(await response.clone().arrayBuffer()))
    if (body === undefined) {
      return refuse('provider_unavailable', { endpoint: 'token', check: 'not_json' })
    }
    return ok({ tokens: { idToken: body.id_token, accessToken: body.access_token }, response })
  } catch (thrown) {
    return refusalOf(thrown, 'token')
  }
}

/**
 * Lets the library judge the token response as a whole (RFC 6749 §5.1, OpenID Connect Core 1.0 §3.1.3.3): a
 * second pair of eyes on an ID token that `verifyIdToken` has accepted.
 * @returns the access token.
 */
export async function checkTokenResponse(
  party: ProviderParty,
  response: Response,
  { nonce }: AttemptSecrets,
): Promise<Result<string, RequestRefusal>> {
  const { server, client } = inLibraryTerms(party)
  try {
    const { access_token: accessToken } = await processAuthorizationCodeResponse(
      server,
      client,
      response,
      {
        expectedNonce: nonce,
        requireIdToken: true,
      },
    )
    // RFC 6749 appendix A.12. It goes into a header next.
    if (!/^[\x20-\x7e]+$/.test(accessToken)) {
      return refuse('provider_unavailable', { endpoint: 'token', check: 'access_token' })
    }
    return ok(accessToken)
  } catch (thrown) {
    return refusalOf(thrown, 'token')
  }
}

/** Core §5.3. Its `sub` must be the ID token's, or nothing of it may be used (§5.3.2). */
export async function requestUserInfo(
  party: ProviderParty,
  accessToken: string,
  subject: string,
): Promise<Result<Claims, RequestRefusal>> {
  const { server, client, options } = inLibraryTerms(party)
  let status: number | undefined
  try {
    const response = await userInfoRequest(server, client, accessToken, options)
    status = response.status
    // A signed answer is not asked for, and the library would not look at its signature.
    if (response.headers.get('content-type')?.startsWith('application/jwt') === true) {
      return refuse('provider_unavailable', { endpoint: 'userinfo', check: 'content_type' })
    }
    return ok(await processUserInfoResponse(server, client, subject, response))
  } catch (thrown) {
    if (
      thrown instanceof OperationProcessingError &&
      SUBJECT_FAILURES.includes(thrown.code ?? '')
    ) {
      return refuse('id_token_invalid', { check: 'userinfo_sub' })
    }
    const { code, facts } = refusalOf(thrown, 'userinfo').refusal
    return refuse(code, { ...facts, status })
  }
}

/** RFC 7662 §2: what the provider says of a token, to us as its client. */
export async function introspectToken(
  party: ProviderParty,
  token: string,
): Promise<Result<Claims, RequestRefusal>> {
  const { server, client, options } = inLibraryTerms(party)
  try {
    const response = await introspectionRequest(server, client, party.authentication, token, {
      ...options,
      additionalParameters: { token_type_hint: 'access_token' },
    })
    // RFC 9701: a signed answer is not asked for, and the library would not look at its signature.
    if (response.headers.get('content-type')?.includes('jwt') === true) {
      return refuse('provider_unavailable', { endpoint: 'introspection', check: 'content_type' })
    }
    return ok(await processIntrospectionResponse(server, client, response))
  } catch (thrown) {
    return refusalOf(thrown, 'introspection')
  }
}

/** The answer is about somebody else, or does not say about whom it is. */
const SUBJECT_FAILURES = ['OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED', 'OAUTH_INVALID_RESPONSE']

function inLibraryTerms({ config, discovery, outboundFetch }: ProviderParty) {
  const server: AuthorizationServer = {
    issuer: discovery.issuer,
    token_endpoint: discovery.tokenEndpoint,
    authorization_response_iss_parameter_supported: discovery.sendsIssuerParameter,
    ...(discovery.userInfoEndpoint === undefined
      ? {}
      : { userinfo_endpoint: discovery.userInfoEndpoint }),
    ...(discovery.introspectionEndpoint === undefined
      ? {}
      : { introspection_endpoint: discovery.introspectionEndpoint }),
  }
  const client: Client = {
    client_id: config.clientId,
    id_token_signed_response_alg: config.idTokenSigningAlgorithm,
    [clockTolerance]: CLOCK_TOLERANCE_SECONDS,
  }
  const options = {
    [allowInsecureRequests]: config.allowInsecureHttp,
    [customFetch]: libraryFetch(outboundFetch, config),
  }
  return { server, client, options }
}

/** Carries a refusal of the outbound fetch through the library, which knows exceptions only. */
class OutboundFailure extends Error {
  readonly refusal: Refusal<OutboundRefusal>

  constructor(refusal: Refusal<OutboundRefusal>) {
    super(refusal.code)
    this.refusal = refusal
  }
}

const libraryFetch =
  (outboundFetch: OutboundFetch, config: IdentityProviderConfig) =>
  async (
    url: string,
    { method, headers, body }: CustomFetchOptions<string, unknown>,
  ): Promise<Response> => {
    const request = { method, headers, ...(body instanceof URLSearchParams ? { body } : {}) }
    const answer = await outboundFetch(url, request, config)
    if (!answer.ok) throw new OutboundFailure(answer.refusal)
    const { status, headers: received, bytes } = answer.value
    const kept = ['content-type', 'www-authenticate'].flatMap((name) => {
      const value = received.get(name)
      return value === null ? [] : [[name, value] as [string, string]]
    })
    return new Response(bytes.length === 0 ? null : bytes, { status, headers: kept })
  }

/**
 * Why the library gave up, without a word of what it had read. Whatever else an answer makes it throw is
 * the answer's doing as well, so nothing is thrown on.
 */
function refusalOf(thrown: unknown, endpoint: 'token' | 'userinfo' | 'introspection') {
  if (thrown instanceof OutboundFailure) {
    const { code: reason, facts } = thrown.refusal
    return refuse('provider_unavailable', { ...facts, endpoint, reason })
  }
  if (thrown instanceof ResponseBodyError && endpoint === 'token') {
    const error = registeredErrorCode(thrown.error)
    const code = error === 'invalid_grant' ? 'code_refused' : 'provider_error'
    return refuse(code, { endpoint, error, status: thrown.status })
  }
  if (thrown instanceof WWWAuthenticateChallengeError && endpoint === 'token') {
    return refuse('provider_error', { endpoint, error: 'invalid_client', status: thrown.status })
  }
  const reason = thrown instanceof OperationProcessingError ? thrown.code : undefined
  return refuse('provider_unavailable', { endpoint, reason: reason ?? 'answer_invalid' })
}
