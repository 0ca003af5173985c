/** Starts and stops the gateway: `wrangler dev` and everything that it starts in turn. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { prepareGatewayConfig } from './gateway-config.ts'
import { projectRoot } from './settings.ts'
import type { DevSettings } from './settings.ts'

export interface GatewayProcess {
  /** Resolves once the gateway is well; rejects in words if it is not, or has not answered in a minute. */
  readonly isReady: Promise<void>
  /** Resolves when the process has ended, however that came about. */
  readonly hasEnded: Promise<void>
  /** Ends the whole group of processes, gently first. */
  stop(): Promise<void>
  /** Ends it at once, for a process that is itself about to end. */
  kill(): void
}

// Ends the group when the pipe on descriptor 3 closes, so that nothing is left behind even if we are killed.
const withLifeline = '(cat <&3 >/dev/null; kill -TERM 0) & exec "$@" 3<&-'

const quiet = {
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_SEND_ERROR_REPORTS: 'false',
  WRANGLER_HIDE_BANNER: 'true',
  WRANGLER_WRITE_LOGS: 'false',
  // Asking Cloudflare about this machine's location needs a network.
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
}

export function startGateway(settings: DevSettings, log: (line: string) => void): GatewayProcess {
  const command = [
    wrangler,
    'dev',
    '--ip=127.0.0.1',
    `--port=${settings.gatewayPort}`,
    '--inspector-port=0',
    `--env-file=${settings.secretsFile}`,
    '--log-level=log',
    '--show-interactive-dev-session=false',
    `--config=${prepareGatewayConfig(settings)}`,
    `--persist-to=${join(settings.stateDirectory, 'state')}`,
  ]
  const child = spawn('sh', ['-c', withLifeline, 'sh', ...command], {
    cwd: projectRoot,
    env: {
      ...process.env,
      ...quiet,
      WRANGLER_REGISTRY_PATH: join(settings.stateDirectory, 'registry'),
    },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    detached: true,
  })
  for (const stream of [child.stdout, child.stderr]) {
    if (stream)
      createInterface({ input: stream }).on('line', (line) => isWorthShowing(line) && log(line))
  }
  const hasEnded = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  return {
    hasEnded,
    isReady: untilHealthy(settings, child),
    async stop() {
      signalGroup(child, 'SIGTERM')
      await Promise.race([hasEnded, delay(8_000, undefined, { ref: false })])
      signalGroup(child, 'SIGKILL')
    },
    kill: () => signalGroup(child, 'SIGKILL'),
  }
}

const wrangler = join(projectRoot, 'node_modules/.bin/wrangler')

/** wrangler announces itself at length; what the gateway logs, and every warning, is shown. */
const isWorthShowing = (line: string): boolean =>
  line.trim() !== '' &&
  !/^(\[wrangler:info\]|\[custom build\]|⎔|Using secrets|Your Worker has|Binding  |env\.)/.test(
    line,
  )

async function untilHealthy(settings: DevSettings, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + 60_000
  while (Date.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error('The gateway ended before it answered.')
    }
    const answer = await fetch(`${settings.gatewayBackChannelOrigin}/health`, {
      signal: AbortSignal.timeout(5_000),
    }).catch(() => undefined)
    if (answer?.ok) return
    if (answer !== undefined) {
      throw new Error(`The gateway answers ${answer.status}: the reason stands in its lines above.`)
    }
    await delay(100)
  }
  throw new Error('The gateway did not answer within a minute.')
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // ESRCH: the group is gone, which is what was wanted.
  }
}
