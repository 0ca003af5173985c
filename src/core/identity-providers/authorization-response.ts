import { isEqualConstantTime } from '../../platform/digest.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { uniqueParameters } from '../../platform/unique-parameters.ts'
import type { DiscoveryDocument } from './discovery-document.ts'

/** Every parameter that an authorization response can mean something by. */
const PARAMETERS = [
  'code',
  'state',
  'iss',
  'error',
  'error_description',
  'error_uri',
  'response',
  'id_token',
  'token',
  'access_token',
  'token_type',
  'expires_in',
  'scope',
  'session_state',
] as const

/** Answers to questions that we never ask: JARM, and the implicit and hybrid flows. */
const FOREIGN_PARAMETERS = ['response', 'id_token', 'token', 'access_token'] as const

const MAXIMUM_CODE_LENGTH = 4096

/**
 * Judges an authorization response (RFC 6749 §4.1.2, RFC 9207 §2.4) before anything is done with it.
 * `state` and `iss` are looked at first: an error, too, counts only if it answers this very attempt.
 */
export async function checkAuthorizationResponse(
  parameters: URLSearchParams,
  discovery: DiscoveryDocument,
  state: string,
): Promise<Result<undefined, 'response_invalid' | 'provider_error' | 'access_denied'>> {
  const invalid = (check: string) => refuse('response_invalid', { check })
  const unique = uniqueParameters(parameters, PARAMETERS)
  if (!unique.ok) return refuse('response_invalid', { check: 'duplicate', ...unique.refusal.facts })
  const { code, error, iss, state: returnedState, ...others } = unique.value
  if (FOREIGN_PARAMETERS.some((name) => others[name] !== undefined))
    return invalid('foreign_parameter')
  if (returnedState === undefined || !(await isEqualConstantTime(returnedState, state))) {
    return invalid('state')
  }
  if (iss === undefined ? discovery.sendsIssuerParameter : iss !== discovery.issuer) {
    return invalid('iss')
  }
  if (error !== undefined && code !== undefined) return invalid('code_with_error')
  if (error === 'access_denied') return refuse('access_denied')
  if (error !== undefined) return refuse('provider_error', { error: registeredErrorCode(error) })
  // RFC 6749 appendix A.11: a code is of printable ASCII characters.
  if (code === undefined || code.length > MAXIMUM_CODE_LENGTH || !/^[\x20-\x7e]+$/.test(code)) {
    return invalid('code')
  }
  return ok(undefined)
}

/** An error code as it may stand in a log: registered ones are of this form (RFC 6749 §11.4). */
export const registeredErrorCode = (error: unknown): string =>
  typeof error === 'string' && /^[a-z][a-z_]{0,63}$/.test(error) ? error : 'unregistered'
