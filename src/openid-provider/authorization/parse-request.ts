import { adaptRequest } from '../../core/applications/adapt-request.ts'
import type { OAuthClient, ResponseType } from '../../core/applications/application.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { parseClaimsRequest } from '../claims-request.ts'
import type { ClaimsRequest } from '../claims-request.ts'
import { promptValues } from './authorization-request.ts'
import type {
  AnswerTarget,
  AuthorizationError,
  AuthorizationRequest,
  Prompt,
} from './authorization-request.ts'
import { readResource } from './resource.ts'
import { defaultModeOf, mayTravel, parseResponseMode, parseResponseType } from './response-mode.ts'
import { askedScope, reduceScope, spelledScope } from './scope.ts'

type Parsed<Value> = Result<Value, AuthorizationError>

const MAX_NONCE_LENGTH = 1024
const MAX_STATE_LENGTH = 4096
const MAX_LOCALES_LENGTH = 200
const MAX_LOGIN_HINT_LENGTH = 254
export const MAX_ACR_VALUES_LENGTH = 256
/** RFC 8707 §2: may be named several times, which we answer by saying that one is the limit. */
const REPEATABLE = 'resource'

/**
 * All of a request beside its target. The application's adapter has its turn first (never of what ties the
 * answer to the request); what comes out is judged like any other request. Parameters that we do not know
 * are ignored, but none may stand twice (RFC 6749 §3.1).
 */
export function parseRequest(
  target: AnswerTarget,
  sent: URLSearchParams,
  { isPushed }: { readonly isPushed: boolean },
): Parsed<AuthorizationRequest> {
  const { oauth } = target.application
  const twice = [...new Set(sent.keys())].find(
    (name) => name !== REPEATABLE && sent.getAll(name).length > 1,
  )
  if (twice !== undefined) return invalid('duplicate_parameter')
  if (oauth.requirePushedAuthorizationRequests && !isPushed) return invalid('not_pushed')
  const adapted = adaptRequest(oauth.requestAdapter, sent)
  const { parameters, requestedScope } = adapted
  /** RFC 6749 §3.1: a parameter without a value counts as one that was left out. */
  const read = (name: string): string | undefined => parameters.get(name) || undefined

  for (const name of ['request', 'request_uri', 'registration'] as const) {
    if (read(name) !== undefined) return refuse(`${name}_not_supported`)
  }
  if ((target.state ?? '').length > MAX_STATE_LENGTH) return invalid('state')
  const responseType = parseAllowedResponseType(read('response_type'), oauth)
  if (!responseType.ok) return responseType
  const mode = read('response_mode')
  const parsedMode =
    mode === undefined ? defaultModeOf(responseType.value) : parseResponseMode(mode)
  if (parsedMode === undefined || !mayTravel(responseType.value, parsedMode))
    return invalid('response_mode')

  const prompts = parsePrompts(read('prompt'))
  if (!prompts.ok) return prompts
  const claims = parseClaims(read('claims'), oauth)
  if (!claims.ok) return claims
  const asked = askedScope(adapted)
  const scope = parseScope(asked, {
    ...target,
    responseType: responseType.value,
    prompts: prompts.value,
  })
  if (!scope.ok) return scope
  const isOpenId = scope.value.includes('openid') || oauth.alwaysIssueIdToken
  if (responseType.value.includes('id_token') && !isOpenId) return refuse('invalid_scope')
  const nonce = read('nonce')
  if (nonce !== undefined && nonce.length > MAX_NONCE_LENGTH) return invalid('nonce')
  // Core §3.2.2.1. An ID token that comes through the browser is worth nothing without it.
  if (nonce === undefined && responseType.value.includes('id_token')) return invalid('nonce')

  const codeChallenge = parseCodeChallenge(responseType.value, oauth, read)
  if (!codeChallenge.ok) return codeChallenge
  const jkt = parseKeyThumbprint(responseType.value, oauth, read('dpop_jkt'))
  if (!jkt.ok) return jkt
  const resource = readResource(parameters, oauth)
  if (!resource.ok) return resource
  const maxAge = read('max_age')
  if (maxAge !== undefined && !/^\d{1,9}$/.test(maxAge)) return invalid('max_age')

  return ok({
    target: { ...target, mode: parsedMode },
    responseType: responseType.value,
    isRedirectUriSent: read('redirect_uri') !== undefined,
    scope: scope.value,
    requestedScope: spelledScope(requestedScope, asked, scope.value),
    isOpenId,
    nonce,
    codeChallenge: codeChallenge.value,
    jkt: jkt.value,
    resource: resource.value,
    claims: claims.value,
    prompts: prompts.value,
    maxAge: maxAge === undefined ? oauth.defaultMaxAge : Number(maxAge),
    loginHint: hint(read('login_hint'), MAX_LOGIN_HINT_LENGTH),
    acrValues: hint(read('acr_values'), MAX_ACR_VALUES_LENGTH),
    uiLocales: hint(read('ui_locales'), MAX_LOCALES_LENGTH),
    idTokenHint: read('id_token_hint'),
  })
}

