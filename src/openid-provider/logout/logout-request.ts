/**
 * What an application asks for when it sends somebody to sign out (RP-Initiated Logout 1.0 §2): who asks, of which
 * session, and where the person goes then. Nothing here looks at who is signed in.
 */
import type { Applications, OAuthApplication } from '../../core/applications/application.ts'
import type { Destination } from '../../core/revocation/departure.ts'
import type { SignedClaims } from '../../core/tokens/signed-claims.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { uniqueParameters } from '../../platform/unique-parameters.ts'

/** `logout_hint` and `ui_locales` help nobody here; they may be there, once. */
const PARAMETERS = [
  'id_token_hint',
  'client_id',
  'post_logout_redirect_uri',
  'state',
  'logout_hint',
  'ui_locales',
] as const

/** What a request that has to come again as a GET takes along. */
export const NEEDED_PARAMETERS = PARAMETERS.slice(0, 4)

/** The address waits in a cookie while the browser is at the provider, and has to fit. */
const LONGEST_DESTINATION = 2048

/** What an ID token of ours says that an application has sent back as `id_token_hint`. */
export interface IdTokenHint {
  readonly subject: string
  /** The session as the application knows it. */
  readonly clientSid: string
}

export interface LogoutRequest {
  /** Who asks; undefined when nobody says so, or nobody who is known here. */
  readonly application: OAuthApplication | undefined
  /** Of that application; undefined when there is none that is genuine. */
  readonly hint: IdTokenHint | undefined
  readonly destination: (Destination & { readonly fields: DestinationFields }) | undefined
}

/** As they came, for the form that asks the person. */
export interface DestinationFields {
  readonly client_id: string
  readonly post_logout_redirect_uri: string
  readonly state?: string
}

export type LogoutRequestRefusal =
  | 'duplicate_parameter'
  | 'unknown_application'
  | 'hint_of_another_application'
  | 'post_logout_redirect_uri_not_registered'
  | 'state_too_long'
  | 'unavailable'

export interface LogoutRequestParts {
  readonly applications: Pick<Applications, 'findOAuthClient'>
  readonly signedClaims: Pick<SignedClaims, 'readIdToken'>
}

export async function readLogoutRequest(
  { applications, signedClaims }: LogoutRequestParts,
  parameters: URLSearchParams,
  now: EpochSeconds,
): Promise<Result<LogoutRequest, LogoutRequestRefusal>> {
  const unique = uniqueParameters(parameters, PARAMETERS)
  if (!unique.ok) return unique
  const { id_token_hint: token, state } = unique.value
  const clientId = unique.value.client_id || undefined
  const uri = unique.value.post_logout_redirect_uri

  const read = await readHint(signedClaims, token, now)
  if (!read.ok) return read
  const hinted = read.value
  if (hinted !== undefined && clientId !== undefined && hinted.clientId !== clientId) {
    return refuse('hint_of_another_application')
  }
  const id = hinted?.clientId ?? clientId
  const found = id === undefined ? undefined : await applications.findOAuthClient(id)
  if (found?.ok === false) return found
  const application = found?.value

  // §2: an address counts only with proof of who asks. A hint that is not genuine proves something else.
  const isHintForged = token !== undefined && token !== '' && hinted === undefined
  if (uri === undefined || application === undefined || isHintForged) {
    return ok({ application, hint: hinted, destination: undefined })
  }
  if (!application.oauth.postLogoutRedirectUris.includes(uri)) {
    return refuse('post_logout_redirect_uri_not_registered', { application: application.id })
  }
  const url = withState(uri, state)
  if (url.length > LONGEST_DESTINATION) return refuse('state_too_long')
  const fields = {
    client_id: application.id,
    post_logout_redirect_uri: uri,
    ...(state !== undefined && { state }),
  }
  return ok({
    application,
    hint: hinted,
    destination: { url, name: application.name, fields },
  })
}

/** Undefined for everything that is not an ID token of ours, whether or not it has expired. */
async function readHint(
  signedClaims: LogoutRequestParts['signedClaims'],
  token: string | undefined,
  now: EpochSeconds,
): Promise<Result<(IdTokenHint & { readonly clientId: string }) | undefined, 'unavailable'>> {
  if (token === undefined || token === '') return ok(undefined)
  const claims = await signedClaims.readIdToken(token, now)
  if (!claims.ok) return claims.refusal.code === 'not_ours' ? ok(undefined) : refuse('unavailable')
  const { aud, sub, sid } = claims.value
  const isWhole = typeof aud === 'string' && typeof sub === 'string' && typeof sid === 'string'
  return ok(isWhole ? { clientId: aud, subject: sub, clientSid: sid } : undefined)
}

/** §3: `state` goes back as it came. What the registered address says already stays as it is. */
function withState(uri: string, state: string | undefined): string {
  if (state === undefined) return uri
  const url = new URL(uri)
  const query = new URLSearchParams({ state }).toString()
  url.search = url.search === '' ? query : `${url.search}&${query}`
  return url.href
}
