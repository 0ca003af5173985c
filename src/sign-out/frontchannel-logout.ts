/**
 * The provider's page loads ours in a frame: `GET /auth/sso/frontchannel-logout[/:provider]?iss=…&sid=…`
 * (OpenID Connect Front-Channel Logout 1.0 §2). Nothing proves who asks, so it ends only what it names by an
 * id that nobody can guess, says nothing of what it found, and leaves no marker. No cookie is needed, since
 * browsers send none into a frame of another site.
 */
import type { Config } from '../config.ts'
import type { IdentityProviders } from '../core/identity-providers/identity-provider.ts'
import type { EndSession } from '../core/revocation/end-session.ts'
import type { UserId } from '../core/sessions/session.ts'
import type { Users } from '../core/users/user.ts'
import type { Clock } from '../platform/clock.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'
import type { RequestFacts } from '../platform/request-facts.ts'
import { uniqueParameters } from '../platform/unique-parameters.ts'
import { isFetchedAhead } from '../protocol/fetched-ahead.ts'

export interface FrontchannelParts {
  readonly config: Config
  readonly clock: Clock
  readonly identityProviders: IdentityProviders
  readonly users: Pick<Users, 'findSignedOut'>
  readonly ends: Pick<EndSession, 'endForProvider'>
}

export type FrontchannelReason =
  | 'not_a_frame' // fetched ahead, or loaded as a picture or a script
  | 'provider_unknown'
  | 'parameter_missing' // C32: both are required
  | 'duplicate_parameter'
  | 'parameter_invalid'
  | 'wrong_issuer'
  | 'unavailable'

export interface FrontchannelLogout {
  readonly providerId: string
  readonly userId: UserId | undefined
  readonly ended: number
}

export async function receiveFrontchannelLogout(
  parts: FrontchannelParts,
  request: {
    readonly providerId: string | undefined
    readonly query: URLSearchParams
    readonly headers: Headers
    readonly facts: RequestFacts
  },
): Promise<Result<FrontchannelLogout, FrontchannelReason>> {
  const provider = parts.identityProviders.find(request.providerId)
  if (provider === undefined) return refuse('provider_unknown')
  if (!isFrameOrPage(request.headers)) return refuse('not_a_frame')
  const unique = uniqueParameters(request.query, ['iss', 'sid'])
  if (!unique.ok) return unique
  const { iss, sid: upstreamSid } = unique.value
  if (iss === undefined || upstreamSid === undefined) return refuse('parameter_missing')
  const { issuer, id: providerId } = provider.config
  if (iss !== issuer) return refuse('wrong_issuer')
  if (upstreamSid === '' || upstreamSid.length > 2048) return refuse('parameter_invalid')

  const now = parts.clock()
  const found = await parts.users.findSignedOut({ issuer, subject: undefined, upstreamSid, now })
  if (!found.ok) return found
  const logout = {
    issuer,
    upstreamSid,
    scope: 'session',
    cause: 'provider_front_channel',
  } as const
  let ended = 0
  for (const userId of found.value) {
    const end = await parts.ends.endForProvider(request.facts, { userId, logout, now })
    if (!end.ok) return refuse('unavailable')
    ended += end.value.ended
  }
  return ok({ providerId, userId: found.value.length === 1 ? found.value[0] : undefined, ended })
}

/** A prefetch, a picture or a script must end nothing. Browsers that do not say what they load are believed. */
function isFrameOrPage(headers: Headers): boolean {
  if (isFetchedAhead(headers)) return false
  const destination = headers.get('sec-fetch-dest')
  return destination === null || ['iframe', 'frame', 'document'].includes(destination)
}
