import { text } from 'node:stream/consumers'
import { listen } from '../../dev/sample-server.ts'
import type { BenchGateway } from './bench-gateway.ts'

/** Applications that are registered for back-channel logout, with one real endpoint each. */
export interface Receivers {
  /** Their `client_id`s. */
  readonly ids: readonly string[]
  /** When each logout token came that named the application it was sent to, by `performance.now()`. */
  readonly receivedAt: number[]
  stop(): Promise<void>
}

export async function startReceivers(gateway: BenchGateway, count: number): Promise<Receivers> {
  const receivedAt: number[] = []
  const idAt = new Map<string, string>()
  const server = await listen({
    port: 0,
    answer: async (request, response) => {
      const token = new URLSearchParams(await text(request)).get('logout_token') ?? ''
      const { aud } = claimsOf(token)
      const isForUs = aud === idAt.get(request.url ?? '')
      if (isForUs) receivedAt.push(performance.now())
      response.writeHead(isForUs ? 200 : 400).end()
    },
    sayFailed: (response) => void response.writeHead(400).end(),
    log: console.error,
  })
  const origin = `http://127.0.0.1:${server.port}`
  for (let number = 0; number < count; number += 1) {
    const path = `/${number}/back-channel`
    idAt.set(path, await registerApplication(gateway, `Application ${number}`, `${origin}${path}`))
  }
  return { ids: [...idAt.values()], receivedAt, stop: async () => server.stop() }
}

/** Answers with its `client_id`. */
export async function registerApplication(
  gateway: BenchGateway,
  name: string,
  logoutUri: string,
): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${gateway.port}/admin/api/applications`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${gateway.adminKey}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({
      name,
      oauth: {
        redirect_uris: [new URL('/callback', logoutUri)],
        scope: 'openid',
        backchannel_logout_uri: logoutUri,
      },
    }),
  })
  if (answer.status !== 201) throw new Error(`not registered: ${await answer.text()}`)
  return ((await answer.json()) as { client_id: string }).client_id
}

/** What a token says; who signed it is not what is measured. */
export const claimsOf = (token: string): Readonly<Record<string, unknown>> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString() || '{}') as Record<
    string,
    unknown
  >
