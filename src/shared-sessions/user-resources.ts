/** `/users…` and `/identities…`: what the sites of a company know of their people, read, linked and removed. */
import { endSharedSessions } from '../core/revocation/end-shared-sessions.ts'
import { STORAGE_PROVIDER_ID } from '../core/users/pushed-user.ts'
import type { SiteIdentity, SiteUser, UserFilter } from '../core/users/site-user.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'
import { done, failed } from './envelope.ts'
import type { Answer } from './envelope.ts'
import { pageNode, readPage } from './paging.ts'
import type { SiteParts, SiteRequest } from './site-parts.ts'
import { identityNode, userEntry, userNode } from './wire-nodes.ts'
import { readObject, readText } from './wire-values.ts'

/** GET /users.json */
export async function listUsers(parts: SiteParts, request: SiteRequest): Promise<Answer> {
  const page = readPage(request.query)
  const filter = readFilter(request.query)
  if (!filter.ok) return failed(400)
  const listed = await parts.siteUsers.list(request.site.company, page, filter.value)
  return done({ users: pageNode(page, { ...listed, entries: listed.entries.map(userEntry) }) })
}

const FILTERS = [
  ['date_creation', 'gt', 'createdAfter'],
  ['date_creation', 'lt', 'createdBefore'],
  ['date_last_login', 'gt', 'loginAfter'],
  ['date_last_login', 'lt', 'loginBefore'],
] as const

/** `date_creation[gt]=…`, with an underscore for the brackets or below `filters`; seconds, or a date. */
function readFilter(query: URLSearchParams): Result<UserFilter, 'invalid'> {
  const bounds: [string, number][] = []
  for (const [field, operator, name] of FILTERS) {
    const spellings = [
      `${field}[${operator}]`,
      `${field}_${operator}`,
      `filters[${field}][${operator}]`,
    ]
    const given = spellings.map((spelling) => query.get(spelling)).find((value) => value !== null)
    if (given === undefined || given === null || given === '') continue
    const seconds = secondsOf(given)
    if (!Number.isFinite(seconds)) return refuse('invalid')
    bounds.push([name, seconds])
  }
  return ok(Object.fromEntries(bounds))
}

/** NaN for what is none of the three: seconds, a date of ISO 8601, a date as we write them. */
function secondsOf(text: string): number {
  if (/^\d{1,12}$/.test(text)) return Number(text)
  const isDate = /^(?:\d{4}-\d\d-\d\d\b|[A-Z][a-z]{2}, \d)/.test(text)
  return isDate ? Math.floor(Date.parse(text) / 1000) : Number.NaN
}

/** GET /users/<user_token>.json */
export async function readUser(parts: SiteParts, request: SiteRequest): Promise<Answer> {
  const user = await findUser(parts, request)
  if (user === undefined) return failed(404)
  return done({ user: userNode({ user, identities: await parts.siteUsers.identitiesOf(user) }) })
}

const findUser = (
  { siteUsers }: SiteParts,
  { site, tokens: [userToken] }: SiteRequest,
): Promise<SiteUser | undefined> =>
  userToken === undefined ? Promise.resolve(undefined) : siteUsers.find(site.company, { userToken })

/** DELETE /users/<user_token>.json. Also of who is being removed already: it goes on from where that broke off. */
export async function deleteUser(parts: SiteParts, request: SiteRequest): Promise<Answer> {
  const { site, facts, now } = request
  const [userToken = ''] = request.tokens
  const found = await findUser(parts, request)
  const user = found ?? (await parts.siteUsers.findLeaving(site.company, userToken))
  if (user === undefined) return failed(404)
  const { applicationId } = site
  const removed = await parts.removeSiteUser.remove(facts, { user, applicationId, now })
  if (!removed.ok) return failed(503)
  return done(undefined, 'The user has successfully been removed')
}

/** GET /identities.json */
export async function listIdentities(parts: SiteParts, request: SiteRequest): Promise<Answer> {
  const page = readPage(request.query)
  const listed = await parts.siteUsers.listIdentities(request.site.company, page)
  const entries = listed.entries.map((identity) => ({
    identity_token: identity.identityToken,
    user_token: identity.userToken,
    provider: identity.providerId,
  }))
  return done({ identities: pageNode(page, { ...listed, entries }) })
}

const findIdentity = (
  { siteUsers }: SiteParts,
  { site, tokens: [identityToken = ''] }: SiteRequest,
): Promise<SiteIdentity | undefined> => siteUsers.findIdentity(site.company, identityToken)

/** GET /identities/<identity_token>.json */
export async function readIdentity(parts: SiteParts, request: SiteRequest): Promise<Answer> {
  const identity = await findIdentity(parts, request)
  const user = identity && (await holderOf(parts, identity))
  if (identity === undefined || user === undefined) return failed(404)
  const node = { ...identityNode(identity), user_token: user.userToken }
  return done({ identity: node, user: { user_token: user.userToken, identity: node } })
}

