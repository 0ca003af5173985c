/**
 * A connection tells a site once how somebody came to it. Its token goes through the person's browser, so it
 * is worth nothing to anybody but the site that it was made for: a grant of the session that it came from, which
 * dies with it, and which the site's own keys take, once.
 */
import type { Site } from '../core/applications/sites.ts'
import type { SessionId } from '../core/sessions/session.ts'
import type { ConnectionPlugin, OpenConnection } from '../core/users/site-connections-table.ts'
import type { KnownUser, SiteIdentity, SiteUser } from '../core/users/site-user.ts'
import type { EpochSeconds } from '../platform/clock.ts'
import { isSameHash, sha256Base64url } from '../platform/digest.ts'
import { isJsonObject } from '../platform/json-object.ts'
import { describeThrown, log } from '../platform/log.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'
import { isUuid, randomUuid } from '../platform/uuid.ts'
import type { SiteCaller, SiteParts, SiteRequest } from './site-parts.ts'

/** A browser posts it at once, and the site asks at once. */
export const CONNECTION_SECONDS = 120

export interface NewConnection {
  readonly site: Site
  readonly user: SiteUser
  readonly identity: SiteIdentity
  /** The session that the person came by. */
  readonly sid: SessionId
  readonly plugin: ConnectionPlugin
  /** One that the site is allowed. */
  readonly callbackUri: string
  /** Of the application on a phone that has begun it: only that one is told, and the site's server is not. */
  readonly nonce?: string | undefined
  readonly now: EpochSeconds
}

/** The token of a new connection. */
export async function issueConnection(
  { grants, siteConnections, connectionGrants, subjects }: SiteParts,
  { site, user, identity, sid, plugin, callbackUri, nonce, now }: NewConnection,
): Promise<Result<string, 'no_session' | 'unavailable'>> {
  const { applicationId } = site
  const minted = await grants.mint({
    userId: user.userId,
    sid,
    grant: {
      kind: 'connection_token',
      binding: { applicationId },
      content: { scope: [], isOpenId: false },
      lifetimeSeconds: CONNECTION_SECONDS,
    },
    now,
  })
  // It rests on no consent: which sites share their people is the operator's word.
  if (!minted.ok) return refuse(minted.refusal.code === 'no_session' ? 'no_session' : 'unavailable')
  const token = randomUuid()
  const connection = {
    tokenHash: await sha256Base64url(token),
    sealedGrant: await connectionGrants.seal({
      handle: minted.value.handle,
      subject: await subjects.subjectFor(site, user.userId),
      clientSid: await subjects.sessionIdFor({ id: applicationId }, sid),
      ...(nonce !== undefined && { nonceHash: await sha256Base64url(nonce) }),
    }),
    applicationId,
    plugin,
    callbackUri,
    identityToken: identity.identityToken,
    userToken: user.userToken,
    expiresAt: now + CONNECTION_SECONDS,
  }
  await siteConnections.add(connection, now)
  return ok(token)
}

export interface TakenConnection extends KnownUser {
  readonly connection: OpenConnection
  readonly identity: SiteIdentity
}

/** What stands for a connection while nobody was told of it. */
interface SealedGrant {
  readonly handle: string
  /** By which the application hears of the session's end. */
  readonly subject: string
  readonly clientSid: string
  readonly nonceHash: string | undefined
}

async function openGrant(
  { connectionGrants }: SiteParts,
  { sealedGrant }: OpenConnection,
): Promise<SealedGrant | undefined> {
  const opened = await connectionGrants.unseal(sealedGrant)
  if (!isJsonObject(opened)) return undefined
  const { handle, subject, clientSid, nonceHash } = opened
  if (typeof handle !== 'string' || typeof subject !== 'string' || typeof clientSid !== 'string') {
    return undefined
  }
  return {
    handle,
    subject,
    clientSid,
    nonceHash: typeof nonceHash === 'string' ? nonceHash : undefined,
  }
}

/** Whether this is who the connection was made for: a server by its keys, or the phone that knows the nonce. */
async function isMeantFor(caller: SiteCaller, { nonceHash }: SealedGrant): Promise<boolean> {
  const nonce = caller.kind === 'phone' ? caller.nonce : undefined
  if (nonce === undefined || nonceHash === undefined) return nonce === nonceHash
  return isSameHash(nonceHash, await sha256Base64url(nonce))
}

/** What a site is told for a token, once. Another site, and a session that is over, are told nothing. */
export async function takeConnection(
  parts: SiteParts,
  { site, caller, now }: Pick<SiteRequest, 'site' | 'caller' | 'now'>,
  token: string,
): Promise<Result<TakenConnection, 'unknown_connection' | 'unavailable'>> {
  if (!isUuid(token)) return refuse('unknown_connection')
  const { grants, siteConnections, siteUsers } = parts
  const { applicationId, company } = site
  const hash = await sha256Base64url(token)
  const connection = await siteConnections.find(applicationId, hash, now)
  const sealed = connection && (await openGrant(parts, connection))
  if (connection === undefined || sealed === undefined || !(await isMeantFor(caller, sealed))) {
    return refuse('unknown_connection')
  }
  // Before it is taken: what fails or is refused here has cost the site nothing.
  const user = await siteUsers.find(company, { userToken: connection.userToken })
  const identities = user === undefined ? [] : await siteUsers.identitiesOf(user)
  const identity = identities.find((each) => each.identityToken === connection.identityToken)
  if (user === undefined || identity === undefined) return refuse('unknown_connection')
  const { handle, subject, clientSid } = sealed
  const taken = await grants.take({
    kind: 'connection_token',
    handle,
    presented: { applicationId },
    participation: { applicationId, subject, clientSid },
    now,
  })
  if (!taken.ok) {
    const { code } = taken.refusal
    return code === 'unavailable' ? refuse(code) : refuse('unknown_connection', { grant: code })
  }
  // From here on the site has to be told, noted or not: nobody can ask again.
  await Promise.all([
    siteConnections.spend(connection, token),
    siteUsers.noteLogin(user, now),
  ]).catch((thrown: unknown) =>
    log('error', { event: 'connection.not_noted', error: describeThrown(thrown) }),
  )
  return ok({ connection, user, identity, identities })
}
