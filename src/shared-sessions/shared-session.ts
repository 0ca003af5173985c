/**
 * A shared session begins, is found, and ends. It is a session of the user's object like every other one:
 * the site's token leads to it by way of the directory, and it ends with all of the user's sessions, or by
 * itself, for whatever cause. Nobody holds its handle: a browser that knows of it holds a sealed token.
 */
import type { Site } from '../core/applications/sites.ts'
import { endUnheard } from '../core/revocation/end-unheard.ts'
import { newSessionId } from '../core/sessions/session.ts'
import type { EndCause } from '../core/sessions/session.ts'
import type { SiteSession } from '../core/users/site-sessions-table.ts'
import type { SiteIdentity, SiteUser } from '../core/users/site-user.ts'
import type { EpochSeconds } from '../platform/clock.ts'
import { sha256Base64url } from '../platform/digest.ts'
import { describeThrown, log } from '../platform/log.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'
import type { RequestFacts } from '../platform/request-facts.ts'
import { isUuid, randomUuid } from '../platform/uuid.ts'
import { sessionProfile } from './identity-content.ts'
import type { SiteParts } from './site-parts.ts'

export const DEFAULT_LIFETIME_SECONDS = 86_400
/** Longer is cut to it. */
export const LONGEST_LIFETIME_SECONDS = 31 * 86_400
/** In the index before it is open: so long it is not taken for one that is over. */
const OPENING_SECONDS = 60

export interface StartSharedSession {
  readonly site: Site
  readonly user: SiteUser
  readonly identity: SiteIdentity
  readonly topRealm: string | undefined
  readonly subRealm: string | undefined
  readonly lifetimeSeconds: number
  readonly data: unknown
  readonly facts: RequestFacts
  readonly now: EpochSeconds
}

export interface SharedSession {
  readonly session: SiteSession
  readonly token: string
}

/** Starts a session on an identity, in the place of the one that it had. */
export async function startSharedSession(
  parts: SiteParts,
  {
    site,
    user,
    identity,
    topRealm,
    subRealm,
    lifetimeSeconds,
    data,
    facts,
    now,
  }: StartSharedSession,
): Promise<Result<SharedSession, 'user_disabled' | 'unknown_user' | 'unavailable'>> {
  const { siteUsers, siteSessions, sessions, ends, users } = parts
  const { userId } = user
  if ((await users.find(userId))?.status !== 'active') return refuse('user_disabled')
  const token = randomUuid()
  const sid = newSessionId()
  const index = {
    sid,
    identityToken: identity.identityToken,
    userToken: user.userToken,
    userId,
    company: site.company,
    applicationId: site.applicationId,
    topRealm,
    subRealm,
    data,
    tokenHash: await sha256Base64url(token),
    sealedToken: await parts.tokens.seal(token),
    expiresAt: now + lifetimeSeconds,
  }
  const failed = (thrown: unknown) => {
    log('error', { event: 'session.not_opened', user: userId, error: describeThrown(thrown) })
    return refuse('unavailable')
  }
  let before: SiteSession | undefined
  try {
    // Before the session can be used, so that there is none that its site could not end.
    before = await siteSessions.put(index, now)
  } catch (thrown) {
    return failed(thrown)
  }
  const opened = await sessions.open({
    userId,
    sid,
    authentication: {
      providerId: identity.providerId,
      issuer: identity.issuer,
      subject: identity.subject,
      authTime: now,
      applicationId: site.applicationId,
    },
    profile: sessionProfile(identity),
    idToken: '',
    userAgent: undefined,
    continent: facts.continent,
    deadlines: { idleSeconds: lifetimeSeconds, absoluteSeconds: lifetimeSeconds },
    now,
  })
  const end = async (cause: EndCause = 'sign_in_unfinished', session = { userId, sid }) =>
    ends.endSession(facts, { userId: session.userId, sid: session.sid, cause, now })
  // An object that does not answer keeps a session that no token leads to any more.
  if (before !== undefined) await end('replaced_by_sign_in', before)
  if (!opened.ok && opened.refusal.code === 'unavailable') {
    endUnheard(ends, facts, { userId, sid, now })
  }
  if (!opened.ok) return opened
  try {
    const started = await siteSessions.findByIdentity(site.company, identity.identityToken, now)
    // Another one has come in its place before it was open: whoever did that could not end it yet.
    if (started?.sid !== sid) await end('replaced_by_sign_in')
    // Whoever removes a user ends what is open first: what opened after that is ended here.
    const holder = await siteUsers.findIdentity(site.company, identity.identityToken)
    const isStillTheirs = holder?.userToken === user.userToken
    const session = { ...index, cookieCount: 0, createdAt: now, updatedAt: now }
    if (!isStillTheirs || !(await siteUsers.find(site.company, { userToken: user.userToken }))) {
      await end()
      await siteSessions.forget([session])
      return refuse('unknown_user')
    }
    return ok({ session, token })
  } catch (thrown) {
    // Its site is not told of it, and nobody would end it.
    endUnheard(ends, facts, { userId, sid, now })
    return failed(thrown)
  }
}

type Found = Result<SharedSession, 'no_session' | 'unavailable'>

export const findByIdentity = async (
  parts: SiteParts,
  company: string,
  identityToken: string,
  now: EpochSeconds,
): Promise<Found> =>
  live(parts, await parts.siteSessions.findByIdentity(company, identityToken, now), now)

export async function findByToken(
  parts: SiteParts,
  company: string,
  token: string,
  now: EpochSeconds,
): Promise<Found> {
  if (!isUuid(token)) return refuse('no_session')
  const hash = await sha256Base64url(token)
  return live(parts, await parts.siteSessions.findByToken(company, hash, now), now)
}

/** What the index names, if the user's object says that it lives. */
async function live(
  parts: SiteParts,
  session: SiteSession | undefined,
  now: EpochSeconds,
): Promise<Found> {
  if (session === undefined) return refuse('no_session')
  const answer = await parts.sessions.readProfile(session.userId, session.sid, now)
  if (!answer.ok) {
    if (answer.refusal.code === 'no_session') await forgetOver(parts, [session], now)
    return answer
  }
  const token = await parts.tokens.unseal(session.sealedToken)
  return typeof token === 'string' ? ok({ session, token }) : refuse('no_session')
}

const forgetOver = (
  { siteSessions }: SiteParts,
  sessions: readonly SiteSession[],
  now: EpochSeconds,
): Promise<void> =>
  siteSessions.forget(sessions.filter(({ createdAt }) => createdAt + OPENING_SECONDS <= now))

/** The live ones among these, in their order; each user is asked once. */
export async function liveAmong(
  parts: SiteParts,
  listed: readonly SiteSession[],
  now: EpochSeconds,
): Promise<Result<readonly SharedSession[], 'unavailable'>> {
  const userIds = [...new Set(listed.map(({ userId }) => userId))]
  const answers = await Promise.all(userIds.map((userId) => parts.sessions.list(userId, now)))
  const sids = new Set<string>()
  for (const answer of answers) {
    if (!answer.ok) return answer
    for (const { sid } of answer.value) sids.add(sid)
  }
  const over = listed.filter(({ sid }) => !sids.has(sid))
  await forgetOver(parts, over, now)
  const found = await Promise.all(
    listed.map(async (session) => {
      const token = sids.has(session.sid) && (await parts.tokens.unseal(session.sealedToken))
      return typeof token === 'string' ? [{ session, token }] : []
    }),
  )
  return ok(found.flat())
}
