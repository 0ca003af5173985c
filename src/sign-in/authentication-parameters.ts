/**
 * What the caller of a sign-in may ask of the provider: `prompt`, `login_hint`, `max_age` and `acr_values`
 * (OpenID Connect Core 1.0 §3.1.2.1). They pass through, so they are bounded and typed first.
 */
import type { AuthenticationRequest } from '../core/identity-providers/identity-provider.ts'
import type { LiveSession } from '../core/sessions/session.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'

const PROMPTS = ['none', 'login', 'consent', 'select_account']
const MAX_LOGIN_HINT_BYTES = 254
const MAX_ACR_VALUES_LENGTH = 256

/** An empty parameter counts as one that was not sent (RFC 6749 §3.1). */
export function parseAuthenticationParameters(
  query: URLSearchParams,
): Result<AuthenticationRequest, 'parameter_invalid'> {
  const prompt = query.get('prompt') || undefined
  const loginHint = query.get('login_hint') || undefined
  const maxAge = query.get('max_age') || undefined
  const acrValues = query.get('acr_values') || undefined
  if (prompt !== undefined && !isPrompt(prompt)) return invalid('prompt')
  if (loginHint !== undefined && !isLoginHint(loginHint)) return invalid('login_hint')
  if (maxAge !== undefined && !/^\d{1,9}$/.test(maxAge)) return invalid('max_age')
  if (acrValues !== undefined && !isAcrValues(acrValues)) return invalid('acr_values')
  return ok({
    ...(prompt !== undefined && { prompt }),
    ...(loginHint !== undefined && { loginHint }),
    ...(maxAge !== undefined && { maxAge: Number(maxAge) }),
    ...(acrValues !== undefined && { acrValues }),
  })
}

/** The same, as a link of ours carries them. */
export function writeAuthenticationParameters(
  request: AuthenticationRequest,
  query: URLSearchParams,
): void {
  if (request.prompt !== undefined) query.set('prompt', request.prompt)
  if (request.loginHint !== undefined) query.set('login_hint', request.loginHint)
  if (request.maxAge !== undefined) query.set('max_age', String(request.maxAge))
  if (request.acrValues !== undefined) query.set('acr_values', request.acrValues)
}

/** What a link of ours can carry of it: all, or nothing of an application's that holds more than a link may. */
export function inLink(request: AuthenticationRequest): AuthenticationRequest {
  const query = new URLSearchParams()
  writeAuthenticationParameters(request, query)
  const read = parseAuthenticationParameters(query)
  return read.ok ? read.value : {}
}

/**
 * Whether a live session already is what is asked for, so that nobody has to sign in a second time.
 * `max_age` never is: when the person last authenticated, only the provider knows for certain.
 */
export const satisfies = (
  { authentication }: LiveSession,
  request: AuthenticationRequest,
  providerId: string | undefined,
): boolean =>
  (providerId === undefined || providerId === authentication.providerId) &&
  (request.prompt === undefined || request.prompt === 'none') &&
  request.maxAge === undefined &&
  (request.acrValues === undefined ||
    (authentication.acr !== undefined && request.acrValues.split(' ').includes(authentication.acr)))

const invalid = (parameter: string) => refuse('parameter_invalid', { parameter })

/** Space-separated, each once; `none` stands alone. */
function isPrompt(text: string): boolean {
  const values = text.split(' ')
  if (values.includes('none') && values.length > 1) return false
  return values.every((value) => PROMPTS.includes(value)) && new Set(values).size === values.length
}

const isLoginHint = (text: string): boolean =>
  !/[\p{Cc}\p{Bidi_Control}]/u.test(text) &&
  text.isWellFormed() &&
  new TextEncoder().encode(text).length <= MAX_LOGIN_HINT_BYTES

const isAcrValues = (text: string): boolean =>
  text.length <= MAX_ACR_VALUES_LENGTH &&
  /^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/.test(text)
