/** Workers of the benchmark with the counter around them, and what it has counted. */
import { build } from 'esbuild'
import { projectRoot } from '../../../dev/settings.ts'
import type { BenchWorker } from '../workers.ts'
import { COUNTS_PATH } from './counter.ts'
import type { BoundNames } from './counter.ts'
import type { Operations } from './prices.ts'

/** Of the gateway: what other Workers call. */
const ENTRYPOINTS = ['AccessCheck']

/** The same Worker, counted; its own script is untouched inside. */
export async function countedWorker(worker: BenchWorker): Promise<BenchWorker> {
  const { kvNamespaces, d1Databases, durableObjects, queueProducers } = worker.options ?? {}
  const names: BoundNames = {
    kv: Object.keys(kvNamespaces ?? {}),
    d1: Object.keys(d1Databases ?? {}),
    objects: Object.keys(durableObjects ?? {}),
    queues: Object.keys(queueProducers ?? {}),
  }
  const classes = Object.values(durableObjects ?? {}).map((object) =>
    typeof object === 'string' ? object : object.className,
  )
  const entrypoints = ENTRYPOINTS.filter((name) => worker.script.includes(name))
  const entry = `
    import * as worker from 'the-worker'
    import { countedEnvironment, countedHandler, countStorage } from './test/bench/bill/counter.ts'
    const names = ${JSON.stringify(names)}
    export default countedHandler(worker.default, names)
    ${entrypoints
      .map(
        (name) => `export class ${name} extends worker.${name} {
          constructor(context, environment) {
            super(context, countedEnvironment(environment, names))
          }
        }`,
      )
      .join('\n')}
    ${classes
      .map(
        (name) => `export class ${name} extends worker.${name} {
          constructor(context, environment) {
            countStorage(context)
            super(context, countedEnvironment(environment, names))
          }
        }`,
      )
      .join('\n')}`
  const { outputFiles } = await build({
    stdin: { contents: entry, resolveDir: projectRoot, loader: 'js' },
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2024',
    external: ['cloudflare:*', 'node:*'],
    logLevel: 'error',
    plugins: [
      {
        name: 'the-worker',
        setup(made) {
          made.onResolve({ filter: /^the-worker$/ }, () => ({
            path: 'the-worker',
            namespace: 'measured',
          }))
          made.onLoad({ filter: /.*/, namespace: 'measured' }, () => ({
            contents: worker.script,
            loader: 'js',
          }))
        },
      },
    ],
  })
  return { ...worker, script: outputFiles[0]!.text }
}

/** What the Workers at these ports have done since they were asked last. */
export async function takeCounts(ports: readonly number[]): Promise<Operations> {
  const total = new Map<string, number>()
  for (const port of ports) {
    const answer = await fetch(`http://127.0.0.1:${port}${COUNTS_PATH}`)
    const counts = (await answer.json()) as Record<string, number>
    for (const [what, count] of Object.entries(counts))
      total.set(what, (total.get(what) ?? 0) + count)
  }
  return Object.fromEntries(total)
}
