/** The gateway as it would be deployed, in workerd under Miniflare, with OTROTL to sign in with. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { D1Database } from '@cloudflare/workers-types'
import { buildSync } from 'esbuild'
import type { Json } from 'miniflare'
import { experimental_readRawConfig } from 'wrangler'
import { findFreePorts } from '../../dev/find-free-ports.ts'
import { startOtrotl } from '../../dev/otrotl/otrotl.ts'
import type { OtrotlOptions } from '../../dev/otrotl/otrotl.ts'
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
  readonly ratelimits: readonly {
    readonly name: string
    readonly namespace_id: string
    readonly simple: { readonly limit: number; readonly period: 10 | 60 }
  }[]
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

/**
 * Stands before the gateway. Its rate limits let everybody in, and are asked in the isolate: Miniflare's counters cost
 * more CPU than most of what is measured, and a Worker in their place as much as some bare answers; on the platform
 * they cost the Worker none. `GET /counted` tells what was asked of the directory since the last time, where that is counted.
 */
const frontWorker = (worker: string, limits: readonly string[], isCounting: boolean) => `
  import { countedDirectory } from './test/world/counted-directory.ts'
  import gateway from '${worker}'
  export * from '${worker}'
  const open = { limit: async () => ({ success: true }) }
  let counted, environment
  function prepare(env) {
    environment = { ...env }
    for (const name of ${JSON.stringify(limits)}) environment[name] = open
    if (!${isCounting}) return
    counted = countedDirectory(env.DIRECTORY)
    environment.DIRECTORY = counted.directory
  }
  export default {
    ...gateway,
    fetch(request, env, context) {
      if (environment === undefined) prepare(env)
      if (counted !== undefined && new URL(request.url).pathname === '/counted') {
        return Response.json(counted.take())
      }
      return gateway.fetch(request, environment, context)
    },
  }`

/** The built Worker with that before it, as one script. */
const withFront = (worker: string, limits: readonly string[], isCounting: boolean): string =>
  buildSync({
    stdin: { contents: frontWorker(worker, limits, isCounting), resolveDir: projectRoot },
    bundle: true,
    format: 'esm',
    target: 'es2024',
    external: ['cloudflare:*', 'node:*'],
    write: false,
  }).outputFiles[0]!.text

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
  /** The directory's own database. */
  directory(): Promise<D1Database>
  /** Runs SQL in a user's object, and answers with its rows. */
  inObjectOf(userId: string, statement: string): Promise<readonly Record<string, unknown>[]>
  inKeyRing(statement: string): Promise<readonly Record<string, unknown>[]>
  /** The identity provider that people sign in with; its keys are in `stateDirectory`. */
  readonly otrotl: { readonly issuer: string; readonly stateDirectory: string }
  /** As when nobody has asked a user's object for a while: its memory is gone. */
  putToSleep(userId: string): Promise<void>
  /** A process of its own again, with nothing in memory; what is stored stays. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** A Worker, or what makes one of the gateway's own bindings. */
export type WorkerBeside = BenchWorker | ((gateway: BenchWorker) => BenchWorker)

export interface BenchGatewayOptions {
  /** Workers that run in the same workerd, and may be bound to the gateway, `drawbridge`. */
  readonly beside?: readonly WorkerBeside[]
  /** What else OTROTL is to know, and its port where that had to be known before. */
  readonly upstream?: Partial<Pick<OtrotlOptions, 'port' | 'otherClients' | 'findPerson'>>
  /** What is put around each Worker before it starts. */
  readonly around?: (worker: BenchWorker) => Promise<BenchWorker>
  /** `GET /counted` tells what was asked of the directory since the last time; else nothing is in between. */
  readonly isCounting?: boolean
  /** Where the runtime's inspector listens, if it is to. */
  readonly inspectorPort?: number
}

export async function startBenchGateway({
  beside = [],
  upstream = {},
  around = async (worker) => worker,
  isCounting = false,
  inspectorPort,
}: BenchGatewayOptions = {}): Promise<BenchGateway> {
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
  const stateDirectory = join(folder, 'otrotl')
  const otrotl = await startOtrotl({
    port: otrotlPort,
    gatewayOrigin: origin,
    gatewayBackChannelOrigin: `http://127.0.0.1:${port}`,
    clientSecret: secrets.OTROTL_CLIENT_SECRET,
    stateDirectory,
    isForgetful: true,
    log: () => {},
    ...upstream,
  })
  const raw: RawConfig = experimental_readRawConfig({ config }).rawConfig
  const gateway: BenchWorker = {
    name: 'drawbridge',
    script: withFront(
      join(folder, 'built/worker.js'),
      raw.ratelimits.map(({ name }) => name),
      isCounting,
    ),
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
      ratelimits: Object.fromEntries(raw.ratelimits.map(({ name, ...limit }) => [name, limit])),
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
  const others = beside.map((one) => (typeof one === 'function' ? one(gateway) : one))
  const workers = await Promise.all([gateway, api, ...others].map(around))
  const running = await startWorkers(workers, {
    folder: join(folder, 'state/v3'),
    ...(inspectorPort === undefined ? {} : { inspectorPort }),
  })
  const { miniflare } = running
  const inObject = async (className: string, name: string, statement: string) => {
    const storage = await miniflare.unsafeGetDurableObjectStorage('drawbridge', className, { name })
    return storage.exec(statement)
  }
  return {
    origin,
    port,
    apiPort: running.portOf('api'),
    portOf: (name) => running.portOf(name),
    get processId() {
      return running.processId
    },
    restart: async () => running.restart(),
    adminKey: secrets.ADMIN_API_KEY,
    directory: async () => miniflare.getD1Database('DIRECTORY', 'drawbridge'),
    inObjectOf: async (userId, statement) =>
      inObject('UserSessions', nameOf('user', userId), statement),
    inKeyRing: async (statement) => inObject('KeyRing', nameOf('key-ring'), statement),
    async putToSleep(userId) {
      const name = nameOf('user', userId)
      const evicted = miniflare.unsafeEvictDurableObject('drawbridge', 'UserSessions', { name })
      await evicted.catch((thrown: unknown) => {
        if (!String(thrown).includes('not currently running')) throw thrown
      })
    },
    otrotl: { issuer: otrotl.issuer, stateDirectory },
    async stop() {
      await Promise.all([running.stop(), otrotl.stop()])
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** What an object is named for (src/platform/digest.ts, `storageName`). */
function nameOf(type: string, ...parts: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
  return `v1:${type}:${hash}`
}
