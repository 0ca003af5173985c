/** `/sso/sessions…`: sites start, read and end shared sessions. */
import { endSharedSessions } from '../core/revocation/end-shared-sessions.ts'
import type { SiteIdentity, SiteUser } from '../core/users/site-user.ts'
import type { Refusal, Result } from '../platform/refusal.ts'
import { created, done, failed } from './envelope.ts'
import type { Answer } from './envelope.ts'
import { pageNode, readPage } from './paging.ts'
import {
  DEFAULT_LIFETIME_SECONDS,
  findByIdentity,
  findByToken,
  liveAmong,
  LONGEST_LIFETIME_SECONDS,
  startSharedSession,
} from './shared-session.ts'
import type { SharedSession } from './shared-session.ts'
import type { SiteParts, SiteRequest } from './site-parts.ts'
import { storageIdentityOf, sessionNode } from './wire-nodes.ts'
import { all, readObject, readText, readWholeNumber } from './wire-values.ts'

const LONGEST_REALM = 255
const LONGEST_DATA = 16 * 1024

/** PUT /sso/sessions/identities/<identity_token>.json */
export async function startByIdentity(parts: SiteParts, request: SiteRequest): Promise<Answer> {
  const [identityToken = ''] = request.tokens
  const identity = await parts.siteUsers.findIdentity(request.site.company, identityToken)
  return start(parts, request, identity)
}

/** PUT /sso/sessions.json, the older form: both tokens in the body. */
export async function startByTokens(parts: SiteParts, request: SiteRequest): Promise<Answer> {
  const { company } = request.site
  const wanted = readObject(request.content, 'sso_session')
  if (!wanted.ok) return failed(400)
  const tokens = all({
    userToken: readText(wanted.value, 'user_token'),
    identityToken: readText(wanted.value, 'identity_token'),
  })
  if (!tokens.ok) return failed(400)
  const { userToken, identityToken } = tokens.value
  if (userToken === undefined && identityToken === undefined) {
    return failed(400, 'Neither user_token nor identity_token is there')
  }
  const named = identityToken && (await parts.siteUsers.findIdentity(company, identityToken))
  if (named) {
    return start(
      parts,
      request,
      userToken === undefined || named.userToken === userToken ? named : undefined,
    )
  }
  if (identityToken !== undefined) return start(parts, request, undefined)
  const user = await parts.siteUsers.find(company, { userToken })
  const identities = user === undefined ? [] : await parts.siteUsers.identitiesOf(user)
  return start(parts, request, storageIdentityOf(identities))
}

async function start(
  parts: SiteParts,
  { site, facts, now, content }: SiteRequest,
  identity: SiteIdentity | undefined,
): Promise<Answer> {
  const user = identity && (await findHolder(parts, identity))
  const refused = async (refusal: Refusal, code: 400 | 404 | 409 | 503): Promise<Answer> => {
    await parts.audit.record(facts, {
      event: 'shared_session.refused',
      ...(user && { userId: user.userId }),
      refusal,
      facts: { application: site.applicationId },
    })
    return failed(code)
  }
  if (identity === undefined || user === undefined)
    return refused({ code: 'unknown_identity' }, 404)
  const wanted = readSession(content)
  if (!wanted.ok) return refused(wanted.refusal, 400)
  const started = await startSharedSession(parts, {
    site,
    user,
    identity,
    facts,
    now,
    ...wanted.value,
  })
  if (!started.ok) {
    const { code } = started.refusal
    if (code === 'unknown_user') return refused(started.refusal, 404)
    return refused(started.refusal, code === 'user_disabled' ? 409 : 503)
  }
  const { session } = started.value
  await parts.audit.record(facts, {
    event: 'shared_session.started',
    userId: user.userId,
    sid: session.sid,
    providerId: identity.providerId,
    facts: { application: site.applicationId },
  })
  return created(both(started.value))
}

