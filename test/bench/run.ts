/**
 * `npm run bench`: what a sign-in takes, and what a request costs, on this machine. Prints a table; medians of
 * five rounds in which the targets take turns, so that a noisy moment does not fall on one of them alone.
 */
import { HttpVisitor } from '../clients/http-visitor.ts'
import { measure } from './load.ts'
import type { Measurement, Target } from './load.ts'
import { startBenchGateway } from './bench-gateway.ts'
import { measureLogout } from './logout.ts'
import type { LogoutMeasurement } from './logout.ts'

const rounds = 5
const roundMilliseconds = 1500
const signIns = 30
const logouts = 7
const sessionCounts = [1, 10, 100, 1_000, 10_000]

const gateway = await startBenchGateway()
try {
  const visitor = new HttpVisitor()
  await visitor.signIn(gateway.origin)
  const bridge = await visitor.visit(`${gateway.origin}/auth/sso/token`)
  const { access_token: token } = JSON.parse(bridge.body) as { access_token: string }
  const host = new URL(gateway.origin).host
  const cookie = visitor.cookieHeader('localhost')
  const targets: Record<string, Target> = {
    'GET /health': { port: gateway.port, path: '/health', headers: { host } },
    'GET /.well-known/jwks.json': {
      port: gateway.port,
      path: '/.well-known/jwks.json',
      headers: { host },
    },
    'GET /api/me (the guard)': {
      port: gateway.port,
      path: '/api/me',
      headers: { host, authorization: `Bearer ${token}` },
    },
    'GET /auth/sso/token (the bridge)': {
      port: gateway.port,
      path: '/auth/sso/token',
      headers: { host, cookie },
    },
    'GET /dashboard': { port: gateway.port, path: '/dashboard', headers: { host, cookie } },
  }
  const measured = new Map<string, Measurement[]>(Object.keys(targets).map((name) => [name, []]))
  for (const target of Object.values(targets)) await measure(target, 300)
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, target] of Object.entries(targets)) {
      measured.get(name)!.push(await measure(target, roundMilliseconds))
    }
  }
  console.log('\n| request | CPU µs | requests/s | median ms | p99 ms |\n|---|---|---|---|---|')
  for (const [name, results] of measured) {
    const of = (field: keyof Measurement) => median(results.map((result) => result[field]))
    console.log(
      `| ${name} | ${of('cpuMicroseconds').toFixed(0)} | ${of('requestsPerSecond').toFixed(0)}` +
        ` | ${of('medianMilliseconds').toFixed(1)} | ${of('p99Milliseconds').toFixed(1)} |`,
    )
  }

  const times: number[] = []
  for (let count = 0; count < signIns; count += 1) {
    const startedAt = performance.now()
    await new HttpVisitor().signIn(gateway.origin)
    times.push(performance.now() - startedAt)
  }
  console.log(
    `\nA whole sign-in, with OTROTL's own part: median ${median(times).toFixed(0)} ms of ${signIns}.`,
  )

  const ends = new Map<number, LogoutMeasurement[]>(sessionCounts.map((count) => [count, []]))
  await measureLogout(gateway, 1)
  for (let round = 0; round < logouts; round += 1) {
    for (const count of sessionCounts) ends.get(count)!.push(await measureLogout(gateway, count))
  }
  console.log(
    '\n| end of all sessions of a user who has | answer ms | until the first 401 at strict, ms | let in meanwhile |\n|---|---|---|---|',
  )
  for (const [count, results] of ends) {
    const of = (field: keyof LogoutMeasurement) => median(results.map((result) => result[field]))
    const letIn = Math.max(...results.map((result) => result.letIn))
    console.log(
      `| ${count} | ${of('answerMilliseconds').toFixed(1)} | ${of('untilRefusedMilliseconds').toFixed(1)} | ${letIn} |`,
    )
  }
} finally {
  await gateway.stop()
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}
