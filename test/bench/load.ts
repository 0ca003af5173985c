/**
 * What a request costs: load from a process of its own (load-process.ts), and meanwhile the CPU time of the one
 * process that listens at the target's port.
 */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { cpuSecondsOf, processListeningAt } from './processes.ts'

/** As many send at once; fewer, where fewer requests differ. */
export const CONNECTIONS = 16

export interface Target {
  /** On 127.0.0.1. */
  readonly port: number
  readonly path: string
  /** GET, unless said otherwise. */
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** The status of every answer, or the measurement fails: 200, unless said otherwise. */
  readonly status?: number
  /** Requests that differ, sent in turn: what stands here goes before what stands above. */
  readonly each?: readonly {
    readonly path?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string
  }[]
}

export interface Measurement {
  readonly requests: number
  /** CPU time of the measured process for one request. The steadiest figure on a machine that does other things too. */
  readonly cpuMicroseconds: number
  readonly requestsPerSecond: number
  readonly medianMilliseconds: number
  readonly p99Milliseconds: number
}

/** What the load process is told. Without `milliseconds`: each request once. */
export interface Load {
  readonly target: Target
  readonly milliseconds?: number
}

/** What it answers. */
export type LoadReport =
  | { readonly ok: false; readonly problem: string }
  | ({ readonly ok: true; readonly seconds: number } & Pick<
      Measurement,
      'requests' | 'medianMilliseconds' | 'p99Milliseconds'
    >)

/** Puts load on a target for a while. Rejects if an answer has another status than it should. */
export const measure = async (target: Target, milliseconds: number): Promise<Measurement> =>
  putLoad({ target, milliseconds })

/** Sends every request of `target.each` once: for what can be used once, and for first touches. */
export const measureOnce = async (target: Target): Promise<Measurement> => putLoad({ target })

async function putLoad(load: Load): Promise<Measurement> {
  const measured = processListeningAt(load.target.port)
  const cpuBefore = cpuSecondsOf(measured)
  const report = await ask(loadProcess(), load)
  const cpuSeconds = cpuSecondsOf(measured) - cpuBefore
  if (!report.ok) throw new Error(report.problem)
  const { requests, seconds, medianMilliseconds, p99Milliseconds } = report
  return {
    requests,
    cpuMicroseconds: (cpuSeconds / requests) * 1_000_000,
    requestsPerSecond: requests / seconds,
    medianMilliseconds,
    p99Milliseconds,
  }
}

let running: ChildProcess | undefined

/** One for all measurements: a fresh one would have to warm up first. */
function loadProcess(): ChildProcess {
  running ??= fork(fileURLToPath(new URL('load-process.ts', import.meta.url)))
  return running
}

const ask = async (child: ChildProcess, load: Load): Promise<LoadReport> =>
  new Promise((resolve, reject) => {
    const onExit = () => reject(new Error('the load process has ended'))
    child.ref()
    child.channel?.ref()
    child.once('exit', onExit)
    child.once('message', (report) => {
      child.off('exit', onExit)
      child.unref()
      child.channel?.unref()
      resolve(report as LoadReport)
    })
    child.send(load)
  })
