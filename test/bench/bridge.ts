/** What the bridge costs: a session cookie becomes a token, beside better-auth's `/token`. */
import { findFreePorts } from '../../dev/find-free-ports.ts'
import { startBenchGateway } from './bench-gateway.ts'
import { benchPerson, findBenchPerson } from './bench-people.ts'
import { WARM_UP_MILLISECONDS } from './in-turn.ts'
import { measure, measureOnce } from './load.ts'
import type { Measurement, Target } from './load.ts'
import { gatewaySite, logIn } from './login-steps.ts'
import type { LoginSite } from './login-steps.ts'
import { betterAuth, prepareTables } from './peers/login-peers.ts'
import { median, spread, table } from './section.ts'
import type { Section } from './section.ts'
import { bundle } from './workers.ts'

const rounds = 5
/** How often each of the people asks in a round. */
const timesEach = 12
const people = Array.from({ length: 16 }, (_, index) => benchPerson(index))

const text = `A signed-in browser's cookie becomes a JWT of five minutes (ES256 everywhere), for 16 people in turn. *Asleep*: the first
request of a person whose object has been put out of memory. Rate limits are left out on all sides.

- **Drawbridge** asks the user's object every time: a session that has ended gets no token, and the token that it got before is refused at the chosen level.
- **better-auth** reads session and user, and its signing key, which it decrypts and imports again for every token. What it has signed nobody can
  take back before it expires. With the cookie that stands for the session, a session that has ended goes on getting tokens for up to five minutes; with
  sessions in KV, for as long as KV shows a location what it had (up to a minute, typically).`

export const bridge: Section = {
  name: 'bridge',
  title: 'The bridge: a session becomes a token',
  async run() {
    const [port] = await findFreePorts()
    const upstream = `http://127.0.0.1:${port}`
    const peers = [
      await betterAuth('d1', upstream),
      await betterAuth('d1-cookie', upstream),
      await betterAuth('kv', upstream),
    ]
    const bare = { name: 'bare', script: await bundle('test/bench/workers/bare-hono.ts') }
    const gateway = await startBenchGateway({
      beside: [bare, ...peers.map(({ worker }) => worker)],
      upstream: {
        port,
        otherClients: peers.map(({ client }) => client),
        findPerson: findBenchPerson,
      },
    })
    try {
      await prepareTables(peers)
      const ours = await signedIn(gatewaySite(gateway.origin), '/auth/sso/token')
      const targets: Record<string, Target> = { Drawbridge: ours }
      for (const { name, site } of peers) {
        targets[name] = await signedIn(site, '/api/auth/token')
      }
      const userIds = await Promise.all((ours.each ?? []).map((one) => userIdOf(ours, one)))
      const sleeping = 'Drawbridge, asleep'
      const measured = new Map<string, Measurement[]>()
      const note = (name: string, one: Measurement) =>
        measured.set(name, [...(measured.get(name) ?? []), one])
      const units: number[] = []
      /** The unit: a bare answer to the very same requests. */
      const bareAnswerTo = (target: Target): Target => ({
        ...target,
        port: gateway.portOf('bare'),
        path: '/',
      })
      for (const target of Object.values(targets)) {
        await measure(bareAnswerTo(target), WARM_UP_MILLISECONDS)
        await measure(target, WARM_UP_MILLISECONDS)
      }
      for (let round = 0; round < rounds; round += 1) {
        for (const [name, target] of Object.entries(targets)) {
          units.push((await measureOnce(often(bareAnswerTo(target)))).cpuMicroseconds)
          note(name, await measureOnce(often(target)))
        }
      }
      // Apart from the others: what objects that are put to sleep leave behind would fall on whoever comes next.
      for (let round = 0; round < rounds; round += 1) {
        for (const userId of userIds) await gateway.putToSleep(userId)
        note(sleeping, await measureOnce(ours))
      }
      return findings(measured, median(units))
    } finally {
      await gateway.stop()
    }
  },
}

/** The bridge of a site, asked with the cookies of all the people in turn. */
async function signedIn(site: LoginSite, path: string): Promise<Target> {
  const { port, host } = new URL(site.origin)
  const cookies: string[] = []
  for (const person of people) {
    cookies.push((await logIn(site, person)).cookieHeader('localhost'))
  }
  return {
    port: Number(port),
    path,
    headers: { host },
    each: cookies.map((cookie) => ({ headers: { cookie } })),
  }
}

const often = (target: Target): Target => ({
  ...target,
  each: Array.from({ length: timesEach }, () => target.each ?? []).flat(),
})

async function userIdOf(
  { port, path, headers }: Target,
  one: { readonly headers?: Readonly<Record<string, string>> },
): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    headers: { ...headers, ...one.headers },
  })
  return ((await answer.json()) as { user: { sub: string } }).user.sub
}

function findings(measured: ReadonlyMap<string, readonly Measurement[]>, unit: number) {
  const rows = [...measured].map(([name, results]) => ({
    name,
    cpuMicroseconds: median(results.map((one) => one.cpuMicroseconds)),
    units: median(results.map((one) => one.cpuMicroseconds / unit)),
    spread: spread(results.map((one) => one.cpuMicroseconds / unit)),
    requestsPerSecond: median(results.map((one) => one.requestsPerSecond)),
  }))
  const lines = rows.map((row) => [
    row.name,
    row.cpuMicroseconds.toFixed(0),
    row.spread,
    row.requestsPerSecond.toFixed(0),
  ])
  return {
    text: `${text}\n\n${table(['', 'CPU µs', 'in bare Hono answers', 'requests/s'], lines)}\n\nA bare Hono answer: ${unit.toFixed(0)} µs.`,
    figures: { unitMicroseconds: unit, rows },
  }
}
