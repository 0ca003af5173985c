/**
 * What single requests to the whole gateway cost, beside its own `GET /health`, and what a sign-in takes.
 */
import { HttpVisitor } from '../clients/http-visitor.ts'
import { startBenchGateway } from './bench-gateway.ts'
import type { BenchGateway } from './bench-gateway.ts'
import { measureInTurn, medians } from './in-turn.ts'
import type { Target } from './load.ts'
import { median, table } from './section.ts'
import type { Section } from './section.ts'

const ROUNDS = { rounds: 5, milliseconds: 1500 }
const signIns = 30

export const requests: Section = {
  name: 'requests',
  title: 'Requests to the gateway',
  async run() {
    const gateway = await startBenchGateway()
    try {
      const measured = await measureInTurn(await targetsOf(gateway), ROUNDS)
      const rows = Object.entries(measured).map(([name, results]) => ({
        name,
        ...medians(results),
      }))
      const signInMilliseconds = await timeSignIns(gateway)
      return {
        text: `${table(
          ['request', 'CPU µs', 'requests/s', 'median ms', 'p99 ms'],
          rows.map((row) => [
            row.name,
            row.cpuMicroseconds.toFixed(0),
            row.requestsPerSecond.toFixed(0),
            row.medianMilliseconds.toFixed(1),
            row.p99Milliseconds.toFixed(1),
          ]),
        )}\n\nA whole sign-in, with OTROTL's own part: median ${signInMilliseconds.toFixed(0)} ms of ${signIns}.`,
        figures: { requests: rows, signInMilliseconds },
      }
    } finally {
      await gateway.stop()
    }
  },
}

async function targetsOf(gateway: BenchGateway): Promise<Record<string, Target>> {
  const visitor = new HttpVisitor()
  await visitor.signIn(gateway.origin)
  const bridge = await visitor.visit(`${gateway.origin}/auth/sso/token`)
  const { access_token: token } = JSON.parse(bridge.body) as { access_token: string }
  const host = new URL(gateway.origin).host
  const cookie = visitor.cookieHeader('localhost')
  const at = (path: string, headers: Readonly<Record<string, string>> = {}): Target => ({
    port: gateway.port,
    path,
    headers: { host, ...headers },
  })
  return {
    'GET /health': at('/health'),
    'GET /.well-known/jwks.json': at('/.well-known/jwks.json'),
    'GET /api/me (the guard)': at('/api/me', { authorization: `Bearer ${token}` }),
    'GET /auth/sso/token (the bridge)': at('/auth/sso/token', { cookie }),
    'GET /dashboard': at('/dashboard', { cookie }),
  }
}

async function timeSignIns(gateway: BenchGateway): Promise<number> {
  const times: number[] = []
  for (let count = 0; count < signIns; count += 1) {
    const startedAt = performance.now()
    await new HttpVisitor().signIn(gateway.origin)
    times.push(performance.now() - startedAt)
  }
  return median(times)
}
