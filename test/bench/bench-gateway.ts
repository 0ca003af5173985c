/**
 * The gateway as it would be deployed, in workerd under Miniflare, on a socket that leads straight into it:
 * `wrangler dev` puts a proxy before it that costs more than the gateway does.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { D1Database } from '@cloudflare/workers-types'
import { buildSync } from 'esbuild'
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare'
import type { Json } from 'miniflare'
import { experimental_readRawConfig } from 'wrangler'
import { findFreePorts } from '../../dev/find-free-ports.ts'
import { startOtrotl } from '../../dev/otrotl/otrotl.ts'
import { prepareSecrets } from '../../dev/secrets.ts'
import { projectRoot } from '../../dev/settings.ts'

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

/** Stands before the gateway, and counts what it asks of the directory: `GET /counted` tells, and begins anew. */
const countingWorker = `
  import { countedDirectory } from './test/world/counted-directory.ts'
  import gateway from './worker.js'
  export * from './worker.js'
  let counted, environment
  export default {
    ...gateway,
    fetch(request, env, context) {
      counted ??= countedDirectory(env.DIRECTORY)
      environment ??= { ...env, DIRECTORY: counted.directory }
      if (new URL(request.url).pathname === '/counted') return Response.json(counted.take())
      return gateway.fetch(request, environment, context)
    },
  }`

const modulesFrom = (worker: string, isCounting: boolean) => {
  const gateway = { type: 'ESModule' as const, path: 'worker.js', contents: worker }
  if (!isCounting) return [gateway]
  const [built] = buildSync({
    stdin: { contents: countingWorker, resolveDir: projectRoot },
    bundle: true,
    format: 'esm',
    external: ['./worker.js'],
    write: false,
  }).outputFiles
  return [{ type: 'ESModule' as const, path: 'counting.js', contents: built!.text }, gateway]
}

export interface BenchGateway {
  /** Its ISSUER. */
  readonly origin: string
  /** The socket to put load on, on 127.0.0.1. */
  readonly port: number
  /** The socket of a Worker that lets in whom the gateway's check (`x-level`) lets in. */
  readonly apiPort: number
  readonly adminKey: string
  /** The directory's own database. */
  directory(): Promise<D1Database>
  /** Runs SQL in a user's object, and answers with its rows. */
  inObjectOf(userId: string, statement: string): Promise<readonly Record<string, unknown>[]>
  inKeyRing(statement: string): Promise<readonly Record<string, unknown>[]>
  /** The identity provider that people sign in with; its keys are in `stateDirectory`. */
  readonly otrotl: { readonly issuer: string; readonly stateDirectory: string }
  /** A process of its own again, with nothing in memory; what is stored stays. */
  restart(): Promise<void>
  stop(): Promise<void>
}

export async function startBenchGateway({
  isCounting = false,
}: {
  /** `GET /counted` tells what was asked of the directory since the last time; else nothing is in between. */
  readonly isCounting?: boolean
} = {}): Promise<BenchGateway> {
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

  const [port, otrotlPort, apiPort] = await findFreePorts()
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
  const options = convertV4MiniflareOptions({
    host: '127.0.0.1',
    port: 0,
    cf: false,
    logRequests: false,
    log: new Log(LogLevel.ERROR),
    unsafeLocalExplorer: false,
    unsafeObservability: false,
    unsafeInspectDurableObjects: true,
    resourcePersistencePath: join(folder, 'state/v3'),
    handleStructuredLogs: () => {},
    workers: [
      {
        name: 'drawbridge',
        modules: modulesFrom(readFileSync(join(folder, 'built/worker.js'), 'utf8'), isCounting),
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
        unsafeDirectSockets: [{ host: '127.0.0.1', port }],
      },
      {
        name: 'api',
        modules: [{ type: 'ESModule', path: 'api.js', contents: apiWorker }],
        compatibilityDate: raw.compatibility_date,
        serviceBindings: {
          ACCESS: { name: 'drawbridge', entrypoint: 'AccessCheck', props: { client: 'bench' } },
        },
        unsafeDirectSockets: [{ host: '127.0.0.1', port: apiPort }],
      },
    ],
  })
  const miniflare = new Miniflare(options)
  await miniflare.ready
  /** By the object's class, and what it is named for (src/platform/digest.ts, `storageName`). */
  const inObject = async (
    className: string,
    [type, ...parts]: readonly [string, ...string[]],
    statement: string,
  ) => {
    const hash = createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
    const storage = await miniflare.unsafeGetDurableObjectStorage('drawbridge', className, {
      name: `v1:${type}:${hash}`,
    })
    return storage.exec(statement)
  }
  return {
    origin,
    port,
    apiPort,
    adminKey: secrets.ADMIN_API_KEY,
    directory: async () => miniflare.getD1Database('DIRECTORY', 'drawbridge'),
    inObjectOf: async (userId, statement) => inObject('UserSessions', ['user', userId], statement),
    inKeyRing: async (statement) => inObject('KeyRing', ['key-ring'], statement),
    otrotl: { issuer: otrotl.issuer, stateDirectory: join(folder, 'otrotl') },
    restart: async () => miniflare.setOptions(options),
    async stop() {
      await Promise.all([miniflare.dispose(), otrotl.stop()])
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