const invalid = (check: string) => refuse('invalid_request', { check })

function parseAllowedResponseType(
  text: string | undefined,
  { responseTypes, grantTypes }: OAuthClient,
): Parsed<ResponseType> {
  if (text === undefined) return invalid('response_type')
  const type = parseResponseType(text)
  if (type === undefined) return refuse('unsupported_response_type')
  const grant = type === 'code' ? 'authorization_code' : 'implicit'
  return responseTypes.includes(type) && grantTypes.includes(grant)
    ? ok(type)
    : refuse('unauthorized_client', { check: 'response_type' })
}

/** Core §3.1.2.1: `none` stands alone. A value that we do not have is refused (errata set 2). */
function parsePrompts(text = ''): Parsed<ReadonlySet<Prompt>> {
  const values = text.split(' ').filter((value) => value !== '')
  const known = promptValues.filter((value) => values.includes(value))
  if (values.some((value) => !known.some((prompt) => prompt === value))) return invalid('prompt')
  return known.includes('none') && known.length > 1 ? invalid('prompt') : ok(new Set(known))
}

function parseClaims(
  text: string | undefined,
  oauth: OAuthClient,
): Parsed<ClaimsRequest | undefined> {
  if (text === undefined) return ok(undefined)
  const claims = parseClaimsRequest(text, oauth)
  return claims.ok ? claims : invalid('claims')
}

/**
 * Core §11: `offline_access` is for codes only, and the person has to be asked for it, unless the application
 * is the company's own.
 */
function parseScope(
  asked: string | undefined,
  {
    application,
    responseType,
    prompts,
  }: Pick<AnswerTarget, 'application'> & {
    readonly responseType: ResponseType
    readonly prompts: ReadonlySet<Prompt>
  },
): Parsed<readonly string[]> {
  const reduced = reduceScope(asked, application.oauth)
  if (!reduced.ok) return reduced
  const mayBeOffline =
    responseType === 'code' && (application.isFirstParty || prompts.has('consent'))
  if (mayBeOffline) return reduced
  const scope = reduced.value.filter((value) => value !== 'offline_access')
  return scope.length === 0 && asked !== undefined ? refuse('invalid_scope') : ok(scope)
}

/** RFC 7636 §4.3, S256 alone: of `plain` whoever sees the request knows the verifier. */
function parseCodeChallenge(
  responseType: ResponseType,
  { requirePkce, tokenEndpointAuthMethod }: OAuthClient,
  read: (name: string) => string | undefined,
): Parsed<string | undefined> {
  if (responseType !== 'code') return ok(undefined)
  const challenge = read('code_challenge')
  const method = read('code_challenge_method')
  if (challenge === undefined) {
    const isRequired = requirePkce || tokenEndpointAuthMethod === 'none'
    return isRequired || method !== undefined ? invalid('code_challenge') : ok(undefined)
  }
  if (method !== 'S256') return invalid('code_challenge_method')
  return isHash(challenge) ? ok(challenge) : invalid('code_challenge')
}

/** RFC 9449 §10: the code is bound to the key. What comes through the browser cannot be. */
function parseKeyThumbprint(
  responseType: ResponseType,
  { dpopBoundAccessTokens }: OAuthClient,
  thumbprint: string | undefined,
): Parsed<string | undefined> {
  if (responseType !== 'code') {
    return dpopBoundAccessTokens && responseType.split(' ').includes('token')
      ? refuse('unauthorized_client', { check: 'dpop' })
      : ok(undefined)
  }
  return thumbprint === undefined || isHash(thumbprint) ? ok(thumbprint) : invalid('dpop_jkt')
}

/** A SHA-256 as base64url, whose last character has two bits that mean nothing and are zero. */
const isHash = (text: string): boolean => /^[\w-]{42}[AEIMQUYcgkosw048]$/.test(text)

/** A wish, not a condition: one that cannot be passed on is no reason to refuse the rest. */
const hint = (text: string | undefined, maxLength: number): string | undefined =>
  text === undefined || text.length > maxLength || /[\p{Cc}\p{Bidi_Control}]/u.test(text)
    ? undefined
    : text
