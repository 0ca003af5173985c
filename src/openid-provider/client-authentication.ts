/**
 * Which application is calling, proven as it is registered (RFC 6749 §2.3, RFC 7523, OpenID Connect Core 1.0
 * §9): at the token endpoint, at `/oauth/par`, `/oauth/introspect`, `/oauth/revoke` and where a device asks
 * for its code. Every way to be wrong is one answer: an unknown application, a disabled one, a wrong secret
 * and a method other than the registered one cannot be told apart.
 */
import type { Config } from '../config.ts'
import type {
  ClientAuthenticationMethod,
  OAuthApplication,
} from '../core/applications/application.ts'
import { isOAuthClient, isSecretOf } from '../core/applications/known-applications.ts'
import type {
  KnownApplication,
  KnownApplications,
} from '../core/applications/known-applications.ts'
import type { Claims } from '../core/references/claims.ts'
import type { EpochSeconds } from '../platform/clock.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Refusal, Result } from '../platform/refusal.ts'
import { uniqueParameters } from '../platform/unique-parameters.ts'
import { parseBasicCredentials } from '../protocol/basic-credentials.ts'
import {
  CLIENT_ASSERTION_TYPE,
  checkClientAssertion,
  parseClientAssertion,
} from './client-assertion.ts'
import type { ClientAssertion } from './client-assertion.ts'

/** `authenticateClient` as `createClientAuthentication` makes it. */
export type AuthenticateClient = (
  request: ClientRequest,
  now: EpochSeconds,
) => Promise<Result<OAuthApplication, ClientRefusalCode>>

export interface ClientRequest {
  /** The `Authorization` header, as it came. */
  readonly authorization: string | undefined
  readonly form: URLSearchParams
  readonly query: URLSearchParams
  /** The endpoint's path: its URL is one of the audiences that an assertion may name (RFC 9126 §2). */
  readonly path: string
}

/** `invalid_client` is answered 401, `invalid_request` 400, `unavailable` 503. */
export type ClientRefusalCode = 'invalid_client' | 'invalid_request' | 'unavailable'

const PARAMETERS = [
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
] as const

/** What may never stand in a URL, where logs and histories keep it (RFC 6749 §2.3.1). */
const SECRET_PARAMETERS = [
  'client_secret',
  'client_assertion',
  'password',
  'code',
  'refresh_token',
  'device_code',
  'token',
]

type Presented =
  | {
      readonly method: 'client_secret_basic' | 'client_secret_post'
      readonly id: string
      readonly secret: string
    }
  | { readonly method: 'private_key_jwt'; readonly id: string; readonly assertion: ClientAssertion }
  | { readonly method: 'none'; readonly id: string }

export function createClientAuthentication({
  config,
  knownApplications,
  claims,
}: {
  readonly config: Pick<Config, 'issuer'>
  readonly knownApplications: Pick<KnownApplications, 'judge'>
  readonly claims: Pick<Claims, 'claim'>
}): AuthenticateClient {
  /** Whether the proof is good, whoever it is that presents it. A secret is compared even for nobody. */
  async function prove(
    presented: Presented,
    known: KnownApplication | undefined,
    path: string,
    now: EpochSeconds,
  ): Promise<Result<undefined, string>> {
    switch (presented.method) {
      case 'client_secret_basic':
      case 'client_secret_post':
        return (await isSecretOf(known, presented.secret, now))
          ? ok(undefined)
          : refuse('wrong_secret')
      case 'private_key_jwt': {
        const application = known?.application
        if (!isOAuthClient(application)) return refuse('unknown_application')
        const { assertion } = presented
        const audiences = ['', '/oauth/token', path].map((each) => config.issuer + each)
        return checkClientAssertion(claims, { application, assertion, audiences }, now)
      }
      case 'none':
        return ok(undefined)
    }
  }

  return async ({ authorization, form, query, path }, now) => {
    const presented = readPresented({ authorization, form, query })
    if (!presented.ok) return presented
    const { id, method } = presented.value
    return knownApplications.judge(
      id,
      async (known): Promise<Result<OAuthApplication, ClientRefusalCode>> => {
        const application = isOAuthClient(known?.application) ? known.application : undefined
        const isRegistered = application?.oauth.tokenEndpointAuthMethod === method
        // Another method than the registered one proves nothing, and uses up no assertion.
        const proof = await prove(presented.value, isRegistered ? known : undefined, path, now)
        if (!proof.ok && proof.refusal.code === 'unavailable') return refuse('unavailable')
        if (application === undefined) return invalid(method, { check: 'unknown_application' })
        if (!isRegistered) return invalid(method, { check: 'method', application: application.id })
        return proof.ok
          ? ok(application)
          : invalid(method, {
              check: proof.refusal.code,
              application: application.id,
              ...proof.refusal.facts,
            })
      },
      now,
    )
  }
}

const invalid = (method: ClientAuthenticationMethod, facts: NonNullable<Refusal['facts']>) =>
  refuse('invalid_client', { method, ...facts })

/** Which proof the request brings; exactly one, or none of a public client (RFC 6749 §2.3). */
function readPresented({
  authorization,
  form,
  query,
}: Omit<ClientRequest, 'path'>): Result<Presented, 'invalid_client' | 'invalid_request'> {
  const inQuery = SECRET_PARAMETERS.find((name) => query.has(name))
  if (inQuery !== undefined)
    return refuse('invalid_request', { check: 'query', parameter: inQuery })
  const read = uniqueParameters(form, PARAMETERS)
  if (!read.ok) return refuse('invalid_request', read.refusal.facts)
  // RFC 6749 §3.1: a parameter without a value counts as left out.
  const id = read.value.client_id || undefined
  const secret = read.value.client_secret || undefined
  const assertion = read.value.client_assertion || undefined
  const assertionType = read.value.client_assertion_type || undefined

  const basic = parseBasicCredentials(authorization)
  const hasAssertion = assertion !== undefined || assertionType !== undefined
  const ways = [authorization !== undefined, secret !== undefined, hasAssertion].filter(Boolean)
  if (ways.length > 1) return refuse('invalid_request', { check: 'two_methods' })

  if (authorization !== undefined) {
    // A Bearer token says who a user is, never which client asks.
    if (basic === 'absent') return refuse('invalid_client', { check: 'scheme' })
    if (basic === undefined) return refuse('invalid_client', { check: 'malformed' })
    if (id !== undefined && id !== basic.id)
      return refuse('invalid_request', { check: 'two_clients' })
    return ok({ method: 'client_secret_basic', ...basic })
  }
  if (hasAssertion) return readAssertion({ id, assertion, assertionType })
  if (id === undefined) return refuse('invalid_client', { check: 'missing' })
  if (secret !== undefined) return ok({ method: 'client_secret_post', id, secret })
  return ok({ method: 'none', id })
}

function readAssertion({
  id,
  assertion,
  assertionType,
}: {
  readonly id: string | undefined
  readonly assertion: string | undefined
  readonly assertionType: string | undefined
}): Result<Presented, 'invalid_client' | 'invalid_request'> {
  if (assertion === undefined || assertionType !== CLIENT_ASSERTION_TYPE)
    return refuse('invalid_request', { check: 'assertion_type' })
  const parsed = parseClientAssertion(assertion)
  if (parsed === undefined) return refuse('invalid_client', { check: 'assertion' })
  // RFC 7521 §4.2: a client id beside it must be the same.
  if (id !== undefined && id !== parsed.clientId)
    return refuse('invalid_client', { check: 'two_clients' })
  return ok({ method: 'private_key_jwt', id: parsed.clientId, assertion: parsed })
}
