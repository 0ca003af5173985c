import type { AuthenticationRequest } from '../../core/identity-providers/identity-provider.ts'
import type { SessionId } from '../../core/sessions/session.ts'
import type { AuthorizationRequest } from './authorization-request.ts'
import type { AuthorizeParts, Visit } from './authorize-parts.ts'
import { MAX_ACR_VALUES_LENGTH } from './parse-request.ts'
import type { SignInReason } from './judge-session.ts'

export const AUTHORIZE_PATH = '/oauth/authorize'
export const CANCEL_PATH = '/oauth/authorize/cancel'

/** In the query of a request that waits: the person has asked for the sign-in page. */
export const OTHER_ACCOUNT = 'other_account'

/** Where the person may well say that the session that is there will do. */
export const isForChoice = (reason: SignInReason): boolean =>
  reason === 'select_account' || reason === 'other_account'

/** How long the sign-in pages may take; the request itself waits longer. */
const ASKED_SECONDS = 1500

/**
 * Where the person goes to sign in: to the only provider straight away, or to the sign-in page, which says for
 * which application it is. What was asked for goes along (OpenID Connect Core 1.0 §3.1.2.1), and the provider
 * is asked to do what we cannot: only it knows the person.
 */
export async function signInLocation(
  { askedSignIns, identityProviders }: Pick<AuthorizeParts, 'askedSignIns' | 'identityProviders'>,
  request: AuthorizationRequest,
  input: {
    readonly reason: SignInReason
    readonly requestUri: string
    /** The live session of this browser, if it has one. */
    readonly sid: SessionId | undefined
    readonly visit: Pick<Visit, 'now'>
  },
): Promise<string> {
  const { application } = request.target
  const { reason, requestUri, sid, visit } = input
  const asked = await askedSignIns.seal({
    request: askedOf(request, reason),
    returnTo: resumeHref(application.id, requestUri),
    asker: {
      name: application.name,
      cancelHref: cancelHref(application.id, requestUri),
    },
    // With a session that another tab has opened meanwhile the request goes on too, and is judged again.
    mayContinue: reason === 'no_session' || isForChoice(reason),
    expiresAt: visit.now + ASKED_SECONDS,
  })
  const hasChoice = identityProviders.all.length > 1 || (isForChoice(reason) && sid !== undefined)
  return `${hasChoice ? '/auth/login' : '/auth/sso/login'}?asked=${asked}`
}

/** Where a request goes on that waits; it says whose it is, so that nobody else's reference is taken. */
export const resumeHref = (applicationId: string, requestUri: string): string =>
  `${AUTHORIZE_PATH}?${queryOf(applicationId, requestUri)}`

export const cancelHref = (applicationId: string, requestUri: string): string =>
  `${CANCEL_PATH}?${queryOf(applicationId, requestUri)}`

const queryOf = (applicationId: string, requestUri: string): string =>
  new URLSearchParams({ client_id: applicationId, request_uri: requestUri }).toString()

/** What the provider is asked for. Consent is ours to ask. */
function askedOf(
  { prompts, maxAge, claims, ...request }: AuthorizationRequest,
  reason: SignInReason,
): AuthenticationRequest {
  const isOther = reason === 'subject' || reason === 'other_account'
  const asked = [
    ...(prompts.has('login') || isOther ? ['login'] : []),
    ...(prompts.has('select_account') ? ['select_account'] : []),
  ]
  const acrValues = fitting([
    ...(claims?.acr?.values ?? []),
    ...(request.acrValues?.split(' ') ?? []),
  ])
  return {
    ...(asked.length > 0 && { prompt: asked.join(' ') }),
    ...(request.loginHint !== undefined && { loginHint: request.loginHint }),
    ...(maxAge !== undefined && { maxAge }),
    ...(acrValues !== '' && { preferredAcrValues: acrValues }),
    ...(request.uiLocales !== undefined && { uiLocales: request.uiLocales }),
  }
}

/** As many values as fit, the dearest first: they travel in links and in a cookie. */
function fitting(values: readonly string[]): string {
  let text = ''
  for (const value of new Set(values.filter((each) => /^[\x21-\x7e]+$/.test(each)))) {
    const longer = text === '' ? value : `${text} ${value}`
    if (longer.length > MAX_ACR_VALUES_LENGTH) break
    text = longer
  }
  return text
}