const holderOf = (
  { siteUsers }: SiteParts,
  { company, userToken }: SiteIdentity,
): Promise<SiteUser | undefined> => siteUsers.find(company, { userToken })

/** DELETE /identities/<identity_token>.json: with it ends the session on it. */
export async function deleteIdentity(parts: SiteParts, request: SiteRequest): Promise<Answer> {
  const identity = await findIdentity(parts, request)
  const user = identity && (await holderOf(parts, identity))
  if (identity === undefined || user === undefined) return failed(404)
  const ended = await endOn(parts, request, identity)
  if (!ended.ok) return failed(503)
  await parts.siteUsers.removeIdentity(identity)
  await changed(parts, request, user.userId, 'identity_deleted')
  // Once more, for one that has begun meanwhile; what begins after this looks for the identity when it is open.
  if (!(await endOn(parts, request, identity)).ok) return failed(503)
  return done(undefined, 'The identity has successfully been removed')
}

/** Ends the shared session on an identity, where there is one. */
async function endOn(
  parts: SiteParts,
  { site, facts, now }: Pick<SiteRequest, 'site' | 'facts' | 'now'>,
  { identityToken }: SiteIdentity,
) {
  const session = await parts.siteSessions.findByIdentity(site.company, identityToken, now)
  return endSharedSessions(parts, session ? [session] : [], facts, now)
}

/** Ends what somebody is signed in to by an identity: any of their sessions, where a provider vouches for it. */
async function endBy(
  parts: SiteParts,
  request: Pick<SiteRequest, 'site' | 'facts' | 'now'>,
  identity: SiteIdentity,
  { userId }: SiteUser,
) {
  const shared = await endOn(parts, request, identity)
  if (!shared.ok || identity.providerId === STORAGE_PROVIDER_ID) return shared
  const { facts, now } = request
  const all = await parts.ends.endAllSessions(facts, { userId, cause: 'application', now })
  return all.ok ? ok(undefined) : all
}

/**
 * PUT /identities/<identity_token>/link.json: the identity becomes another user's. Whoever is signed in by it
 * is signed in as the user that it had, so all of that ends.
 */
export async function linkIdentity(parts: SiteParts, request: SiteRequest): Promise<Answer> {
  const { site } = request
  const wanted = readObject(request.content, 'user')
  const userToken = wanted.ok ? readText(wanted.value, 'user_token') : wanted
  if (!userToken.ok || userToken.value === undefined) return failed(400, 'There is no user_token')
  const identity = await findIdentity(parts, request)
  const holder = identity && (await holderOf(parts, identity))
  const user = await parts.siteUsers.find(site.company, { userToken: userToken.value })
  if (identity === undefined || holder === undefined || user === undefined) return failed(404)
  if (holder.userToken !== user.userToken) {
    const moved = await moveIdentity(parts, request, { identity, holder, user })
    if (!moved.ok) {
      const { code } = moved.refusal
      return code === 'unavailable' ? failed(503) : failed(409, CANNOT_MOVE)
    }
  }
  const identities = await parts.siteUsers.identitiesOf(user)
  return done({ user: userNode({ user, identities }), identity: identityNode(identity) })
}

export const CANNOT_MOVE = 'This identity cannot become that user’s'

/** Nobody goes on under the user that the identity had. */
export async function moveIdentity(
  parts: SiteParts,
  request: Pick<SiteRequest, 'site' | 'facts' | 'now'>,
  {
    identity,
    holder,
    user,
  }: { readonly identity: SiteIdentity; readonly holder: SiteUser; readonly user: SiteUser },
): Promise<Result<undefined, 'not_theirs' | 'unavailable'>> {
  const { site, facts, now } = request
  const checked = await parts.siteUsers.checkLink(identity, user)
  // Ended first: should an end fail, asking again finds the identity where it was.
  const before = checked.ok ? await endBy(parts, request, identity, holder) : ok(undefined)
  if (!before.ok) return before
  const linked = checked.ok ? await parts.siteUsers.link(identity, user, now) : checked
  if (!linked.ok) {
    const { refusal } = linked
    await parts.audit.record(facts, {
      event: 'site_user.refused',
      userId: user.userId,
      refusal,
      facts: { application: site.applicationId },
    })
    return linked
  }
  await changed(parts, request, user.userId, 'identity_linked')
  return endBy(parts, request, identity, holder)
}

/** PUT /identities/<identity_token>/synchronize.json: what is told here is what the provider said last. */
export const synchronizeIdentity = readIdentity

async function changed(
  { audit }: SiteParts,
  { site, facts }: Pick<SiteRequest, 'site' | 'facts'>,
  userId: string,
  what: string,
): Promise<void> {
  const more = { application: site.applicationId, what }
  await audit.record(facts, { event: 'site_user.changed', userId, facts: more })
}
