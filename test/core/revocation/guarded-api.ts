import { env } from 'cloudflare:workers'
import { Hono } from 'hono'
import { createAudit } from '../../../src/core/audit/audit.ts'
import type { AuditEvent } from '../../../src/core/audit/audit-event.ts'
import { createAccessChecks } from '../../../src/core/revocation/check-access.ts'
import { createRequireUser } from '../../../src/core/revocation/require-user.ts'
import type { AccessVariables, GuardedContext } from '../../../src/core/revocation/require-user.ts'
import { createRevocation } from '../../../src/core/revocation/revocation.ts'
import type { Revocation } from '../../../src/core/revocation/revocation.ts'
import type { LiveSession } from '../../../src/core/sessions/session.ts'
import { createAccessTokens } from '../../../src/core/tokens/access-tokens.ts'
import { createKeys } from '../../../src/core/tokens/keys.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { configFor } from '../../world/config.ts'

export const ALGS = 'ES256 ES384 EdDSA Ed25519 PS256 RS256'

/** The parts behind the guard, as one isolate has them. */
export function createCore(changes: { revocation?: Revocation } = {}) {
  const config = configFor()
  const keys = createKeys({
    keyRing: env.KEY_RING,
    published: env.REVOCATION,
    keyEncryptionKey: config.secrets.keyEncryptionKey,
  })
  const accessTokens = createAccessTokens({ config, keys })
  const revocation =
    changes.revocation ??
    createRevocation({ hints: env.REVOCATION, userSessions: env.USER_SESSIONS })
  const accessChecks = createAccessChecks({ accessTokens, revocation })
  const audit = createAudit(env.DIRECTORY, systemClock)
  return { config, clock: systemClock, keys, accessTokens, revocation, accessChecks, audit }
}

/** What the guard in the gateway itself is made of. */
export const guardParts = (core: ReturnType<typeof createCore>) => ({
  ...core,
  origin: core.config.issuer,
  allowedOrigins: core.config.allowedOrigins,
  record: async (c: GuardedContext, event: AuditEvent) => core.audit.record(c.get('facts'), event),
})

/** An API behind the guard; `ran` counts what its handlers were reached for. */
export function createGuardedApi(core: ReturnType<typeof createCore> = createCore()) {
  const requireUser = createRequireUser(guardParts(core))
  const ran: string[] = []
  const app = new Hono<{ Variables: AccessVariables }>()
  app.use(async (c, next) => {
    const waitUntil = () => undefined
    c.set('facts', { requestId: 'request-1', clientKey: '192.0.2.1', waitUntil, continent: 'EU' })
    await next()
  })
  app.use('/api/*', requireUser())
  app.use('/strict/*', requireUser({ level: 'strict' }))
  app.use('/orders/*', requireUser({ scope: 'orders:read orders:write' }))
  app.use('/profile/*', requireUser({ scope: 'profile' }))
  app.get('/api/broken', () => {
    ran.push('broken')
    throw new Error('secret detail')
  })
  app.get('/api/cacheable', (c) => {
    c.header('Cache-Control', 'private, max-age=5')
    return c.text('ok')
  })
  app.all('*', (c) => {
    ran.push(`${c.req.method} ${c.req.path}`)
    const access = c.get('access') as AccessVariables['access'] | undefined
    return c.json({ sub: access?.sub ?? null })
  })
  app.onError((_, c) => c.json({ error: 'server_error' }, 500))
  const fetch = async (path: string, init?: RequestInit) =>
    app.request(`https://login.example${path}`, init)
  return { core, app, fetch, ran }
}

/** An access token of a live session. */
export async function tokenFor(
  core: Pick<ReturnType<typeof createCore>, 'accessTokens'>,
  session: LiveSession,
  now: number,
  changes: { jkt?: string } = {},
): Promise<string> {
  const issued = await core.accessTokens.issue({
    sub: session.userId,
    sid: session.sid,
    epoch: session.epoch,
    authTime: session.authentication.authTime,
    providerId: session.authentication.providerId,
    notAfter: now + 3600,
    now,
    ...changes,
  })
  if (!issued.ok) throw new Error(issued.refusal.code)
  return issued.value.token
}

export const challengesOf = (response: Response) => response.headers.get('WWW-Authenticate')

export const bearer = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } })
