/**
 * How long it takes from a clean clone to a login that works: the clone is given the packages, the one command of
 * the README is run in it, and a visitor signs in to the marketplace, through Drawbridge, at OTROTL.
 */
import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { findFreePorts } from '../../dev/find-free-ports.ts'
import { people } from '../../dev/otrotl/people.ts'
import { projectRoot } from '../../dev/settings.ts'
import { HttpVisitor } from '../clients/http-visitor.ts'
import type { Section } from './section.ts'

const TARGET_SECONDS = 60
const GIVE_UP_MILLISECONDS = 180_000

export const firstLogin: Section = {
  name: 'first-login',
  title: 'From a clean clone to the first login',
  async run() {
    const folder = mkdtempSync(join(tmpdir(), 'drawbridge-clone-'))
    try {
      const clone = join(folder, 'drawbridge')
      execFileSync('git', ['clone', '--quiet', projectRoot, clone])
      symlinkSync(join(projectRoot, 'node_modules'), join(clone, 'node_modules'))
      const { upSeconds, loginSeconds } = await firstLoginIn(clone)
      return {
        text: `In a fresh clone of the last commit, with the packages there: \`npm run dev\` (the gateway, OTROTL and the demo applications, with secrets
and database) is up after ${upSeconds.toFixed(1)} s, and after ${loginSeconds.toFixed(1)} s a person has signed in to the marketplace, through Drawbridge, at
OTROTL, and been asked for consent on the way. Target: under ${TARGET_SECONDS} s. Nothing is asked of any other machine.`,
        figures: { upSeconds, loginSeconds, targetSeconds: TARGET_SECONDS },
      }
    } finally {
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    }
  },
}

async function firstLoginIn(
  clone: string,
): Promise<{ readonly upSeconds: number; readonly loginSeconds: number }> {
  const [gatewayPort, otrotlPort] = await findFreePorts()
  const startedAt = performance.now()
  const secondsSince = () => (performance.now() - startedAt) / 1000
  const dev = spawn('npm', ['run', 'dev'], {
    cwd: clone,
    env: { ...process.env, DRAWBRIDGE_PORT: `${gatewayPort}`, OTROTL_PORT: `${otrotlPort}` },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  try {
    const marketplace = await announcedMarketplace(dev)
    const upSeconds = secondsSince()
    await signInAt(marketplace)
    return { upSeconds, loginSeconds: secondsSince() }
  } finally {
    await stop(dev)
  }
}

/** The marketplace's address, as the command says it once everything is there. Rejects with all it said instead. */
async function announcedMarketplace(dev: ChildProcess): Promise<string> {
  const said: string[] = []
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`${why}:\n${said.join('\n')}`))
    const timer = setTimeout(() => fail('it is not up yet'), GIVE_UP_MILLISECONDS)
    timer.unref()
    dev.once('exit', () => fail('it has ended'))
    for (const stream of [dev.stdout!, dev.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => {
        said.push(line)
        const address = /Marketplace (http:\S+)/.exec(line)?.[1]
        if (address !== undefined) resolve(address)
      })
    }
  })
}

/** As a person would: a click there, oneself at OTROTL, and a yes to the question. */
async function signInAt(marketplace: string): Promise<void> {
  const [person] = people
  const visitor = new HttpVisitor()
  const choice = await visitor.press(await visitor.visit(marketplace), 'sign-in')
  const question = await visitor.choosePerson(choice, person)
  const home = await visitor.press(question, 'allow')
  if (!home.body.includes(`Hello, ${person!.name}`)) {
    throw new Error(`the login ended at ${home.url.href} with ${home.status}:\n${home.body}`)
  }
}

async function stop(dev: ChildProcess): Promise<void> {
  if (dev.pid === undefined || dev.exitCode !== null) return
  const hasEnded = once(dev, 'exit')
  process.kill(-dev.pid, 'SIGTERM')
  await Promise.race([hasEnded, delay(15_000, undefined, { ref: false })])
  if (dev.exitCode === null && dev.signalCode === null) process.kill(-dev.pid, 'SIGKILL')
}
