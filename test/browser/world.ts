import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { findFreePorts } from '../../dev/find-free-ports.ts'

const start = fileURLToPath(new URL('../../dev/start.ts', import.meta.url))

/** What `npm run dev` starts, on ports of its own and with a state that nothing else shares. */
export interface World {
  /** Origin of the gateway. */
  readonly gateway: string
  readonly ports: readonly [gateway: number, otrotl: number]
  readonly stateDirectory: string
  /** Everything it has printed since the last start. */
  printed(): string
  /** Ends it as Ctrl-C does, or with another signal, and waits until it has ended. Returns its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
  /** Starts it again with the state that the last run left. */
  startAgain(): Promise<void>
  /** Stops it and removes its state. */
  remove(): Promise<void>
}

/** Rejects with everything that was printed if the gateway does not come up. */
export async function startWorld(ports?: World['ports']): Promise<World> {
  const [gatewayPort, otrotlPort] = ports ?? (await findFreePorts())
  const stateDirectory = mkdtempSync(join(tmpdir(), 'drawbridge-world-'))
  const removeState = () => rmSync(stateDirectory, { recursive: true, force: true, maxRetries: 5 })
  let run = await startRun(gatewayPort, otrotlPort, stateDirectory).catch((error: unknown) => {
    removeState()
    throw error
  })
  const stop = (signal: NodeJS.Signals = 'SIGINT') => run.stop(signal)
  return {
    gateway: `http://localhost:${gatewayPort}`,
    ports: [gatewayPort, otrotlPort],
    stateDirectory,
    printed: () => run.printed(),
    stop,
    async startAgain() {
      run = await startRun(gatewayPort, otrotlPort, stateDirectory)
    },
    async remove() {
      await stop('SIGINT')
      removeState()
    },
  }
}

async function startRun(gatewayPort: number, otrotlPort: number, stateDirectory: string) {
  const child = spawn(process.execPath, [start, '--persist-to', stateDirectory], {
    env: {
      ...process.env,
      DRAWBRIDGE_PORT: String(gatewayPort),
      OTROTL_PORT: String(otrotlPort),
      // As npm says it: it then stops when we end, however that comes about.
      npm_lifecycle_event: 'dev',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      printed += chunk.toString()
      appendFileSync(logFile(stateDirectory), chunk)
    })
  }
  while (!printed.includes('Drawbridge is up.')) {
    if (hasEnded(child)) throw new Error(`dev/start.ts ended:\n${printed}`)
    await delay(50)
  }
  return {
    printed: () => printed,
    async stop(signal: NodeJS.Signals) {
      if (hasEnded(child)) return child.exitCode
      const ended = once(child, 'exit')
      child.kill(signal)
      await ended
      return child.exitCode
    },
  }
}

/** Where everything is kept that it prints, for whoever asks why a test failed. */
export const logFile = (stateDirectory: string): string => join(stateDirectory, 'printed.log')

const hasEnded = (child: ChildProcess): boolean =>
  child.exitCode !== null || child.signalCode !== null
