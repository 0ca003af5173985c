/** The peers that people sign in to, as Workers beside the gateway, and as clients of the same provider. */
import { randomBytes } from 'node:crypto'
import type { ClientMetadata } from 'oidc-provider'
import { findFreePorts } from '../../../dev/find-free-ports.ts'
import type { LoginSite } from '../login-steps.ts'
import { bundle } from '../workers.ts'
import type { BenchWorker } from '../workers.ts'

export interface LoginPeer {
  readonly name: string
  readonly site: LoginSite
  readonly worker: BenchWorker
  readonly client: ClientMetadata
  /** Whether tables have to be made before it can be used, by `POST /prepare`. */
  readonly hasTables: boolean
}

/** As the gateway of the benchmark has them. */
const SESSION_SECONDS = 43_200
const TOKEN_SECONDS = 300

const secret = () => randomBytes(32).toString('base64url')

export async function oidcAuth(upstream: string): Promise<LoginPeer> {
  const [port] = await findFreePorts()
  const origin = `http://localhost:${port}`
  const client = clientOf('oidc-auth', `${origin}/callback`)
  return {
    name: '@hono/oidc-auth',
    site: { origin, startPath: '/dashboard', shows: ({ subject }) => subject },
    worker: {
      name: 'oidc-auth',
      script: await bundle('test/bench/workers/oidc-auth-login.ts'),
      port,
      options: {
        bindings: {
          OIDC_AUTH_SECRET: secret(),
          OIDC_AUTH_EXPIRES: String(SESSION_SECONDS),
          OIDC_AUTH_REFRESH_INTERVAL: String(SESSION_SECONDS),
          OIDC_ISSUER: upstream,
          OIDC_CLIENT_ID: client.client_id,
          OIDC_CLIENT_SECRET: client.client_secret ?? '',
          OIDC_SCOPES: 'openid profile email',
        },
      },
    },
    client,
    hasTables: false,
  }
}

/** The least that a sign-in of the gateway's kind takes. */
export async function floorLogin(upstream: string): Promise<LoginPeer> {
  const [port] = await findFreePorts()
  const origin = `http://localhost:${port}`
  const client = clientOf('floor', `${origin}/callback`)
  return {
    name: 'Floor: the same requests, rows and signature, and nothing around them',
    site: { origin, startPath: '/login', shows: ({ name }) => name },
    worker: {
      name: 'floor-login',
      script: await bundle('test/bench/workers/floor-login.ts'),
      port,
      options: {
        d1Databases: { DB: 'floor-login' },
        durableObjects: {
          CLAIMS: { className: 'Rows', useSQLite: true },
          SESSIONS: { className: 'Rows', useSQLite: true },
        },
        bindings: {
          ORIGIN: origin,
          UPSTREAM: upstream,
          CLIENT_ID: client.client_id,
          CLIENT_SECRET: client.client_secret ?? '',
        },
      },
    },
    client,
    hasTables: true,
  }
}

const names = {
  d1: 'better-auth, sessions in D1',
  'd1-cookie': 'better-auth, D1 and a cookie that stands for the session for 5 minutes',
  kv: 'better-auth, sessions in KV',
} as const

export async function betterAuth(
  sessions: keyof typeof names,
  upstream: string,
): Promise<LoginPeer> {
  const [port] = await findFreePorts()
  const origin = `http://localhost:${port}`
  const name = `better-auth-${sessions}`
  const client = clientOf(name, `${origin}/api/auth/callback/otrotl`)
  return {
    name: names[sessions],
    site: { origin, startPath: '/login', shows: ({ email }) => email },
    worker: {
      name,
      script: await bundle('test/bench/workers/better-auth-login.ts'),
      port,
      options: {
        compatibilityFlags: ['nodejs_compat'],
        d1Databases: { DB: name },
        kvNamespaces: { KV: name },
        bindings: {
          SESSIONS: sessions,
          ORIGIN: origin,
          SECRET: secret(),
          UPSTREAM: upstream,
          CLIENT_ID: client.client_id,
          CLIENT_SECRET: client.client_secret ?? '',
          SESSION_SECONDS,
          TOKEN_SECONDS,
        },
      },
    },
    client,
    hasTables: true,
  }
}

const clientOf = (id: string, redirectUri: string): ClientMetadata => ({
  client_id: id,
  client_secret: secret(),
  token_endpoint_auth_method: 'client_secret_basic',
  redirect_uris: [redirectUri],
  id_token_signed_response_alg: 'RS256',
})

/** Makes the tables of those that have any. */
export async function prepareTables(peers: readonly LoginPeer[]): Promise<void> {
  for (const { hasTables, site } of peers) {
    if (!hasTables) continue
    const made = await fetch(`${site.origin}/prepare`, { method: 'POST' })
    if (!made.ok) throw new Error(`${site.origin} has no tables: ${await made.text()}`)
  }
}
