/** The peers of an authenticated API request, each a Worker of its own. */
import type { Target } from './load.ts'
import { bundle } from './workers.ts'
import type { BenchWorker, RunningWorkers } from './workers.ts'

export interface EdgePeer {
  /** As the table calls it: what is checked, and when a session that has ended is refused. */
  readonly title: string
  readonly refusesRevoked: string
  readonly worker: BenchWorker
  readonly path: string
}

type Made = Omit<EdgePeer, 'worker' | 'path'> & {
  readonly name: string
  readonly source: string
  readonly path?: string
  readonly options?: BenchWorker['options']
}

const made: readonly Made[] = [
  {
    name: 'jwt',
    title: 'hono/jwt, ES256',
    refusesRevoked: 'never',
    source: 'jwt.ts',
  },
  {
    name: 'openauth',
    title: '@openauthjs/openauth, `verify`',
    refusesRevoked: 'never',
    source: 'openauth.ts',
    options: { compatibilityFlags: ['nodejs_compat'] },
  },
  {
    name: 'oidc-auth',
    title: '@hono/oidc-auth, signed cookie',
    refusesRevoked: 'never',
    source: 'oidc-auth.ts',
    options: {
      bindings: {
        OIDC_AUTH_SECRET: 'a secret of the benchmark, 32 characters or more',
        OIDC_ISSUER: 'https://op.example',
        OIDC_CLIENT_ID: 'bench',
        OIDC_CLIENT_SECRET: 'bench',
      },
    },
  },
  {
    name: 'workers-oauth-provider',
    title: '@cloudflare/workers-oauth-provider',
    refusesRevoked: 'when KV has it',
    source: 'workers-oauth-provider.ts',
    path: '/api',
    options: { kvNamespaces: { OAUTH_KV: 'workers-oauth-provider' } },
  },
  ...(
    [
      ['d1-cookie', 'better-auth, D1 and cookie cache', 'after 5 minutes'],
      ['kv', 'better-auth, KV as secondary storage', 'when KV has it'],
      ['d1', 'better-auth, D1', 'at once'],
    ] as const
  ).map(([sessions, title, refusesRevoked]) => ({
    name: `better-auth-${sessions}`,
    title,
    refusesRevoked,
    source: 'better-auth.ts',
    options: {
      compatibilityFlags: ['nodejs_compat'],
      d1Databases: { DB: `better-auth-${sessions}` },
      kvNamespaces: { KV: `better-auth-${sessions}` },
      bindings: { SESSIONS: sessions },
    },
  })),
]

export const edgePeers = async (): Promise<readonly EdgePeer[]> =>
  Promise.all(
    made.map(async ({ name, title, refusesRevoked, source, path = '/', options = {} }) => ({
      title,
      refusesRevoked,
      path,
      worker: { name, script: await bundle(`test/bench/workers/${source}`), options },
    })),
  )

/** Signs so many people in to a peer; what each of them sends. */
export async function preparePeer(
  { worker, path }: EdgePeer,
  running: Pick<RunningWorkers, 'portOf'>,
  people: number,
): Promise<Target> {
  const port = running.portOf(worker.name)
  const answer = await fetch(`http://127.0.0.1:${port}/prepare`, {
    method: 'POST',
    body: JSON.stringify({ people }),
  })
  if (!answer.ok) throw new Error(`${worker.name}: ${answer.status} ${await answer.text()}`)
  const headers = (await answer.json()) as Record<string, string>[]
  return { port, path, each: headers.map((sent) => ({ headers: sent })) }
}
