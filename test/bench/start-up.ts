/**
 * What a start costs: evaluating the script (`wrangler check startup`), the first requests of a process that has
 * nothing in memory, and the first touch of a user's object, apart from warm ones. How often a first check goes to
 * storage is counted, and held, by test/cold-isolate.test.ts.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { people } from '../../dev/otrotl/people.ts'
import { projectRoot } from '../../dev/settings.ts'
import { HttpVisitor } from '../clients/http-visitor.ts'
import { startBenchGateway } from './bench-gateway.ts'
import type { BenchGateway } from './bench-gateway.ts'
import { workerdMegabytes } from './memory.ts'
import { median, spread, table } from './section.ts'
import type { Section } from './section.ts'

const profiles = 7
const starts = 7

type Level = 'cached' | 'bounded' | 'strict'
const levels: readonly Level[] = ['cached', 'bounded', 'strict']

export const startUp: Section = {
  name: 'start-up',
  title: 'Start-up',
  async run() {
    const evaluating = profileStartUp()
    const gateway = await startBenchGateway()
    try {
      const requests = await measureStarts(gateway)
      const memoryMegabytes = workerdMegabytes()
      return {
        text: [
          'CPU of the start-up phase, as `wrangler check startup` profiles it, beside that of an empty Worker. The profiler samples: of a start as short as this it often catches nothing, or one long sample. What a start takes with all around it is the first request, below.',
          table(
            ['script', 'active ms'],
            [...evaluating].map(([script, active]) => [script, spread(active)]),
          ),
          `Requests, one after another, to a process that has just begun; ${starts} starts for each level. The first check finds no public key in memory, and reads one record from KV beyond what its level reads.`,
          table(
            ['request', ...levels.map((level) => `\`${level}\`, ms`)],
            steps.map((step) => [
              step,
              ...levels.map((level) => spread(requests.get(level)!.map((times) => times[step]))),
            ]),
          ),
          `Memory of workerd after them: ${memoryMegabytes.toFixed(0)} MB.`,
        ].join('\n\n'),
        figures: {
          startUpMilliseconds: Object.fromEntries(
            [...evaluating].map(([script, active]) => [script, median(active)]),
          ),
          requestMilliseconds: Object.fromEntries(
            levels.map((level) => [
              level,
              Object.fromEntries(
                steps.map((step) => [step, median(requests.get(level)!.map((one) => one[step]))]),
              ),
            ]),
          ),
          memoryMegabytes,
        },
      }
    } finally {
      await gateway.stop()
    }
  },
}

/** In turn, so that a noisy moment does not fall on one alone. */
function profileStartUp(): ReadonlyMap<string, readonly number[]> {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-start-up-'))
  try {
    const empty = join(folder, 'wrangler.toml')
    writeFileSync(
      empty,
      'name = "empty"\nmain = "empty.js"\ncompatibility_date = "2026-10-01"\nsend_metrics = false\n',
    )
    writeFileSync(join(folder, 'empty.js'), 'export default { fetch: () => new Response("ok") }\n')
    const measured = new Map<string, number[]>([
      ['the gateway', []],
      ['an empty Worker', []],
    ])
    for (let count = 0; count < profiles; count += 1) {
      measured
        .get('the gateway')!
        .push(activeMilliseconds(join(projectRoot, 'wrangler.toml'), folder))
      measured.get('an empty Worker')!.push(activeMilliseconds(empty, folder))
    }
    return measured
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

function activeMilliseconds(config: string, folder: string): number {
  const told = execFileSync(
    join(projectRoot, 'node_modules/.bin/wrangler'),
    ['check', 'startup', '-c', config, '--args=--minify', `--outfile=${folder}/profile`],
    {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, WRANGLER_SEND_METRICS: 'false', WRANGLER_WRITE_LOGS: 'false' },
    },
  )
  const active = /Active: ([\d.]+) ms/.exec(told)?.[1]
  if (active === undefined) throw new Error(`wrangler did not say how long it was active:\n${told}`)
  return Number(active)
}

/** What is asked of a process after its start, in order. */
const steps = [
  'the first request, `GET /health`',
  'the first check of a token',
  'the first touch of another user’s object',
  'the same again, warm',
] as const

type Times = Readonly<Record<(typeof steps)[number], number>>

async function measureStarts(gateway: BenchGateway): Promise<ReadonlyMap<Level, Times[]>> {
  const [one, other] = await Promise.all([
    signedIn(gateway, people[0]!),
    signedIn(gateway, people[1]!),
  ])
  const measured = new Map<Level, Times[]>(levels.map((level) => [level, []]))
  for (let count = 0; count < starts; count += 1) {
    for (const level of levels) {
      const [first, second] = [await tokenOf(gateway, one), await tokenOf(gateway, other)]
      await gateway.restart()
      measured.get(level)!.push({
        [steps[0]]: await timed(`http://127.0.0.1:${gateway.port}/health`),
        [steps[1]]: await timedCheck(gateway, first, level),
        [steps[2]]: await timedCheck(gateway, second, level),
        [steps[3]]: await timedCheck(gateway, second, level),
      })
    }
  }
  return measured
}

async function signedIn(gateway: BenchGateway, person: (typeof people)[number]) {
  const visitor = new HttpVisitor()
  await visitor.signIn(gateway.origin, person)
  return visitor
}

async function tokenOf(gateway: BenchGateway, visitor: HttpVisitor): Promise<string> {
  const bridge = await visitor.visit(`${gateway.origin}/auth/sso/token`)
  return (JSON.parse(bridge.body) as { access_token: string }).access_token
}

const timedCheck = async (gateway: BenchGateway, token: string, level: Level): Promise<number> =>
  timed(`http://127.0.0.1:${gateway.apiPort}/`, {
    authorization: `Bearer ${token}`,
    'x-level': level,
  })

async function timed(url: string, headers: Record<string, string> = {}): Promise<number> {
  const startedAt = performance.now()
  const answer = await fetch(url, { headers })
  await answer.arrayBuffer()
  if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}`)
  return performance.now() - startedAt
}
