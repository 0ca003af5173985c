import type { OAuthApplication } from '../../core/applications/application.ts'
import { isOAuthClient } from '../../core/applications/known-applications.ts'
import type { KnownApplication } from '../../core/applications/known-applications.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { AnswerTarget, PageReason } from './authorization-request.ts'
import { isRegisteredRedirectUri } from './redirect-uri.ts'
import { defaultModeOf, mayTravel, parseResponseMode } from './response-mode.ts'
import { scopeValues } from './scope.ts'

/**
 * Who asks, and where an answer of any kind may go (RFC 6749 §4.1.2.1): the two things that must be known to be
 * right before anything else of the request is looked at. They are read from what was sent, never from what
 * an adapter made of it.
 */
export function findTarget(
  known: KnownApplication | undefined,
  parameters: URLSearchParams,
): Result<AnswerTarget, PageReason> {
  if (known === undefined || !isOAuthClient(known.application)) return refuse('unknown_application')
  const { application, asOf } = known
  const redirectUri = findRedirectUri(application, parameters)
  if (!redirectUri.ok) return redirectUri
  const states = parameters.getAll('state')
  return ok({
    application,
    asOf,
    redirectUri: redirectUri.value,
    mode: modeOf(parameters),
    // Of two, neither is known to be the application's.
    state: states.length === 1 ? states[0] : undefined,
  })
}

/** Who says that they ask; it stands there once. */
export function findApplicationId(
  parameters: URLSearchParams,
): Result<string, 'unknown_application' | 'duplicate_parameter'> {
  const [id = '', ...others] = parameters.getAll('client_id')
  if (others.length > 0) return refuse('duplicate_parameter', { parameter: 'client_id' })
  return id === '' ? refuse('unknown_application') : ok(id)
}

function findRedirectUri(
  { oauth }: OAuthApplication,
  parameters: URLSearchParams,
): Result<string, PageReason> {
  const [sent, ...others] = parameters.getAll('redirect_uri')
  if (others.length > 0) return refuse('duplicate_parameter', { parameter: 'redirect_uri' })
  if (sent !== undefined && sent !== '') {
    return isRegisteredRedirectUri(oauth, sent) ? ok(sent) : refuse('redirect_uri_not_registered')
  }
  // OpenID Connect Core 1.0 §3.1.2.1 requires it; plain OAuth has a default (RFC 6749 §3.1.2.3).
  const isDefaulted = oauth.defaultRedirectUri !== undefined && !isOpenIdRequest(parameters)
  return isDefaulted && oauth.redirectUris.includes(oauth.defaultRedirectUri)
    ? ok(oauth.defaultRedirectUri)
    : refuse('redirect_uri_missing')
}

const isOpenIdRequest = (parameters: URLSearchParams): boolean =>
  parameters.getAll('scope').some((scope) => scopeValues(scope).includes('openid')) ||
  parameters.getAll('response_type').some((type) => type.split(' ').includes('id_token'))

/** How even an error travels: as asked, if that can be, or else as the response type has it. */
function modeOf(parameters: URLSearchParams) {
  const [type = '', ...types] = parameters.getAll('response_type')
  const [mode = '', ...modes] = parameters.getAll('response_mode')
  const responseType = types.length === 0 ? type : ''
  const asked = modes.length === 0 ? parseResponseMode(mode) : undefined
  return asked !== undefined && mayTravel(responseType, asked) ? asked : defaultModeOf(responseType)
}
