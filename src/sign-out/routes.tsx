/**
 * A session ends because the person or the identity provider says so. Routes:
 *
 *   GET  /auth/sso/logout                            asks (always: a GET ends nothing)
 *   POST /auth/sso/logout                            ends the session, then leads to the provider
 *   GET  /auth/sso/logout/callback                   where every sign-out ends or comes past; the stored token goes
 *   POST /auth/sso/backchannel-logout[/:provider]    the provider's logout token (backchannel-logout.ts)
 *   GET  /auth/sso/frontchannel-logout[/:provider]   in the provider's frame (frontchannel-logout.ts)
 *
 * How a session ends, and the way of the browser from then on, is `core/revocation`'s; what a sign-in under way learns of a logout is `core/users`'s.
 */
import { Hono } from 'hono'
import type { Context } from 'hono'
import type { Audit } from '../core/audit/audit.ts'
import type { SignOut } from '../core/revocation/sign-out.ts'
import type { Sessions } from '../core/sessions/sessions.ts'
import { leadOn } from '../pages/lead-on.tsx'
import type { Doors } from '../platform/doors.ts'
import type { BackchannelParts } from './backchannel-logout.ts'
import type { FrontchannelParts } from './frontchannel-logout.ts'
import { answerFrame, answerLogoutToken } from './provider-answers.tsx'
import { isFromOwnPage } from '../protocol/same-origin.ts'
import {
  answerReturn,
  askFirst,
  refuseForeign,
  RETURN_PATH,
  sayUnavailable,
  SIGN_OUT_PATH,
} from './sign-out-answers.tsx'
import type { Environment } from './sign-out-answers.tsx'

/** What the gateway hands to this feature. */
export type SignOutCore = BackchannelParts &
  FrontchannelParts & {
    readonly audit: Audit
    readonly signOut: SignOut
    readonly doors: Doors
    readonly sessions: Sessions
  }

export function signOutRoutes(parts: SignOutCore) {
  return new Hono<Environment>()
    .get(SIGN_OUT_PATH, (c) => askFirst(c, parts.config))
    .post(SIGN_OUT_PATH, (c) => answerPost(c, parts))
    .get(RETURN_PATH, (c) => answerReturn(c, parts))
    .post('/auth/sso/backchannel-logout/:provider?', (c) => answerLogoutToken(c, parts))
    .get('/auth/sso/frontchannel-logout/:provider?', (c) => answerFrame(c, parts))
}

async function answerPost(
  c: Context<Environment>,
  parts: Pick<SignOutCore, 'audit' | 'config' | 'signOut'>,
): Promise<Response> {
  const facts = c.get('facts')
  const rejected = (code: string) =>
    parts.audit.record(facts, {
      event: 'logout.rejected',
      refusal: { code },
      facts: { channel: 'person' },
    })
  if (!isFromOwnPage(c.req.raw.headers, parts.config.issuer)) {
    await rejected('origin_not_allowed')
    return refuseForeign(c)
  }
  const outcome = await parts.signOut.leave(facts, { cookieHeader: c.req.header('cookie') })
  if (!outcome.ok) {
    await rejected('unavailable')
    return sayUnavailable(c)
  }
  return leadOn(c, outcome.value)
}
