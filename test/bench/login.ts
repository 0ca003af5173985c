/**
 * What a whole sign-in costs an application, from the redirect to the dashboard, without the provider's own part:
 * the same visitor goes to each by turns, and all of them go to the same provider.
 */
import { findFreePorts } from '../../dev/find-free-ports.ts'
import { startBenchGateway } from './bench-gateway.ts'
import type { BenchGateway } from './bench-gateway.ts'
import { benchPerson, findBenchPerson } from './bench-people.ts'
import { callEach } from './calls.ts'
import { finishLogin, gatewaySite, openDashboard, passProvider, startLogin } from './login-steps.ts'
import type { LoginSite } from './login-steps.ts'
import { HttpVisitor } from '../clients/http-visitor.ts'
import type { Person } from '../../dev/otrotl/people.ts'
import { betterAuth, floorLogin, oidcAuth, prepareTables } from './peers/login-peers.ts'
import { median, spread, table } from './section.ts'
import type { Section } from './section.ts'
import { bundle } from './workers.ts'

const rounds = 5
const loginsEach = 24
/** The runtime compiles meanwhile, in the CPU time of the same process. */
const WARM_UP_ROUNDS = 10
const TARGET_UNITS = 40

const text = `From the redirect to the dashboard, in CPU of workerd; the provider runs in another process and is not counted. The
same visitor goes to each by turns: one request starts the sign-in, one takes the provider's answer (which is
exchanged for an ID token), one shows the dashboard. *First ever*: a person whom nobody here has seen. *Asleep*: a
returning person whose object has been put out of memory; only Drawbridge has such. Rate limits are left out on all sides.

- **Drawbridge** verifies the ID token's signature, asks UserInfo, ends a sign-in exactly once, keeps the session on the
  server, hears of the provider's logouts, and leaves an audit trail.
- **The floor** does what costs most of it and checks nothing: the two requests to the provider, one signature verified, a row that
  counts once, a person written and read in D1, a session's row, a look for a logout that came first, a line of the trail.
- **@hono/oidc-auth** keeps no session: a JWT in a cookie (HS256) is it, and no sign-out before its expiry reaches a copy of it. The ID
  token's signature is not looked at (it came by a direct connection), and discovery is asked for twice in every sign-in.
- **better-auth** verifies the ID token, keeps users, accounts and sessions. It takes no logout from the provider.`

interface Costs {
  readonly start: number
  readonly finish: number
  readonly dashboard: number
}
type Kind = 'first ever' | 'returning' | 'returning, asleep'

export const login: Section = {
  name: 'login',
  title: 'A whole login',
  async run() {
    const [port] = await findFreePorts()
    const upstream = `http://127.0.0.1:${port}`
    const peers = [
      await floorLogin(upstream),
      await oidcAuth(upstream),
      await betterAuth('d1', upstream),
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
      const ours = { name: 'Drawbridge', site: gatewaySite(gateway.origin) }
      const sites = [ours, ...peers.map(({ name, site }) => ({ name, site }))]
      const visitors: (readonly HttpVisitor[])[] = []
      const units: number[] = []
      const measured = new Map<string, Map<Kind, Costs[]>>(
        sites.map(({ name }) => [name, new Map()]),
      )
      const note = (name: string, kind: Kind, costs: Costs) => {
        const kinds = measured.get(name)!
        kinds.set(kind, [...(kinds.get(kind) ?? []), costs])
      }
      for (let round = 0; round < WARM_UP_ROUNDS; round += 1) {
        for (const { site } of sites) {
          await bareAnswerToEach(gateway)
          await logInEach(gateway, site, peopleOf(round))
        }
      }
      for (let round = 0; round < rounds; round += 1) {
        const people = peopleOf(WARM_UP_ROUNDS + round)
        for (const { name, site } of sites) {
          units.push(await bareAnswerToEach(gateway))
          note(name, 'first ever', (await logInEach(gateway, site, people)).costs)
          const again = await logInEach(gateway, site, people)
          note(name, 'returning', again.costs)
          if (name === ours.name) visitors.push(again.visitors)
        }
      }
      // Apart from the others: what objects that are put to sleep leave behind would fall on whoever comes next.
      for (const [round, each] of visitors.entries()) {
        for (const visitor of each) await gateway.putToSleep(await userIdOf(gateway, visitor))
        const asleep = await logInEach(gateway, ours.site, peopleOf(WARM_UP_ROUNDS + round))
        note(ours.name, 'returning, asleep', asleep.costs)
      }
      return findings(measured, median(units))
    } finally {
      await gateway.stop()
    }
  },
}

