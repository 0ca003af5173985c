/**
 * What a provider gets when it tells us of a logout: its server in the back channel, its page in the front
 * channel. One audit event each.
 */
import type { Context } from 'hono'
import type { Audit } from '../core/audit/audit.ts'
import type { Doors } from '../platform/doors.ts'
import type { RequestVariables } from '../platform/request-facts.ts'
import { receiveLogoutToken } from './backchannel-logout.ts'
import type { BackchannelParts, BackchannelReason } from './backchannel-logout.ts'
import { FramePage } from './frame-page.tsx'
import { receiveFrontchannelLogout } from './frontchannel-logout.ts'
import type { FrontchannelParts } from './frontchannel-logout.ts'

type Environment = { Variables: RequestVariables }

interface Recording {
  readonly audit: Audit
  readonly doors: Doors
}

/**
 * Back-Channel Logout 1.0 §2.8: exactly 200 for a good token, whether or not anybody here was signed in, and
 * exactly 400 for a bad one, or 429 where too many come from one address. What is our own failing is a 5xx: the
 * provider tries again.
 */
export async function answerLogoutToken(
  c: Context<Environment>,
  parts: BackchannelParts & Recording,
): Promise<Response> {
  const { audit, doors } = parts
  const facts = c.get('facts')
  c.header('Cache-Control', 'no-store')
  const entrance = await doors.mayEnter('back_channel', facts)
  const request = { providerId: c.req.param('provider'), raw: c.req.raw, facts }
  const outcome = await receiveLogoutToken(parts, request)
  if (outcome.ok) {
    const { providerId, subject, userId, facts: more } = outcome.value
    await audit.record(facts, {
      event: 'logout.accepted',
      providerId,
      ...(subject !== undefined && { subject }),
      ...(userId !== undefined && { userId }),
      facts: { channel: 'back', ...more },
    })
    return c.body(null, 200)
  }
  const { refusal, providerId } = outcome
  // Only now: a provider speaks for all of its people from one address, and few say it twice.
  if (!entrance.ok && !isOurs(refusal.code)) {
    await audit.record(facts, { event: 'rate.limited', refusal: entrance.refusal })
    c.header('Retry-After', '60')
    return c.json({ error: 'rate_limited', request_id: facts.requestId }, 429)
  }
  await audit.record(facts, {
    event: 'logout.rejected',
    refusal,
    ...(providerId !== undefined && { providerId }),
    facts: { channel: 'back' },
  })
  if (isOurs(refusal.code)) {
    c.header('Retry-After', '5')
    return c.json({ error: 'temporarily_unavailable', request_id: facts.requestId }, 503)
  }
  const error_description = descriptions[refusal.code]
  return c.json({ error: 'invalid_request', error_description, request_id: facts.requestId }, 400)
}

type OwnFailing = 'provider_unavailable' | 'unavailable'

const isOurs = (code: BackchannelReason): code is OwnFailing =>
  code === 'provider_unavailable' || code === 'unavailable'

const unreadable = 'The body is not one form of type application/x-www-form-urlencoded.'

/** For whoever sets the provider up. Which check a token failed stands in our log only. */
const descriptions: Readonly<Record<Exclude<BackchannelReason, OwnFailing>, string>> = {
  provider_unknown: 'No identity provider has this address.',
  token_in_query: 'The logout token belongs in the body.',
  token_missing: 'There is no logout_token in the body.',
  duplicate_parameter: 'There is more than one logout_token in the body.',
  body_too_large: unreadable,
  unsupported_media_type: unreadable,
  invalid_body: unreadable,
  logout_token_invalid: 'The logout token is not valid.',
  jti_reused: 'Another logout token had the same jti.',
}

/**
 * A tiny page that this provider's pages alone may frame. It says the same of a session that has ended just
 * now, has ended before, or never was; only what was asked wrongly is a 400.
 */
export async function answerFrame(
  c: Context<Environment>,
  parts: FrontchannelParts & Recording,
): Promise<Response> {
  const { audit, doors, identityProviders } = parts
  const facts = c.get('facts')
  const providerId = c.req.param('provider')
  const provider = identityProviders.find(providerId)
  c.header('Cache-Control', 'no-store')
  if (provider !== undefined) {
    const framer = new URL(provider.config.issuer).origin
    c.header('Content-Security-Policy', `default-src 'none'; frame-ancestors ${framer}`)
  }
  const answer = (status: 200 | 400 | 429 | 503, retryAfter?: string) => {
    if (retryAfter !== undefined) c.header('Retry-After', retryAfter)
    return c.html(<FramePage isDone={status === 200} />, status)
  }
  const entrance = await doors.mayEnter('back_channel', facts)
  if (!entrance.ok) {
    await audit.record(facts, { event: 'rate.limited', refusal: entrance.refusal })
    return answer(429, '60')
  }
  const query = new URL(c.req.url).searchParams
  const { headers } = c.req.raw
  const received = await receiveFrontchannelLogout(parts, { providerId, query, headers, facts })
  if (received.ok) {
    const { userId, ended } = received.value
    await audit.record(facts, {
      event: 'logout.accepted',
      providerId: received.value.providerId,
      ...(userId !== undefined && { userId }),
      facts: { channel: 'front', ended },
    })
    return answer(200)
  }
  await audit.record(facts, {
    event: 'logout.rejected',
    refusal: received.refusal,
    ...(provider !== undefined && { providerId: provider.config.id }),
    facts: { channel: 'front' },
  })
  return received.refusal.code === 'unavailable' ? answer(503, '5') : answer(400)
}
