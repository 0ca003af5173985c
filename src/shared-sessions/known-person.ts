/** Whom a browser has: by a shared session of the site's company, or by the person's own session with us. */
import type { LiveSession, SessionId } from '../core/sessions/session.ts'
import { readSessionCookie } from '../core/sessions/session-cookie.ts'
import type { SiteIdentity, SiteUser } from '../core/users/site-user.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'
import type { Brought } from './brought.ts'
import { contentOfProfile } from './identity-content.ts'
import { readKnownToken } from './known-browser.ts'
import { findByToken } from './shared-session.ts'
import type { SiteParts } from './site-parts.ts'

/** Who the browser has, as the site's company knows them, and by which session. */
export interface Known {
  readonly user: SiteUser
  readonly identity: SiteIdentity
  readonly sid: SessionId
}

/** Labels of a session that a site asks for; without both, any session will do. */
export interface Realms {
  readonly top: string | null
  readonly sub: string | null
}

/** The shared session of the browser, else the person's own session with us. */
export async function findKnown(
  parts: SiteParts,
  brought: Brought,
  realms: Realms,
): Promise<Result<Known, 'nobody' | 'unavailable'>> {
  const { raw, site, now } = brought
  const { config, browserTokens: seal, siteUsers } = parts
  const token = await readKnownToken(raw.headers.get('cookie'), site.company, { config, seal })
  const shared =
    token === undefined ? undefined : await findByToken(parts, site.company, token, now)
  if (shared?.ok === false && shared.refusal.code === 'unavailable') return refuse('unavailable')
  if (shared?.ok === true && isOfRealms(shared.value.session, realms)) {
    const { identityToken, userToken, sid } = shared.value.session
    const identity = await siteUsers.findIdentity(site.company, identityToken)
    const user = await siteUsers.find(site.company, { userToken })
    if (identity !== undefined && user !== undefined) return ok({ identity, user, sid })
  }
  return realms.top === null && realms.sub === null ? findOwn(parts, brought) : refuse('nobody')
}

/** Without realms any session will do. */
const isOfRealms = (
  session: { readonly topRealm: string | undefined; readonly subRealm: string | undefined },
  { top, sub }: Realms,
): boolean =>
  (top === null && sub === null) ||
  ((session.topRealm ?? null) === top && (session.subRealm ?? null) === sub)

/** Somebody who has signed in with us. Only the company's own sites learn of that without being asked. */
export async function findOwn(
  parts: SiteParts,
  brought: Brought,
): Promise<Result<Known, 'nobody' | 'unavailable'>> {
  const { raw, site, now } = brought
  if (!site.isFirstParty) return refuse('nobody')
  const cookie = readSessionCookie(raw.headers.get('cookie'), parts.config)
  const session = await parts.sessions.peek(cookie, now)
  if (session.ok) return knownBy(parts, brought, session.value)
  return refuse(session.refusal.code === 'unavailable' ? 'unavailable' : 'nobody')
}

async function knownBy(
  { siteUsers }: SiteParts,
  { site, now }: Brought,
  { userId, sid, authentication, profile }: LiveSession,
): Promise<Result<Known, 'nobody'>> {
  const { issuer, subject, providerId } = authentication
  const person = { userId, issuer, subject, providerId, content: contentOfProfile(profile) }
  const connected = await siteUsers.connect(site.company, person, now)
  return connected === undefined ? refuse('nobody') : ok({ ...connected, sid })
}
