/**
 * A browser is brought here by a site, with its whole tab, because browsers keep no cookies of ours on other
 * sites' pages. Each way ends where the site is allowed to have people brought to, and nowhere else.
 *
 *   POST /socialize/sso/register              this browser has that shared session now
 *   GET  /socialize/sso/check                 is there a session? then tell the site's callback
 *   GET  /socialize/connect/direct/:provider  sign in with that provider, then tell the site's callback
 */
import { isAllowedPage } from '../core/applications/shared-sessions-site.ts'
import type { Site } from '../core/applications/sites.ts'
import { readSessionCookie } from '../core/sessions/session-cookie.ts'
import type { LiveSession, SessionId } from '../core/sessions/session.ts'
import type { ConnectionPlugin } from '../core/users/site-connections-table.ts'
import type { SiteIdentity, SiteUser } from '../core/users/site-user.ts'
import type { EpochSeconds } from '../platform/clock.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'
import { readForm } from '../platform/read-form.ts'
import type { RequestFacts } from '../platform/request-facts.ts'
import { issueConnection } from './connection.ts'
import { contentOfProfile } from './identity-content.ts'
import { readKnownTokens, writeKnownTokens } from './known-browser.ts'
import { findByToken } from './shared-session.ts'
import type { SiteParts } from './site-parts.ts'

export interface Brought {
  readonly raw: Request
  readonly facts: RequestFacts
  readonly site: Site
  /** Below the site. */
  readonly path: string
  readonly now: EpochSeconds
}

export type BroughtRefusal = 'unknown_page' | 'page_not_allowed' | 'unavailable' | 'not_offered'

export type BroughtOutcome =
  | { readonly kind: 'sent'; readonly location: string; readonly cookie?: string }
  | { readonly kind: 'told'; readonly callbackUri: string; readonly fields: Fields }
  | { readonly kind: 'refused'; readonly code: BroughtRefusal }

type Fields = Readonly<Record<string, string>>

const refused = (code: BroughtRefusal): BroughtOutcome => ({ kind: 'refused', code })

const LONGEST_ADDRESS = 4096

export async function follow(parts: SiteParts, brought: Brought): Promise<BroughtOutcome> {
  const { raw, path } = brought
  if (path === '/socialize/sso/register') {
    return raw.method === 'POST' ? register(parts, brought) : refused('unknown_page')
  }
  if (raw.method !== 'GET') return refused('unknown_page')
  if (path === '/socialize/sso/check') return check(parts, brought)
  const [, provider] = /^\/socialize\/connect\/direct\/([a-z0-9-]+)\/?$/.exec(path) ?? []
  return provider === undefined ? refused('unknown_page') : connect(parts, brought, provider)
}

/** An address that this site may have people brought to; what is sent there is what was judged. */
function parsePage(text: string | null, { allowedDomains }: Site): URL | undefined {
  if (text === null || text.length > LONGEST_ADDRESS || !/^https?:\/\/[^\s\\]+$/i.test(text)) {
    return undefined
  }
  const url = URL.parse(text)
  return url !== null && isAllowedPage(url, allowedDomains) ? url : undefined
}

/**
 * The site's page posts the token of the session that it has started. A page of somebody else's cannot: it would
 * sign its visitors in to an account of its own choice, at all sites.
 */
async function register(parts: SiteParts, brought: Brought): Promise<BroughtOutcome> {
  const { raw, site, now } = brought
  const form = await readForm(raw)
  const returnTo = form.ok ? parsePage(form.value.get('return_to'), site) : undefined
  const origin = parsePage(raw.headers.get('origin'), site)
  if (!form.ok || returnTo === undefined || origin === undefined) return refused('page_not_allowed')
  const back: BroughtOutcome = { kind: 'sent', location: returnTo.href }
  const token = form.value.get('sso_session_token') ?? ''
  const found = await findByToken(parts, site.company, token, now)
  if (!found.ok) return found.refusal.code === 'unavailable' ? refused('unavailable') : back
  const { config, browserTokens: seal } = parts
  const known = await readKnownTokens(raw.headers.get('cookie'), config, seal)
  await parts.siteSessions.countCookie(found.value.session, now)
  const { expiresAt } = found.value.session
  const added = { company: site.company, token, expiresAt }
  const cookie = await writeKnownTokens(known, added, { config, seal, now })
  return { ...back, cookie }
}

