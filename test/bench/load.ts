import { readdirSync, readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'

export interface Measurement {
  /** CPU time of workerd for one request. The steadiest figure on a machine that does other things too. */
  readonly cpuMicroseconds: number
  readonly requestsPerSecond: number
  readonly medianMilliseconds: number
  readonly p99Milliseconds: number
}

export interface Target {
  readonly port: number
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

const connections = 16
const jiffiesPerSecond = 100

/** Puts load on a target for a while. Rejects if an answer is not 200. */
export async function measure(target: Target, milliseconds: number): Promise<Measurement> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const latencies: number[] = []
  const until = performance.now() + milliseconds
  const startedAt = performance.now()
  const cpuBefore = workerdCpuSeconds()
  const client = async () => {
    while (performance.now() < until) {
      const sentAt = performance.now()
      await ask(target, agent)
      latencies.push(performance.now() - sentAt)
    }
  }
  await Promise.all(Array.from({ length: connections }, client))
  const seconds = (performance.now() - startedAt) / 1000
  const cpuSeconds = workerdCpuSeconds() - cpuBefore
  agent.destroy()
  latencies.sort((a, b) => a - b)
  return {
    cpuMicroseconds: (cpuSeconds / latencies.length) * 1_000_000,
    requestsPerSecond: latencies.length / seconds,
    medianMilliseconds: latencies[Math.floor(latencies.length / 2)]!,
    p99Milliseconds: latencies[Math.floor(latencies.length * 0.99)]!,
  }
}

const ask = async ({ port, path, headers }: Target, agent: Agent): Promise<void> =>
  new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, headers, agent }, (response) => {
      response.resume()
      response.on('end', () =>
        response.statusCode === 200
          ? resolve()
          : reject(new Error(`${path} answered ${response.statusCode}`)),
      )
    })
    sent.on('error', reject)
    sent.end()
  })

/** User and system time of our own workerd processes (Linux). */
function workerdCpuSeconds(): number {
  let jiffies = 0
  for (const id of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${id}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      const isOurs = stat.includes('(workerd)') && Number(fields[1]) === process.pid
      if (isOurs) jiffies += Number(fields[11]) + Number(fields[12])
    } catch {
      // It ended while we looked.
    }
  }
  return jiffies / jiffiesPerSecond
}
