/**
 * Workers in one workerd under Miniflare, each on a socket that leads straight into it: Miniflare's own port
 * has a Worker before them that costs more than most of what is measured.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare'
import type { V4WorkerOptions } from 'miniflare'
import { findFreePorts } from '../../dev/find-free-ports.ts'
import { projectRoot } from '../../dev/settings.ts'
import { processListeningAt } from './processes.ts'

export interface BenchWorker {
  readonly name: string
  /** The whole script, as `bundle` makes it. */
  readonly script: string
  /** Its port on 127.0.0.1; a free one, unless it had to be known before. */
  readonly port?: number
  /** What it is bound to, in Miniflare's words. */
  readonly options?: Partial<V4WorkerOptions>
}

export interface RunningWorkers {
  readonly miniflare: Miniflare
  /** The port of each, by its name. */
  portOf(name: string): number
  /** The id of the one workerd that all of them run in. */
  readonly processId: number
  /** A process of its own again, with nothing in memory; what is stored stays. */
  restart(): Promise<void>
  stop(): Promise<void>
}

const COMPATIBILITY_DATE = '2026-10-01'

/** `folder`: where KV, D1 and Durable Objects keep their data; one that goes with them, unless said otherwise. */
export async function startWorkers(
  workers: readonly BenchWorker[],
  { folder, inspectorPort }: { readonly folder?: string; readonly inspectorPort?: number } = {},
): Promise<RunningWorkers> {
  const ownFolder = folder === undefined ? mkdtempSync(join(tmpdir(), 'drawbridge-bench-')) : folder
  const placed: (BenchWorker & { readonly port: number })[] = []
  for (const worker of workers) {
    const [port] = worker.port === undefined ? await findFreePorts() : [worker.port]
    placed.push({ ...worker, port })
  }
  const options = convertV4MiniflareOptions({
    host: '127.0.0.1',
    port: 0,
    ...(inspectorPort === undefined ? {} : { inspectorPort }),
    cf: false,
    logRequests: false,
    log: new Log(LogLevel.ERROR),
    unsafeLocalExplorer: false,
    unsafeObservability: false,
    unsafeInspectDurableObjects: true,
    resourcePersistencePath: ownFolder,
    handleStructuredLogs: () => {},
    workers: placed.map(({ name, script, port, options }) => ({
      compatibilityDate: COMPATIBILITY_DATE,
      ...options,
      name,
      modules: [{ type: 'ESModule' as const, path: `${name}.js`, contents: script }],
      unsafeDirectSockets: [{ host: '127.0.0.1', port }],
    })),
  })
  const miniflare = new Miniflare(options)
  await miniflare.ready
  return {
    miniflare,
    portOf(name) {
      const worker = placed.find((one) => one.name === name)
      if (worker === undefined) throw new Error(`no Worker ${name}`)
      return worker.port
    },
    get processId() {
      return processListeningAt(placed[0]!.port)
    },
    restart: async () => miniflare.setOptions(options),
    async stop() {
      await miniflare.dispose()
      if (folder === undefined) rmSync(ownFolder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** A Worker's source file, by its path from the project's root, as one minified script, as wrangler would make it. */
export async function bundle(path: string): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: projectRoot,
    entryPoints: [path],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
    jsx: 'automatic',
    jsxImportSource: 'hono/jsx',
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'error',
  })
  return outputFiles[0]!.text
}