const findHolder = (
  { siteUsers }: SiteParts,
  { company, userToken }: SiteIdentity,
): Promise<SiteUser | undefined> => siteUsers.find(company, { userToken })

function readSession(content: SiteRequest['content']): Result<
  {
    readonly topRealm: string | undefined
    readonly subRealm: string | undefined
    readonly lifetimeSeconds: number
    readonly data: unknown
  },
  'invalid'
> {
  const wanted = readObject(content, 'sso_session')
  if (!wanted.ok) return wanted
  const fields = all({
    topRealm: readText(wanted.value, 'top_realm', LONGEST_REALM),
    subRealm: readText(wanted.value, 'sub_realm', LONGEST_REALM),
    lifetime: readWholeNumber(wanted.value, 'lifetime'),
  })
  if (!fields.ok) return fields
  const data = wanted.value['data'] ?? undefined
  if (data !== undefined && JSON.stringify(data).length > LONGEST_DATA) {
    return { ok: false, refusal: { code: 'invalid', facts: { member: 'data' } } }
  }
  const { topRealm, subRealm, lifetime } = fields.value
  // Nobody means a session that is over at once.
  const lifetimeSeconds = Math.min(lifetime || DEFAULT_LIFETIME_SECONDS, LONGEST_LIFETIME_SECONDS)
  return { ok: true, value: { topRealm, subRealm, lifetimeSeconds, data } }
}

/** Under both spellings: the npm client reads the older one. */
function both({ session, token }: SharedSession) {
  const node = sessionNode(session, token)
  return { sso_session: node, ssosession: node }
}

export async function readByIdentity(parts: SiteParts, request: SiteRequest): Promise<Answer> {
  return readAnswer(await findFor(parts, request, 'identity'))
}

export async function readByToken(parts: SiteParts, request: SiteRequest): Promise<Answer> {
  return readAnswer(await findFor(parts, request, 'token'))
}

const readAnswer = (found: Awaited<ReturnType<typeof findByToken>>): Answer => {
  if (found.ok) return done(both(found.value))
  return failed(found.refusal.code === 'unavailable' ? 503 : 404)
}

async function findFor(
  parts: SiteParts,
  { site, tokens: [token = ''], now }: SiteRequest,
  by: 'identity' | 'token',
) {
  const find = by === 'token' ? findByToken : findByIdentity
  return find(parts, site.company, token, now)
}

/** One recorded form of the documentation has a session's token where the identity's stands. */
export async function endByIdentity(parts: SiteParts, request: SiteRequest): Promise<Answer> {
  const found = await findFor(parts, request, 'identity')
  const other = !found.ok && found.refusal.code === 'no_session'
  return end(parts, request, other ? await findFor(parts, request, 'token') : found)
}

export async function endByToken(parts: SiteParts, request: SiteRequest): Promise<Answer> {
  return end(parts, request, await findFor(parts, request, 'token'))
}

async function end(
  parts: SiteParts,
  { facts, now }: SiteRequest,
  found: Awaited<ReturnType<typeof findByToken>>,
): Promise<Answer> {
  if (!found.ok) return readAnswer(found)
  const ended = await endSharedSessions(parts, [found.value.session], facts, now)
  if (!ended.ok) return failed(503)
  return done(
    undefined,
    'The single sign-on session for this identity has successfully been removed',
  )
}

/** GET /sso/sessions.json */
export async function listSessions(
  parts: SiteParts,
  { site, query, now }: SiteRequest,
): Promise<Answer> {
  const page = readPage(query)
  const { entries, total } = await parts.siteSessions.list(site.company, page, now)
  const live = await liveAmong(parts, entries, now)
  if (!live.ok) return failed(503)
  const nodes = live.value.map(({ session, token }) => sessionNode(session, token))
  const list = pageNode(page, { entries: nodes, total: total - (entries.length - nodes.length) })
  return done({ sso_sessions: list, ssosessions: list })
}
