/** A sign-in begins: `GET, POST /auth/sso/login[/:provider]`. */
import type { IdentityProvider } from '../core/identity-providers/identity-provider.ts'
import { readSessionCookie } from '../core/sessions/session-cookie.ts'
import { epochMilliseconds } from '../platform/clock.ts'
import { readForm } from '../platform/read-form.ts'
import { uniqueParameters } from '../platform/unique-parameters.ts'
import { isForeignAndUnasked, isNavigation } from '../protocol/navigation.ts'
import { parseAuthenticationParameters, satisfies } from './authentication-parameters.ts'
import { newBrowserId, readBrowserId, setBrowserCookie } from './browser-cookie.ts'
import { refused } from './outcome.ts'
import type { SignInOutcome } from './outcome.ts'
import { withoutOwnOrigin } from './return-to.ts'
import { beginAttempt } from './sign-in-attempt.ts'
import type { SignInParts, SignInRequest } from './sign-in-parts.ts'
import { readTarget } from './sign-in-target.ts'
import { retryHref } from './start-href.ts'

const PARAMETERS = [
  'asked',
  'return_to',
  'prompt',
  'login_hint',
  'max_age',
  'acr_values',
  'restarted',
  'iss',
  'target_link_uri',
] as const

/** More than any parameter of ours may hold, and less than what a server takes as one line. */
const LONGEST_QUERY_CHARACTERS = 8192

/**
 * Sends the browser to the provider with a new attempt, or straight on when its session already is what is
 * asked for. Also serves as `initiate_login_uri` (OpenID Connect Core 1.0 §4): `iss` chooses among the
 * configured providers, `target_link_uri` stands for `return_to`.
 */
export async function startSignIn(
  parts: SignInParts,
  request: SignInRequest,
): Promise<SignInOutcome> {
  const { config, states, attemptCookies, sessions } = parts
  const now = parts.clock()
  const unique = uniqueParameters(request.query, PARAMETERS)
  if (!unique.ok) return refused(unique.refusal)
  if (!isNavigation(request.headers)) return refused({ code: 'not_a_navigation' })
  const provider = findProvider(parts, request, unique.value.iss)
  if (provider === undefined) return refused({ code: 'provider_unknown' })
  const own = parseAuthenticationParameters(request.query)
  if (!own.ok) return refused(own.refusal)

  const providerId = provider.config.id
  const target = await readTarget(parts, {
    asked: unique.value.asked,
    return_to: unique.value.return_to ?? unique.value.target_link_uri,
  })
  const { returnTo, asked: wanted } = target
  const asked = wanted === undefined ? own.value : target.request
  const again = {
    providerId,
    retryHref: retryHref(config, { ...target, providerId, request: asked }),
    ...(wanted !== undefined && { asker: wanted.asker }),
  }
  const cookieHeader = request.headers.get('cookie')
  const session = await sessions.peek(readSessionCookie(cookieHeader, config), now)
  if (!session.ok && session.refusal.code === 'unavailable')
    return refused({ code: 'unavailable' }, again)
  if (session.ok) {
    const named = request.providerId ?? (unique.value.iss === undefined ? undefined : providerId)
    if (wanted?.mayContinue !== false && satisfies(session.value, asked, named)) {
      return { kind: 'redirected', location: returnTo, setCookies: [] }
    }
    // Whoever is signed in is not replaced behind their back, by a page that knows where we are.
    if (isForeignAndUnasked(request.headers)) {
      const refusal = { code: 'user_action_required' }
      const event = { event: 'login.rejected', providerId, refusal } as const
      return { kind: 'asked', target: { ...target, request: asked }, event }
    }
  }

  const browserId = readBrowserId(cookieHeader, config.isHttps) ?? newBrowserId()
  const { attempt, secrets } = await beginAttempt(states, {
    providerId,
    returnTo: withoutOwnOrigin(returnTo, config),
    request: asked,
    asker: wanted?.asker,
    isRestart: unique.value.restarted === '1',
    browserId,
    continent: request.facts.continent,
    now,
    nowMilliseconds: epochMilliseconds(),
  })
  const authorization = await provider.authorizationUrl(secrets, asked, now)
  if (!authorization.ok) return refused(authorization.refusal, again)
  const setCookies = await attemptCookies.keep(attempt, cookieHeader, now)
  if (setCookies === undefined) return refused({ code: 'attempt_too_large' }, { providerId })
  return {
    kind: 'redirected',
    location: authorization.value.href,
    setCookies: [...setCookies, setBrowserCookie(browserId, config.isHttps)],
    event: { event: 'login.started', providerId },
  }
}

/**
 * The same by a form that another party has the browser post (OpenID Connect Core 1.0 §4). It becomes a GET before
 * anything is judged: what another site posts comes without our cookies.
 */
export async function receivePostedStart(
  { config }: SignInParts,
  { providerId }: SignInRequest,
  request: Request,
): Promise<SignInOutcome> {
  const form = await readForm(request)
  if (!form.ok) return refused(form.refusal)
  const unique = uniqueParameters(form.value, PARAMETERS)
  if (!unique.ok) return refused(unique.refusal)
  const query = new URLSearchParams(unique.value as Record<string, string>).toString()
  if (query.length > LONGEST_QUERY_CHARACTERS) return refused({ code: 'body_too_large' })
  const path = providerId === undefined ? '' : `/${encodeURIComponent(providerId)}`
  const location = `${config.issuer}/auth/sso/login${path}?${query}`
  return { kind: 'redirected', location, setCookies: [] }
}

/** The path names the provider, or `iss` does, or it is the first one. Both together must agree. */
function findProvider(
  { identityProviders }: SignInParts,
  { providerId }: SignInRequest,
  issuer: string | undefined,
): IdentityProvider | undefined {
  if (issuer === undefined) return identityProviders.find(providerId)
  const provider = identityProviders.all.find(({ config }) => config.issuer === issuer)
  return providerId === undefined || provider?.config.id === providerId ? provider : undefined
}
