/** The gateway as it would be deployed, in workerd under Miniflare, with OTROTL to sign in with. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Json } from 'miniflare'
import { experimental_readRawConfig } from 'wrangler'
import { findFreePorts } from '../../dev/find-free-ports.ts'
import { startOtrotl } from '../../dev/otrotl/otrotl.ts'
import { prepareSecrets } from '../../dev/secrets.ts'
import { projectRoot } from '../../dev/settings.ts'
import { startWorkers } from './workers.ts'
import type { BenchWorker } from './workers.ts'

/** The parts of wrangler.toml that say what the Worker is bound to. */
interface RawConfig {
  readonly compatibility_date: string
  readonly compatibility_flags: string[]
  readonly kv_namespaces: readonly { readonly binding: string; readonly id: string }[]
  readonly d1_databases: readonly { readonly binding: string; readonly database_id: string }[]
  readonly durable_objects: { readonly bindings: readonly { name: string; class_name: string }[] }
  readonly queues: {
    readonly producers: readonly { readonly binding: string; readonly queue: string }[]
  }
  readonly ratelimits: readonly { readonly name: string; readonly namespace_id: string }[]
  readonly vars: { readonly IDENTITY_PROVIDERS: readonly Record<string, Json>[] } & Record<
    string,
    Json
  >
}

/** Another Worker that asks the gateway's entrypoint about a token, at the level that a header names. */
const apiWorker = `export default {
  async fetch(request, env) {
    const authorization = request.headers.get('authorization') ?? undefined
    const access = await env.ACCESS.check({ authorization, level: request.headers.get('x-level') })
    return new Response(null, { status: access.ok ? 200 : access.answer?.status ?? 500 })
  },
}`

export interface BenchGateway {
  /** Its ISSUER. */
  readonly origin: string
  /** The socket to put load on, on 127.0.0.1. */
  readonly port: number
  /** The socket of a Worker that lets in whom the gateway's check (`x-level`) lets in. */
  readonly apiPort: number
  /** The socket of a Worker beside it. */
  portOf(name: string): number
  /** The one workerd that all of them run in. */
  readonly processId: number
  readonly adminKey: string
  /** Runs SQL in a user's object. */
  inObjectOf(userId: string, statement: string): Promise<void>
  stop(): Promise<void>
}

/** `beside`: Workers that run in the same workerd, and may be bound to the gateway, `drawbridge`. */
export async function startBenchGateway(
  beside: readonly BenchWorker[] = [],
): Promise<BenchGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-bench-'))
  const config = join(projectRoot, 'wrangler.toml')
  const wrangler = (...commandLine: string[]) =>
    execFileSync(join(projectRoot, 'node_modules/.bin/wrangler'), commandLine, {
      cwd: projectRoot,
      env: { ...process.env, WRANGLER_SEND_METRICS: 'false', WRANGLER_WRITE_LOGS: 'false' },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  wrangler('deploy', '--dry-run', '--minify', '--env=', `--outdir=${folder}/built`)
  wrangler('d1', 'migrations', 'apply', 'DIRECTORY', '--local', `--persist-to=${folder}/state`)

  const [port, otrotlPort] = await findFreePorts()
  const origin = `http://localhost:${port}`
  const secrets = prepareSecrets(join(folder, '.dev.vars'))
  const otrotl = await startOtrotl({
    port: otrotlPort,
    gatewayOrigin: origin,
    gatewayBackChannelOrigin: `http://127.0.0.1:${port}`,
    clientSecret: secrets.OTROTL_CLIENT_SECRET,
    stateDirectory: join(folder, 'otrotl'),
    log: () => {},
  })
  const raw: RawConfig = experimental_readRawConfig({ config }).rawConfig
  const gateway: BenchWorker = {
    name: 'drawbridge',
    script: readFileSync(join(folder, 'built/worker.js'), 'utf8'),
    port,
    options: {
      compatibilityDate: raw.compatibility_date,
      compatibilityFlags: raw.compatibility_flags,
      kvNamespaces: Object.fromEntries(raw.kv_namespaces.map(({ binding, id }) => [binding, id])),
      d1Databases: Object.fromEntries(
        raw.d1_databases.map(({ binding, database_id }) => [binding, database_id]),
      ),
      durableObjects: Object.fromEntries(
        raw.durable_objects.bindings.map(({ name, class_name }) => [
          name,
          { className: class_name, useSQLite: true },
        ]),
      ),
      queueProducers: Object.fromEntries(
        raw.queues.producers.map(({ binding, queue }) => [binding, { queueName: queue }]),
      ),
      // The doors stand open: it is the gateway that is measured.
      ratelimits: Object.fromEntries(
        raw.ratelimits.map(({ name, namespace_id }) => [
          name,
          { namespace_id, simple: { limit: 1_000_000_000, period: 60 as const } },
        ]),
      ),
      bindings: {
        ...raw.vars,
        ...secrets,
        ISSUER: origin,
        IDENTITY_PROVIDERS: raw.vars.IDENTITY_PROVIDERS.map((provider) => ({
          ...provider,
          issuer: otrotl.issuer,
        })),
      },
    },
  }
  const api: BenchWorker = {
    name: 'api',
    script: apiWorker,
    options: {
      serviceBindings: {
        ACCESS: { name: 'drawbridge', entrypoint: 'AccessCheck', props: { client: 'bench' } },
      },
    },
  }
  const running = await startWorkers([gateway, api, ...beside], {
    folder: join(folder, 'state/v3'),
  })
  return {
    origin,
    port,
    apiPort: running.portOf('api'),
    portOf: (name) => running.portOf(name),
    processId: running.processId,
    adminKey: secrets.ADMIN_API_KEY,
    async inObjectOf(userId, statement) {
      const hash = createHash('sha256')
        .update(JSON.stringify([userId]))
        .digest('base64url')
      const name = `v1:user:${hash}`
      const storage = await running.miniflare.unsafeGetDurableObjectStorage(
        'drawbridge',
        'UserSessions',
        {
          name,
        },
      )
      await storage.exec(statement)
    },
    async stop() {
      await Promise.all([running.stop(), otrotl.stop()])
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
