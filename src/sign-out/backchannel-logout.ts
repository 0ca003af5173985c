/**
 * A provider tells us, server to server, that somebody has signed out: `POST
 * /auth/sso/backchannel-logout[/:provider]` with a logout token (OpenID Connect Back-Channel Logout 1.0).
 * Checks come in the order of what they cost. Then the order is what makes a logout hold that comes while
 * its sign-in is still under way: first the marker, which a sign-in looks for when its session is open, then
 * the search for the user, then the user's object.
 */
import type {
  IdentityProvider,
  IdentityProviders,
} from '../core/identity-providers/identity-provider.ts'
import type { LogoutToken } from '../core/identity-providers/logout-token.ts'
import type { EndSession } from '../core/revocation/end-session.ts'
import type { UserId } from '../core/sessions/session.ts'
import { MARKER_LIFETIME_SECONDS } from '../core/users/early-logouts.ts'
import type { EarlyLogouts } from '../core/users/early-logouts.ts'
import type { Users } from '../core/users/user.ts'
import { epochMilliseconds } from '../platform/clock.ts'
import type { Clock } from '../platform/clock.ts'
import { sha256Base64url } from '../platform/digest.ts'
import { readForm } from '../platform/read-form.ts'
import type { BodyRefusal } from '../platform/read-body.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Refusal, Result } from '../platform/refusal.ts'
import type { RequestFacts } from '../platform/request-facts.ts'
import { uniqueParameters } from '../platform/unique-parameters.ts'

export interface BackchannelParts {
  readonly clock: Clock
  readonly identityProviders: IdentityProviders
  readonly users: Pick<Users, 'findSignedOut'>
  readonly earlyLogouts: Pick<EarlyLogouts, 'mark' | 'settle'>
  readonly ends: Pick<EndSession, 'endForProvider'>
}

/** Why a logout was not obeyed. The last two are not the token's fault: the provider is to try again. */
export type BackchannelReason =
  | 'provider_unknown'
  | 'token_in_query'
  | 'token_missing'
  | 'duplicate_parameter'
  | BodyRefusal
  | 'logout_token_invalid'
  | 'jti_reused'
  | 'provider_unavailable'
  | 'unavailable'

/** What became of a logout token that is good. None of it is told to the provider. */
export interface ObeyedLogout {
  readonly providerId: string
  readonly subject: string | undefined
  /** The user it was for; undefined when it is nobody's here, or several users'. */
  readonly userId: UserId | undefined
  readonly facts: {
    readonly scope: 'user' | 'session'
    readonly users: number
    readonly ended: number
    readonly repeated: boolean
  }
}

export type BackchannelOutcome =
  | { readonly ok: true; readonly value: ObeyedLogout }
  | {
      readonly ok: false
      readonly refusal: Refusal<BackchannelReason>
      readonly providerId: string | undefined
    }

export async function receiveLogoutToken(
  parts: BackchannelParts,
  request: {
    readonly providerId: string | undefined
    readonly raw: Request
    readonly facts: RequestFacts
  },
): Promise<BackchannelOutcome> {
  const provider = parts.identityProviders.find(request.providerId)
  const providerId = provider?.config.id
  const judged = await judge(parts, provider, request.raw)
  if (!judged.ok) return { ...judged, providerId }
  const obeyed = await obey(parts, judged.value, request.facts)
  return obeyed.ok ? obeyed : { ...obeyed, providerId }
}

interface JudgedToken {
  readonly provider: IdentityProvider
  readonly raw: string
  readonly claims: LogoutToken
}

/** Whether the request holds one good logout token of the provider at whose address it came in. */
async function judge(
  { clock }: BackchannelParts,
  provider: IdentityProvider | undefined,
  request: Request,
): Promise<Result<JudgedToken, BackchannelReason>> {
  if (provider === undefined) return refuse('provider_unknown')
  // §2.5: in the body. What stands in a URL ends in logs.
  if (new URL(request.url).searchParams.has('logout_token')) return refuse('token_in_query')
  const form = await readForm(request)
  if (!form.ok) return form
  const fields = uniqueParameters(form.value, ['logout_token'])
  if (!fields.ok) return fields
  const token = fields.value.logout_token
  if (token === undefined || token === '') return refuse('token_missing')
  const verified = await provider.verifyLogoutToken(token, clock())
  return verified.ok ? ok({ provider, raw: token, claims: verified.value }) : verified
}

async function obey(
  { clock, users, earlyLogouts, ends }: BackchannelParts,
  { provider, raw, claims }: JudgedToken,
  facts: RequestFacts,
): Promise<Result<ObeyedLogout, 'jti_reused' | 'unavailable'>> {
  const { issuer, id: providerId, backchannelLogoutScope: scope } = provider.config
  const { subject, sid: upstreamSid, issuedAt } = claims
  const now = clock()
  const token = {
    jtiHash: await sha256Base64url(JSON.stringify([issuer, claims.jti])),
    tokenHash: await sha256Base64url(raw),
    rememberUntil: now + MARKER_LIFETIME_SECONDS,
  }
  const named = { issuer, subject, upstreamSid }
  const outcome = (found: readonly UserId[], ended: number, repeated: boolean) =>
    ok({
      providerId,
      subject,
      userId: found.length === 1 ? found[0] : undefined,
      facts: { scope, users: found.length, ended, repeated },
    })

  const marked = await earlyLogouts.mark({
    ...named,
    ...token,
    scope,
    issuedAt,
    receivedAtMilliseconds: epochMilliseconds(),
  })
  if (!marked.ok) return marked
  if (marked.value.isSettled) return outcome([], 0, true)

  const found = await users.findSignedOut({ ...named, now })
  if (!found.ok) return found
  if (found.value.length === 0) {
    // Whoever comes to be known from now on has come later, or finds the marker.
    const settled = await earlyLogouts.settle({ issuer, jtiHash: token.jtiHash })
    return settled.ok ? outcome([], 0, false) : settled
  }

  const logout = {
    issuer,
    ...(subject !== undefined && { subject }),
    ...(upstreamSid !== undefined && { upstreamSid }),
    scope,
    cause: 'provider_back_channel',
    token,
  } as const
  const outcomes = await Promise.all(
    found.value.map((userId) => ends.endForProvider(facts, { userId, logout, now })),
  )
  let ended = 0
  let isRepeated = true
  for (const end of outcomes) {
    if (!end.ok) return end
    ended += end.value.ended
    isRepeated &&= end.value.isRepeated
  }
  return outcome(found.value, ended, isRepeated)
}
