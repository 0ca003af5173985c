/**
 * A browser is brought here by a site, with its whole tab, because browsers keep no cookies of ours on other
 * sites' pages. Each way ends where the site is allowed to have people brought to, and nowhere else.
 *
 *   POST /socialize/sso/register              this browser has that shared session now
 *   GET  /socialize/sso/check                 is there a session? then tell the site's callback
 *   GET  /socialize/connect/direct/:provider  sign in with that provider, then tell the site's callback
 *   GET  /socialize/connect/mobile/:provider  sign in with that provider, then open the site's application
 */
import { readForm } from '../platform/read-form.ts'
import { isNavigation } from '../protocol/navigation.ts'
import { parsePage, refused } from './brought.ts'
import type { Brought, BroughtOutcome } from './brought.ts'
import { connectApp, connectPage } from './connect.ts'
import { writeKnownToken } from './known-browser.ts'
import { findKnown } from './known-person.ts'
import { findByToken } from './shared-session.ts'
import type { SiteParts } from './site-parts.ts'
import { tellSite } from './tell-site.ts'

export async function follow(parts: SiteParts, brought: Brought): Promise<BroughtOutcome> {
  const { raw, path } = brought
  if (path === '/socialize/sso/register') {
    return raw.method === 'POST' ? register(parts, brought) : refused('unknown_page')
  }
  if (raw.method !== 'GET') return refused('unknown_page')
  if (!isNavigation(raw.headers)) return refused('not_a_navigation')
  if (path === '/socialize/sso/check') return check(parts, brought)
  const [, way, provider] =
    /^\/socialize\/connect\/(direct|mobile)\/([a-z0-9-]+)\/?$/.exec(path) ?? []
  if (provider === undefined) return refused('unknown_page')
  return (way === 'mobile' ? connectApp : connectPage)(parts, brought, provider)
}

/**
 * The site's page posts the token of the session that it has started. A page of somebody else's cannot: it would
 * sign its visitors in to an account of its own choice, at all sites.
 */
async function register(parts: SiteParts, brought: Brought): Promise<BroughtOutcome> {
  const { raw, facts, site, now } = brought
  const form = await readForm(raw)
  const returnTo = form.ok ? parsePage(form.value.get('return_to'), site) : undefined
  const origin = parsePage(raw.headers.get('origin'), site)
  if (!form.ok || returnTo === undefined || origin === undefined) return refused('page_not_allowed')
  const back: BroughtOutcome = { kind: 'sent', location: returnTo.href }
  const token = form.value.get('sso_session_token') ?? ''
  const found = await findByToken(parts, site.company, token, now)
  const more = { application: site.applicationId }
  if (!found.ok) {
    const { refusal } = found
    if (refusal.code === 'unavailable') return refused('unavailable')
    await parts.audit.record(facts, { event: 'shared_session.refused', refusal, facts: more })
    return back
  }
  const { config, browserTokens: seal } = parts
  const { session } = found.value
  const { userId, sid } = session
  await parts.audit.record(facts, { event: 'shared_session.registered', userId, sid, facts: more })
  await parts.siteSessions.countCookie(session, now)
  const cookie = await writeKnownToken(token, session, { config, seal, now })
  return { ...back, cookie }
}

async function check(parts: SiteParts, brought: Brought): Promise<BroughtOutcome> {
  const { raw, facts, site, path } = brought
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
  if (callback !== undefined)
    return tellSite(parts, brought, known.value, 'single_sign_on', callback)
  // The page is only told whom it may ask for, and asks its own server.
  const { identity, user, sid } = known.value
  const more = { application: site.applicationId, resource: path }
  await parts.audit.record(facts, { event: 'site.read', userId: user.userId, sid, facts: more })
  const told = new URLSearchParams({
    identity_token: identity.identityToken,
    user_token: user.userToken,
  })
  returnTo.hash = `oneall:${told.toString()}`
  return { kind: 'sent', location: returnTo.href }
}