/** Who the browser has, as the site's company knows them, and by which session. */
interface Known {
  readonly user: SiteUser
  readonly identity: SiteIdentity
  readonly sid: SessionId
}

type Realms = { readonly top: string | null; readonly sub: string | null }

async function check(parts: SiteParts, brought: Brought): Promise<BroughtOutcome> {
  const { raw, site } = brought
  const { searchParams: query } = new URL(raw.url)
  const returnTo = parsePage(query.get('return_to'), site)
  const callback = parsePage(query.get('callback_uri'), site)
  const isForEvent = query.get('mode') === 'event'
  if (returnTo === undefined || (callback === undefined && !isForEvent)) {
    return refused('page_not_allowed')
  }
  const realms = { top: query.get('top_realm') || null, sub: query.get('sub_realm') || null }
  const known = await findKnown(parts, brought, realms)
  if (!known.ok) {
    if (known.refusal.code === 'unavailable') return refused('unavailable')
    return { kind: 'sent', location: returnTo.href }
  }
  if (callback !== undefined) return tell(parts, brought, known.value, 'single_sign_on', callback)
  // The page is only told whom it may ask for, and asks its own server.
  const { identity, user } = known.value
  const told = new URLSearchParams({
    identity_token: identity.identityToken,
    user_token: user.userToken,
  })
  returnTo.hash = `oneall:${told.toString()}`
  return { kind: 'sent', location: returnTo.href }
}

/** The shared session of the browser, else the person's own session with us. */
async function findKnown(
  parts: SiteParts,
  brought: Brought,
  realms: Realms,
): Promise<Result<Known, 'nobody' | 'unavailable'>> {
  const { raw, site, now } = brought
  const { config, browserTokens, siteUsers } = parts
  const tokens = await readKnownTokens(raw.headers.get('cookie'), config, browserTokens)
  const token = tokens.get(site.company)
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
async function findOwn(
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

/** The way without any script: a link to this address is a "sign in with …" of the site. */
async function connect(
  parts: SiteParts,
  brought: Brought,
  provider: string,
): Promise<BroughtOutcome> {
  const { raw, site, path } = brought
  const { searchParams: query } = new URL(raw.url)
  const callback = parsePage(query.get('callback_uri'), site)
  if (callback === undefined) return refused('page_not_allowed')
  const isProvider = parts.config.identityProviders.some(({ id }) => id === provider)
  if (!isProvider || !site.isFirstParty) return refused('not_offered')
  const own = await findOwn(parts, brought)
  if (own.ok) return tell(parts, brought, own.value, 'social_login', callback)
  if (own.refusal.code === 'unavailable') return refused('unavailable')
  const back = new URLSearchParams({ service: 'social_login', callback_uri: callback.href })
  const returnTo = `/oneall/${site.subdomain}${path}?${back.toString()}`
  const start = new URLSearchParams({ return_to: returnTo }).toString()
  return { kind: 'sent', location: `${parts.config.issuer}/auth/sso/login/${provider}?${start}` }
}

async function tell(
  parts: SiteParts,
  { site, facts, now }: Brought,
  { user, identity, sid }: Known,
  plugin: ConnectionPlugin,
  callback: URL,
): Promise<BroughtOutcome> {
  const callbackUri = callback.href
  const issued = await issueConnection(parts, {
    site,
    user,
    identity,
    sid,
    plugin,
    callbackUri,
    now,
  })
  const { userId } = user
  const more = { application: site.applicationId, plugin }
  if (!issued.ok) {
    const { refusal } = issued
    await parts.audit.record(facts, {
      event: 'connection.refused',
      userId,
      sid,
      refusal,
      facts: more,
    })
    return refused('unavailable')
  }
  await parts.audit.record(facts, { event: 'connection.issued', userId, sid, facts: more })
  const fields = { oa_action: plugin, connection_token: issued.value }
  const older = plugin === 'social_login' ? { oa_social_login_token: issued.value } : {}
  return { kind: 'told', callbackUri, fields: { ...fields, ...older } }
}
