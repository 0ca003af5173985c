/**
 * What the end of all of a user's sessions costs, and how soon it holds at `strict`, as their number grows. An
 * operator asks for it (`DELETE /admin/api/users/:id/sessions`); one more Worker asks the gateway's check about
 * a token, again and again, from the moment of the answer.
 */
import { request } from 'node:http'
import { HttpVisitor } from '../clients/http-visitor.ts'
import { startBenchGateway } from './bench-gateway.ts'
import type { BenchGateway } from './bench-gateway.ts'
import { median, table } from './section.ts'
import type { Section } from './section.ts'

const rounds = 7
const sessionCounts = [1, 10, 100, 1_000, 10_000]

export const logout: Section = {
  name: 'logout',
  title: 'Logout',
  async run() {
    const gateway = await startBenchGateway()
    try {
      const ends = new Map<number, LogoutMeasurement[]>(sessionCounts.map((count) => [count, []]))
      await measureLogout(gateway, 1)
      for (let round = 0; round < rounds; round += 1) {
        for (const count of sessionCounts) {
          ends.get(count)!.push(await measureLogout(gateway, count))
        }
      }
      const rows = [...ends].map(([sessions, results]) => {
        const of = (field: keyof LogoutMeasurement) => median(results.map((one) => one[field]))
        return {
          sessions,
          answerMilliseconds: of('answerMilliseconds'),
          untilRefusedMilliseconds: of('untilRefusedMilliseconds'),
          letIn: Math.max(...results.map((one) => one.letIn)),
        }
      })
      return {
        text: table(
          ['live sessions', 'answer ms', 'until the first 401 at strict, ms', 'let in meanwhile'],
          rows.map((row) => [
            row.sessions,
            row.answerMilliseconds.toFixed(1),
            row.untilRefusedMilliseconds.toFixed(1),
            row.letIn,
          ]),
        ),
        figures: { endOfAllSessions: rows },
      }
    } finally {
      await gateway.stop()
    }
  },
}

interface LogoutMeasurement {
  readonly sessions: number
  /** From sending the request to its answer. */
  readonly answerMilliseconds: number
  /** From its answer to the first 401, and how many were let in meanwhile. */
  readonly untilRefusedMilliseconds: number
  readonly letIn: number
}

async function measureLogout(gateway: BenchGateway, sessions: number): Promise<LogoutMeasurement> {
  const visitor = new HttpVisitor()
  await visitor.signIn(gateway.origin)
  const bridge = await visitor.visit(`${gateway.origin}/auth/sso/token`)
  const { access_token: token } = JSON.parse(bridge.body) as { access_token: string }
  const { sub, sid } = JSON.parse(atob(token.split('.')[1]!)) as { sub: string; sid: string }
  if (sessions > 1) await gateway.inObjectOf(sub, copiesOf(sid, sessions - 1))
  const ask = () => ({
    port: gateway.apiPort,
    method: 'GET',
    path: '/',
    headers: { authorization: `Bearer ${token}`, 'x-level': 'strict' },
  })
  const before = await statusOf(ask())
  if (before !== 200) throw new Error(`the token is not accepted before: ${before}`)

  const sentAt = performance.now()
  const ended = await statusOf({
    port: gateway.port,
    method: 'DELETE',
    path: `/admin/api/users/${sub}/sessions`,
    headers: { host: new URL(gateway.origin).host, authorization: `Bearer ${gateway.adminKey}` },
  })
  const answeredAt = performance.now()
  if (ended !== 200) throw new Error(`the sessions were not ended: ${ended}`)
  let letIn = 0
  while ((await statusOf(ask())) !== 401) letIn += 1
  return {
    sessions,
    answerMilliseconds: answeredAt - sentAt,
    untilRefusedMilliseconds: performance.now() - answeredAt,
    letIn,
  }
}

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

const statusOf = async (target: {
  readonly port: number
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}): Promise<number> =>
  new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', ...target }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode ?? 0))
    })
    sent.on('error', reject)
    sent.end()
  })
