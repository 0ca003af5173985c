/** The Workers of the section `edge` that are ours: the floors, an API behind the guard, and people to call it. */
import { createHash } from 'node:crypto'
import { exportJWK } from 'jose'
import type { Json } from 'miniflare'
import type { WorkerBeside } from './bench-gateway.ts'
import { bundle } from './workers.ts'
import type { BenchWorker } from './workers.ts'

export const floors = async ({ publicKey, privateKey }: CryptoKeyPair): Promise<BenchWorker> => ({
  name: 'floors',
  script: await bundle('test/bench/workers/floors.ts'),
  options: {
    kvNamespaces: { KV: 'floors' },
    durableObjects: { ROWS: { className: 'OneRow', useSQLite: true } },
    bindings: {
      PUBLIC_KEY: { ...(await exportJWK(publicKey)) },
      PRIVATE_KEY: { ...(await exportJWK(privateKey)) },
    },
  },
})

export async function guardedApi(): Promise<WorkerBeside> {
  const script = await bundle('test/bench/workers/guarded-api.ts')
  return ({ options }) => ({
    name: 'guarded-api',
    script,
    options: {
      kvNamespaces: { REVOCATION: 'drawbridge-revocation' },
      durableObjects: {
        USER_SESSIONS: { className: 'UserSessions', scriptName: 'drawbridge', useSQLite: true },
      },
      serviceBindings: {
        DRAWBRIDGE: { name: 'drawbridge', entrypoint: 'AccessCheck', props: { client: 'bench' } },
      },
      bindings: guardSettings(options?.bindings),
    },
  })
}

export async function people(): Promise<WorkerBeside> {
  const script = await bundle('test/bench/workers/people.ts')
  return ({ options }) => ({
    name: 'people',
    script,
    options: {
      ...options,
      durableObjects: Object.fromEntries(
        Object.entries(options?.durableObjects ?? {}).map(([name, object]) => [
          name,
          { ...(object as { className: string }), scriptName: 'drawbridge', useSQLite: true },
        ]),
      ),
    },
  })
}

function guardSettings(bindings: Record<string, Json> = {}): Record<string, Json> {
  const { audience } = bindings.ACCESS_TOKEN as { audience: string }
  return { ISSUER: bindings.ISSUER!, AUDIENCE: audience }
}

/** Signs people in (workers/people.ts); their access tokens. */
export async function signIn(
  port: number,
  how: 'sessions' | 'hints' | 'tokens',
  count: number,
): Promise<string[]> {
  const tokens: string[] = []
  while (tokens.length < count) {
    const batch = Math.min(count - tokens.length, how === 'tokens' ? 1000 : 100)
    tokens.push(...((await post(port, `/${how}?people=${batch}`)) as string[]))
  }
  return tokens
}

export async function post(port: number, path: string, body?: unknown): Promise<unknown> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`)
  return answer.json()
}

/** The name of the hint in KV of whom a token is of. */
export const hintNameOf = (token: string): string => {
  const { sub } = JSON.parse(atob(token.split('.')[1]!)) as { sub: string }
  const hash = createHash('sha256')
    .update(JSON.stringify([sub]))
    .digest('base64url')
  return `v1:revocation:${hash}`
}
