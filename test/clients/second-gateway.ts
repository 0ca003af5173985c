/** A second gateway, which takes people over from the first: with settings, secrets and a state of its own. */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findFreePorts } from '../../dev/find-free-ports.ts'
import { startGateway } from '../../dev/gateway-process.ts'
import { applyMigrations } from '../../dev/migrations.ts'
import { prepareSecrets } from '../../dev/secrets.ts'
import type { DevSettings } from '../../dev/settings.ts'

export interface SecondGateway {
  readonly origin: string
  stop(): Promise<void>
}

export const secondGatewayPort = async (): Promise<number> => (await findFreePorts())[0]

/** Its people come from `host`, a gateway at `localhost`; another host name, so that their cookies do not mix. */
export async function startSecondGateway(
  port: number,
  host: string,
  apiKey: string,
): Promise<SecondGateway> {
  const stateDirectory = mkdtempSync(join(tmpdir(), 'drawbridge-second-'))
  const origin = `http://127.0.0.1:${port}`
  const settings: DevSettings = {
    gatewayPort: port,
    otrotlPort: 0,
    secondAppPort: 0,
    marketplacePort: 0,
    videoCommentsPort: 0,
    bookshelfPort: 0,
    sharedSitesPort: 0,
    gatewayOrigin: origin,
    gatewayBackChannelOrigin: origin,
    // Nobody signs in there; it only has to be somewhere else.
    otrotlIssuer: 'http://127.0.0.1:9',
    stateDirectory,
    secretsFile: join(stateDirectory, '.dev.vars'),
    isAsConfigured: false,
    handoffHost: { issuer: host, apiUrl: `${host.replace('localhost', '127.0.0.1')}/api/v1` },
  }
  prepareSecrets(settings.secretsFile)
  appendFileSync(settings.secretsFile, `\nHOST_API_KEY=${apiKey}\n`)
  const printed: string[] = []
  await applyMigrations(stateDirectory)
  const gateway = startGateway(settings, (line) => void printed.push(line))
  await gateway.isReady.catch((error: unknown) => {
    throw new Error(`${String(error)}\n${printed.join('\n')}`)
  })
  return {
    origin,
    async stop() {
      await gateway.stop()
      rmSync(stateDirectory, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