const peopleOf = (round: number): Person[] =>
  Array.from({ length: loginsEach }, (_, index) => benchPerson(round * loginsEach + index))

/** The unit, in µs of CPU: a bare answer to as many visitors, asked for as each step of theirs is. */
async function bareAnswerToEach(gateway: BenchGateway): Promise<number> {
  const address = `http://127.0.0.1:${gateway.portOf('bare')}/`
  const visits = Array.from(
    { length: loginsEach },
    () => async () => new HttpVisitor().visit(address),
  )
  return (await callEach(gateway.processId, visits)).cpuMicroseconds
}

/** All of them by the same step before any takes the next, so that each step has a price of its own. */
async function logInEach(
  { processId }: BenchGateway,
  site: LoginSite,
  people: readonly Person[],
): Promise<{ readonly costs: Costs; readonly visitors: readonly HttpVisitor[] }> {
  const started = await callEach(
    processId,
    people.map((person) => async () => startLogin(site, person)),
  )
  const passed = await callEach(
    processId,
    started.answers.map((visit) => async () => passProvider(site, visit)),
  )
  const finished = await callEach(
    processId,
    passed.answers.map((visit) => async () => finishLogin(site, visit)),
  )
  const opened = await callEach(
    processId,
    finished.answers.map((visit) => async () => openDashboard(site, visit)),
  )
  return {
    costs: {
      start: started.cpuMicroseconds,
      finish: finished.cpuMicroseconds,
      dashboard: opened.cpuMicroseconds,
    },
    visitors: opened.answers,
  }
}

async function userIdOf(gateway: BenchGateway, visitor: HttpVisitor): Promise<string> {
  const { body } = await visitor.visit(`${gateway.origin}/auth/sso/token`)
  return (JSON.parse(body) as { user: { sub: string } }).user.sub
}

function findings(
  measured: ReadonlyMap<string, ReadonlyMap<Kind, readonly Costs[]>>,
  unit: number,
) {
  const rows = [...measured].flatMap(([name, kinds]) =>
    [...kinds].map(([kind, costs]) => {
      const inUnits = (cpu: number) => cpu / unit
      const of = (step: keyof Costs) => median(costs.map((one) => inUnits(one[step])))
      const totals = costs.map(({ start, finish, dashboard }) => start + finish + dashboard)
      return {
        name,
        kind,
        cpuMicroseconds: median(totals),
        units: median(totals.map(inUnits)),
        spread: spread(totals.map(inUnits)),
        start: of('start'),
        finish: of('finish'),
        dashboard: of('dashboard'),
      }
    }),
  )
  const columns = [
    '',
    'person',
    'CPU µs',
    'in bare Hono answers',
    'start',
    'answer taken',
    'dashboard',
  ]
  const lines = rows.map((row) => [
    row.name,
    row.kind,
    row.cpuMicroseconds.toFixed(0),
    row.spread,
    ...[row.start, row.finish, row.dashboard].map((value) => value.toFixed(1)),
  ])
  return {
    text: `${text}\n\n${table(columns, lines)}\n\nTarget: at most ${TARGET_UNITS} bare Hono answers (here ${unit.toFixed(0)} µs each).`,
    figures: { unitMicroseconds: unit, targetUnits: TARGET_UNITS, rows },
  }
}
