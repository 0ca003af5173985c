/**
 * What an application's sign-in costs its provider: the silent authorization of somebody who is signed in, the
 * exchange of the code, the refresh; ours, beside two that people would use instead.
 */
import { generateKeyPair } from 'jose'
import { startBenchGateway } from './bench-gateway.ts'
import { findBenchPerson } from './bench-people.ts'
import { ask, callEach } from './calls.ts'
import { floors } from './edge-workers.ts'
import { floorProvider, nodeProvider, ours, workersProvider } from './peers/code-providers.ts'
import type { CodeProvider } from './peers/code-providers.ts'
import { median, spread, table } from './section.ts'
import type { Section } from './section.ts'
import { bundle } from './workers.ts'

const rounds = 5
const callsEach = 96
/** The runtime compiles meanwhile, in the CPU time of the same process. */
const WARM_UP_ROUNDS = 8
const steps = ['silent authorize', 'code exchange', 'refresh'] as const
type Step = (typeof steps)[number]
const targetUnits: Partial<Record<Step, number>> = { 'silent authorize': 12, refresh: 10 }

const text = `An application sends a person who is signed in to be authorized without a question (\`prompt=none\`, PKCE), exchanges the code, and
refreshes; client_secret_basic, access tokens of 300 s, refresh tokens that rotate. *Asleep*: the first request after the person's
object has been put out of memory. Rate limits are left out on all sides.

- **Drawbridge**: access tokens are JWTs that die with the session; a code or refresh token counts exactly once, and used again it ends the family. With \`openid\`
  an ID token (ES256) comes along, also with a refresh.
- **@cloudflare/workers-oauth-provider**: OAuth alone, no ID token; opaque tokens, records in KV, which promises neither that a code counts once nor how soon a revocation is seen
  elsewhere. Who is signed in is the application's affair: here a signed cookie, of which no session is kept.
- **npm oidc-provider**: on Node, in a process of its own; opaque access tokens, ID token ES256; its records in memory, the fastest there is, and gone with the process.`

export const exchange: Section = {
  name: 'exchange',
  title: 'The code exchange, the refresh and the silent authorization',
  async run() {
    const workers = await workersProvider()
    const bare = { name: 'bare', script: await bundle('test/bench/workers/bare-hono.ts') }
    const gateway = await startBenchGateway({
      beside: [
        bare,
        await floors(await generateKeyPair('ES256', { extractable: true })),
        workers.worker,
      ],
      upstream: { findPerson: findBenchPerson },
    })
    const node = await nodeProvider()
    try {
      const openid = await ours(gateway, 'openid profile email')
      const plain = await ours(gateway, 'profile email')
      const providers: CodeProvider[] = [
        floorProvider(gateway.portOf('floors'), gateway.processId),
        openid,
        plain,
        await workers.prepare(gateway.processId),
        await node.prepare(),
      ]
      const measured = new Map<string, Map<Step, number[]>>()
      const note = (name: string, step: Step, cpu: number) => {
        const of = measured.get(name) ?? new Map<Step, number[]>()
        measured.set(name, of.set(step, [...(of.get(step) ?? []), cpu]))
      }
      const units: number[] = []
      const bareAnswer = { port: gateway.portOf('bare'), path: '/' }
      /** The unit: a bare answer, asked for as everything here is. */
      const askBare = async () =>
        callEach(
          gateway.processId,
          Array.from({ length: callsEach }, () => async () => ask(bareAnswer, 200)),
        )
      for (const provider of providers) {
        for (let round = 0; round < WARM_UP_ROUNDS; round += 1) {
          await askBare()
          await goThrough(provider, often(provider), () => {})
        }
      }
      for (let round = 0; round < rounds; round += 1) {
        for (const provider of providers) {
          units.push((await askBare()).cpuMicroseconds)
          await goThrough(provider, often(provider), (step, cpu) => note(provider.name, step, cpu))
        }
      }
      // Apart from the others: what objects that are put to sleep leave behind would fall on whoever comes next.
      for (let round = 0; round < rounds; round += 1) {
        const noteAsleep = (step: Step, cpu: number) => note(`${openid.name}, asleep`, step, cpu)
        await goThrough(openid, openid.people, noteAsleep, async () => openid.putToSleep())
      }
      return findings(measured, median(units))
    } finally {
      node.stop()
      await gateway.stop()
    }
  },
}

/** The same people again and again, where there are fewer. */
const often = ({ people }: CodeProvider): string[] =>
  Array.from({ length: callsEach }, (_, index) => people[index % people.length]!)

/** Every person is authorized, every code exchanged, and every refresh token used once. */
async function goThrough(
  provider: CodeProvider,
  people: readonly string[],
  note: (step: Step, cpuMicroseconds: number) => void,
  beforeEach = async () => {},
): Promise<void> {
  const { processId } = provider
  await beforeEach()
  const authorized = await callEach(
    processId,
    people.map((person) => async () => provider.authorize(person)),
  )
  note('silent authorize', authorized.cpuMicroseconds)
  await beforeEach()
  const exchanged = await callEach(
    processId,
    authorized.answers.map((code) => async () => provider.exchange(code)),
  )
  note('code exchange', exchanged.cpuMicroseconds)
  await beforeEach()
  const refreshed = await callEach(
    processId,
    exchanged.answers.map((token) => async () => provider.refresh(token)),
  )
  note('refresh', refreshed.cpuMicroseconds)
}

function findings(
  measured: ReadonlyMap<string, ReadonlyMap<Step, readonly number[]>>,
  unit: number,
) {
  const rows = [...measured].flatMap(([name, of]) =>
    [...of].map(([step, cpu]) => ({
      name,
      step,
      cpuMicroseconds: median(cpu),
      units: median(cpu) / unit,
      spread: spread(cpu.map((one) => one / unit)),
    })),
  )
  const lines = [...measured.keys()].map((name) => [
    name,
    ...steps.map((step) => {
      const row = rows.find((one) => one.name === name && one.step === step)
      return row === undefined ? '' : `${row.cpuMicroseconds.toFixed(0)} µs = ${row.spread}`
    }),
  ])
  const targets = steps
    .map((step) => targetUnits[step])
    .map((most) => (most ? `at most ${most}` : ''))
  return {
    text: `${text}\n\nCPU for one, and in bare Hono answers (${unit.toFixed(0)} µs each):\n\n${table(['', ...steps], [...lines, ['target', ...targets]])}`,
    figures: { unitMicroseconds: unit, targetUnits, rows },
  }
}
