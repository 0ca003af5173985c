/** `/connections…` and `/connection/…`: a site asks what the token means that a browser has brought. */
import { takeConnection } from './connection.ts'
import { dateText, done, failed } from './envelope.ts'
import type { Answer } from './envelope.ts'
import { pageNode, readPage } from './paging.ts'
import type { SiteParts, SiteRequest } from './site-parts.ts'
import { identityNode, phoneUserNode, userNode } from './wire-nodes.ts'

/** GET /connections/<connection_token>.json, once. */
export async function readConnection(parts: SiteParts, request: SiteRequest): Promise<Answer> {
  const { site, facts, caller } = request
  const [token = ''] = request.tokens
  const taken = await takeConnection(parts, request, token)
  const more = { application: site.applicationId }
  if (!taken.ok) {
    const { refusal } = taken
    await parts.audit.record(facts, { event: 'connection.refused', refusal, facts: more })
    return failed(refusal.code === 'unavailable' ? 503 : 404)
  }
  const { connection, user, identity, identities } = taken.value
  const { plugin, createdAt } = connection
  await parts.audit.record(facts, {
    event: 'connection.taken',
    userId: user.userId,
    providerId: identity.providerId,
    facts: { ...more, plugin, by: caller.kind },
  })
  const account = caller.kind === 'phone' ? phoneUserNode(user) : userNode({ user, identities })
  const data = { action: 'login', operation: 'login', reason: 'user_signed_in', status: 'success' }
  return {
    ...done({
      connection: { connection_token: token, date: dateText(createdAt), plugin },
      plugin: { key: plugin, data },
      user: { ...account, identity: identityNode(identity) },
    }),
    outcome: { code: 200, info: 'The user has successfully signed in' },
  }
}

/** GET /connections.json: those that the site was told. */
export async function listConnections(parts: SiteParts, request: SiteRequest): Promise<Answer> {
  const page = readPage(request.query)
  const { entries, total } = await parts.siteConnections.list(request.site.applicationId, page)
  const nodes = entries.map(({ token, callbackUri, createdAt }) => ({
    connection_token: token,
    callback_uri: callbackUri,
    status: 'succeeded',
    date_creation: dateText(createdAt),
  }))
  return done({ connections: pageNode(page, { entries: nodes, total }) })
}
