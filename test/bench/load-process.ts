/**
 * The process that puts the load on: autocannon, apart from everything that is measured. `load.ts` starts it and
 * tells it what to send; it ends when the process that started it is gone.
 */
import autocannon from 'autocannon'
import { CONNECTIONS } from './load.ts'
import type { Load, LoadReport } from './load.ts'

process.on('message', (load: Load) => void answer(load))
process.on('disconnect', () => process.exit())

async function answer(load: Load): Promise<void> {
  const report = await putLoadOn(load).catch((thrown: unknown): LoadReport => ({
    ok: false,
    problem: String(thrown),
  }))
  process.send?.(report)
}

/** For a while, or, without one, each request once. */
async function putLoadOn({ target, milliseconds }: Load): Promise<LoadReport> {
  const { port, path, method = 'GET', headers = {}, body, status = 200, each = [] } = target
  const latencies: number[] = []
  const problems = new Map<string, number>()
  const note = (problem: string) => problems.set(problem, (problems.get(problem) ?? 0) + 1)
  const connections = Math.min(CONNECTIONS, each.length || CONNECTIONS)

  let turn = 0
  const options: autocannon.Options = {
    url: `http://127.0.0.1:${port}${path}`,
    method,
    headers,
    ...(body === undefined ? {} : { body }),
    connections,
    ...(milliseconds === undefined
      ? { amount: each.length }
      : { duration: milliseconds / 1000, sampleInt: 50 }),
    // Every connection has requests of its own: one of them is never sent twice at once.
    setupClient(client) {
      const own = each.filter((_, index) => index % connections === turn)
      turn += 1
      if (own.length === 0) return
      client.setRequests(
        own.map((request) => ({
          method,
          path,
          ...(body === undefined ? {} : { body }),
          ...request,
          headers: { ...headers, ...request.headers },
        })),
      )
    },
  }
  const seconds = await new Promise<number>((resolve, reject) => {
    let startedAt = performance.now()
    // autocannon looks but once a second whether all that was to be sent has been.
    let lastAnsweredAt = startedAt
    const load = autocannon(options, (failed: Error | null) =>
      failed === null ? resolve((lastAnsweredAt - startedAt) / 1000) : reject(failed),
    )
    load.on('start', () => (startedAt = performance.now()))
    load.on('response', (_client, statusCode, _bytes, took) => {
      latencies.push(took)
      lastAnsweredAt = performance.now()
      if (statusCode !== status) note(`answered ${statusCode}`)
    })
    load.on('reqError', (failed: Error) => note(failed.message))
  })

  if (problems.size > 0 || latencies.length === 0) {
    const said = [...problems].map(([problem, times]) => `${times} × ${problem}`)
    return { ok: false, problem: `${method} ${path}: ${said.join(', ') || 'no answer'}` }
  }
  latencies.sort((a, b) => a - b)
  const quantile = (share: number) => latencies[Math.floor(latencies.length * share)]!
  return {
    ok: true,
    requests: latencies.length,
    seconds,
    medianMilliseconds: quantile(0.5),
    p99Milliseconds: quantile(0.99),
  }
}
