/** For requests that can be made but once, and whose answers the next ones need: what each costs in CPU time. */
import { setTimeout as delay } from 'node:timers/promises'
import { Agent, request } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import { text } from 'node:stream/consumers'
import { cpuSecondsOf } from './processes.ts'

const CONNECTIONS = 8
/** What an answer leaves to be done belongs to its price. */
const AFTERWARDS_MILLISECONDS = 150

export interface Called<Answer> {
  readonly cpuMicroseconds: number
  /** In the order of the calls. */
  readonly answers: readonly Answer[]
}

/** Makes each call once, a few at a time. Rejects if one does. */
export async function callEach<Answer>(
  processId: number,
  calls: readonly (() => Promise<Answer>)[],
): Promise<Called<Answer>> {
  const answers: Answer[] = []
  const waiting = calls.entries()
  const cpuBefore = cpuSecondsOf(processId)
  const lane = async () => {
    for (const [index, call] of waiting) answers[index] = await call()
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, lane))
  await delay(AFTERWARDS_MILLISECONDS)
  const cpuSeconds = cpuSecondsOf(processId) - cpuBefore
  return { cpuMicroseconds: (cpuSeconds / calls.length) * 1_000_000, answers }
}

const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })

export interface Asked {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** One request to 127.0.0.1, redirects not followed. Rejects if the answer has another status. */
export async function ask(
  target: {
    readonly port: number
    readonly path: string
    readonly headers?: Readonly<Record<string, string>>
    /** Sent by POST. */
    readonly form?: Readonly<Record<string, string>>
  },
  status: number,
): Promise<Asked> {
  const { port, path, headers = {}, form } = target
  const body = form === undefined ? undefined : String(new URLSearchParams(form))
  const asked = await new Promise<Asked>((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port,
      path,
      agent,
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        ...headers,
        ...(body !== undefined && {
          'content-type': 'application/x-www-form-urlencoded',
          'content-length': String(body.length),
        }),
      },
    }
    const sent = request(options, (response) => {
      text(response).then(
        (read) =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: read }),
        reject,
      )
    })
    sent.on('error', reject).end(body)
  })
  if (asked.status !== status) {
    throw new Error(`${path} answered ${asked.status}: ${asked.body.slice(0, 500)}`)
  }
  return asked
}
