/** One logout of one user, measured: what is there before it, how it is asked for, and when it holds. */
import { createPrivateKey, randomUUID } from 'node:crypto'
import { request } from 'node:http'
import { join } from 'node:path'
import { SignJWT } from 'jose'
import { loadSigningKeys } from '../../dev/otrotl/signing-keys.ts'
import { HttpVisitor } from '../clients/http-visitor.ts'
import type { BenchGateway } from './bench-gateway.ts'
import { claimsOf } from './receivers.ts'
import type { Receivers } from './receivers.ts'

/** How the logout is asked for: by a logout token that names the subject, or its session; or by an operator. */
export type LogoutForm = 'sub' | 'sid' | 'operator'

export interface LogoutTrial {
  readonly form: LogoutForm
  readonly sessions: number
  /** Those that take part in the session which signed in, and are told. */
  readonly receivers?: Receivers
}

export interface LogoutMeasurement {
  /** From sending the request to its answer. */
  readonly answerMilliseconds: number
  /** From sending the request to the first 401 at `strict`; asked from the answer on. */
  readonly untilRefusedMilliseconds: number
  /** How many requests were let in after the answer. */
  readonly letIn: number
  /** From sending the request until every participant had been told. */
  readonly untilToldMilliseconds: number
}

const patienceMilliseconds = 30_000

export async function measureLogout(
  gateway: BenchGateway,
  { form, sessions, receivers }: LogoutTrial,
): Promise<LogoutMeasurement> {
  const visitor = new HttpVisitor()
  await visitor.signIn(gateway.origin)
  const bridge = await visitor.visit(`${gateway.origin}/auth/sso/token`)
  const { access_token: token } = JSON.parse(bridge.body) as { access_token: string }
  const { sub, sid } = claimsOf(token) as { sub: string; sid: string }
  if (sessions > 1) await gateway.inObjectOf(sub, copiesOf(sid, sessions - 1))
  if (receivers !== undefined) {
    receivers.receivedAt.length = 0
    await gateway.inObjectOf(sub, participationOf(sid, receivers.ids))
  }
  const asked = await requestFor(gateway, { form, sub, sid })
  const check = () => ({
    port: gateway.apiPort,
    method: 'GET',
    path: '/',
    headers: { authorization: `Bearer ${token}`, 'x-level': 'strict' },
  })
  const before = await statusOf(check())
  if (before !== 200) throw new Error(`the token is not accepted before: ${before}`)

  const sentAt = performance.now()
  const ended = await statusOf(asked)
  const answeredAt = performance.now()
  if (ended !== 200) throw new Error(`the sessions were not ended: ${ended}`)
  let letIn = 0
  while ((await statusOf(check())) !== 401) letIn += 1
  const refusedAt = performance.now()
  const toldAt = await whenAllTold(receivers)
  await gateway.inObjectOf(sub, endedRows)
  return {
    answerMilliseconds: answeredAt - sentAt,
    untilRefusedMilliseconds: refusedAt - sentAt,
    letIn,
    untilToldMilliseconds: toldAt - sentAt,
  }
}

interface Asked {
  readonly port: number
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

async function requestFor(
  gateway: BenchGateway,
  { form, sub, sid }: { form: LogoutForm; sub: string; sid: string },
): Promise<Asked> {
  const { port, adminKey, otrotl } = gateway
  const host = new URL(gateway.origin).host
  if (form === 'operator') {
    const headers = { host, authorization: `Bearer ${adminKey}` }
    return { port, method: 'DELETE', path: `/admin/api/users/${sub}/sessions`, headers }
  }
  const directory = await gateway.directory()
  const known = await directory
    .prepare(
      form === 'sub'
        ? 'SELECT subject AS name FROM identities WHERE user_id = ?1'
        : 'SELECT upstream_sid AS name FROM upstream_sessions WHERE user_id = ?1 AND sid = ?2',
    )
    .bind(...(form === 'sub' ? [sub] : [sub, sid]))
    .first<{ name: string }>()
  const [jwk] = loadSigningKeys(join(otrotl.stateDirectory, 'keys.json')).jwks.keys
  const now = Math.floor(Date.now() / 1000)
  const token = await new SignJWT({
    events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
    [form]: known!.name,
  })
    .setProtectedHeader({ alg: 'RS256', typ: 'logout+jwt', kid: jwk!.kid })
    .setIssuer(otrotl.issuer)
    .setAudience('tuberaker')
    .setIssuedAt(now)
    .setExpirationTime(now + 120)
    .setJti(randomUUID())
    .sign(createPrivateKey({ key: jwk!, format: 'jwk' }))
  return {
    port,
    method: 'POST',
    path: '/auth/sso/backchannel-logout/otrotl',
    headers: { host, 'content-type': 'application/x-www-form-urlencoded' },
    body: String(new URLSearchParams({ logout_token: token })),
  }
}

async function whenAllTold(receivers: Receivers | undefined): Promise<number> {
  if (receivers === undefined) return NaN
  const { ids, receivedAt } = receivers
  const until = performance.now() + patienceMilliseconds
  while (receivedAt.length < ids.length) {
    if (performance.now() > until) throw new Error(`told: ${receivedAt.length} of ${ids.length}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return receivedAt.at(-1)!
}

/** What has ended is not left for the next trial: neither its rows, nor their being written down in the background. */
const endedRows =
  'DELETE FROM sessions WHERE ended_at IS NOT NULL OR epoch < (SELECT epoch FROM user)'

/**
 * More live sessions in the object's own table, alike but for the id. (By signing in, nobody gets beyond fifty:
 * the oldest ends. The rows say what it would cost.)
 */
const copiesOf = (sid: string, count: number): string => `
  WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < ${count})
  INSERT INTO sessions (sid, secret_hash, epoch, authentication, profile, device, sealed_id_token,
    started_at, last_used_at, idle_seconds, idle_deadline_at, absolute_deadline_at)
  SELECT substr(sid, 1, 12) || lower(hex(randomblob(10))), secret_hash, epoch, authentication, profile,
    device, sealed_id_token, started_at, last_used_at, idle_seconds, idle_deadline_at, absolute_deadline_at
  FROM sessions, counted WHERE sid = '${sid}'`

/** The applications take part in the session, as if each had just got tokens from it. */
const participationOf = (sid: string, applicationIds: readonly string[]): string => `
  INSERT INTO participants (sid, application_id, subject, client_sid, protocol, family, scope, first_at, last_at)
  SELECT '${sid}', value, 'subject', 'client-sid', 'openid', lower(hex(randomblob(16))), 'openid',
    started_at, started_at
  FROM json_each('${JSON.stringify(applicationIds)}'), sessions WHERE sid = '${sid}'`

const statusOf = async ({ body, ...target }: Asked): Promise<number> =>
  new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', ...target }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode ?? 0))
    })
    sent.on('error', reject)
    sent.end(body)
  })
