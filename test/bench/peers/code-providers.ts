/** Providers of authorization codes, each with a client and with people who are signed in. */
import { fork } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { findFreePorts } from '../../../dev/find-free-ports.ts'
import { HttpVisitor } from '../../clients/http-visitor.ts'
import type { BenchGateway } from '../bench-gateway.ts'
import { benchPerson } from '../bench-people.ts'
import { ask } from '../calls.ts'
import { gatewaySite, logIn } from '../login-steps.ts'
import { bundle } from '../workers.ts'
import type { BenchWorker } from '../workers.ts'

export interface CodeProvider {
  readonly name: string
  readonly processId: number
  /** The cookies of those who are signed in. */
  readonly people: readonly string[]
  /** A code, without a question. */
  authorize(cookie: string): Promise<string>
  /** A refresh token. */
  exchange(code: string): Promise<string>
  refresh(token: string): Promise<string>
}

/** So many that nobody comes to 50 grants in one session: from then on the oldest gives way to each new one, at a price. */
const peopleEach = 48
/** A person's second grant ends their first at @cloudflare/workers-oauth-provider, so there each comes but once a round. */
const peopleWhoComeOnce = 96
/** Nobody listens there: the redirect is read, not followed. */
const REDIRECT_URI = 'http://127.0.0.1:9/callback'

const verifier = randomBytes(32).toString('base64url')
const challenge = createHash('sha256').update(verifier).digest('base64url')

interface Client {
  readonly client_id: string
  readonly client_secret: string
}

function codeProvider(
  about: Pick<CodeProvider, 'name' | 'processId' | 'people'>,
  at: {
    readonly port: number
    readonly host?: string
    readonly authorizePath: string
    readonly tokenPath: string
    readonly status: number
    readonly scope: string
    readonly client: Client
  },
): CodeProvider {
  const { port, client, scope } = at
  const host: Record<string, string> = at.host === undefined ? {} : { host: at.host }
  const authorization = `Basic ${btoa(`${client.client_id}:${client.client_secret}`)}`
  const query = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: REDIRECT_URI,
    response_type: 'code',
    prompt: 'none',
    scope,
    state: 'of-the-benchmark',
    code_challenge: challenge,
    code_challenge_method: 'S256',
  })
  const path = `${at.authorizePath}?${query}`
  const tokens = async (form: Record<string, string>): Promise<string> => {
    const headers = { ...host, authorization }
    const { body } = await ask({ port, path: at.tokenPath, headers, form }, 200)
    const { refresh_token: token } = JSON.parse(body) as { refresh_token?: string }
    if (token === undefined) throw new Error(`${about.name} gave no refresh token`)
    return token
  }
  return {
    ...about,
    async authorize(cookie) {
      const { headers } = await ask({ port, path, headers: { ...host, cookie } }, at.status)
      const code = new URL(headers.location ?? '').searchParams.get('code')
      if (code === null) throw new Error(`${about.name} led to ${headers.location}`)
      return code
    },
    exchange: async (code) =>
      tokens({
        grant_type: 'authorization_code',
        code,
        redirect_uri: REDIRECT_URI,
        code_verifier: verifier,
      }),
    refresh: async (token) => tokens({ grant_type: 'refresh_token', refresh_token: token }),
  }
}

/** The gateway, asked for this scope. */
export async function ours(
  gateway: BenchGateway,
  scope: string,
): Promise<CodeProvider & { putToSleep(): Promise<void> }> {
  const { origin, port, processId, adminKey } = gateway
  const registered = await fetch(`${origin}/admin/api/applications`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      name: 'Bench',
      first_party: true,
      oauth: {
        redirect_uris: [REDIRECT_URI],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        scope: 'openid profile email',
        token_endpoint_auth_method: 'client_secret_basic',
        id_token_signed_response_alg: 'ES256',
      },
    }),
  })
  if (registered.status !== 201) throw new Error(`not registered: ${await registered.text()}`)
  const people: string[] = []
  const userIds: string[] = []
  for (let number = 0; number < peopleEach; number += 1) {
    const visitor = await logIn(gatewaySite(origin), benchPerson(number))
    const { body } = await visitor.visit(`${origin}/auth/sso/token`)
    userIds.push((JSON.parse(body) as { user: { sub: string } }).user.sub)
    people.push(visitor.cookieHeader('localhost'))
  }
  const isOpenId = scope.includes('openid')
  const provider = codeProvider(
    { name: `Drawbridge, ${isOpenId ? 'with' : 'without'} ID token`, processId, people },
    {
      port,
      host: new URL(origin).host,
      authorizePath: '/oauth/authorize',
      tokenPath: '/oauth/token',
      status: 303,
      scope,
      client: (await registered.json()) as Client,
    },
  )
  return {
    ...provider,
    async putToSleep() {
      for (const userId of userIds) await gateway.putToSleep(userId)
    },
  }
}

/** The least that can be done: one row that is written for each step, and for tokens one signature. */
export function floorProvider(port: number, processId: number): CodeProvider {
  const askForTokens = async (person: string): Promise<string> => {
    await ask({ port, path: '/token', form: { refresh_token: person } }, 200)
    return person
  }
  return {
    name: 'Floor: bare Hono + one object that writes one row, and for tokens one ES256 signature',
    processId,
    people: Array.from({ length: peopleEach }, (_, number) => `person-${number}`),
    async authorize(person) {
      await ask({ port, path: '/object/written', headers: { 'x-user': person } }, 200)
      return person
    },
    exchange: askForTokens,
    refresh: askForTokens,
  }
}

/** A Worker that has to run before it can be asked for a client. */
export async function workersProvider(): Promise<{
  readonly worker: BenchWorker
  prepare(processId: number): Promise<CodeProvider>
}> {
  const [port] = await findFreePorts()
  const origin = `http://localhost:${port}`
  const host = new URL(origin).host
  return {
    worker: {
      name: 'workers-oauth-provider',
      script: await bundle('test/bench/workers/workers-oauth-server.ts'),
      port,
      options: {
        kvNamespaces: { OAUTH_KV: 'workers-oauth-provider' },
        bindings: {
          ORIGIN: origin,
          SECRET: randomBytes(32).toString('base64url'),
          REDIRECT_URI,
          TOKEN_SECONDS: 300,
          SESSION_SECONDS: 43_200,
        },
      },
    },
    async prepare(processId) {
      const prepared = await fetch(`${origin}/prepare`, {
        method: 'POST',
        body: JSON.stringify({ people: peopleWhoComeOnce }),
      })
      const { cookies, ...client } = (await prepared.json()) as Client & { cookies: string[] }
      return codeProvider(
        { name: '@cloudflare/workers-oauth-provider', processId, people: cookies },
        {
          port,
          host,
          authorizePath: '/authorize',
          tokenPath: '/oauth/token',
          status: 302,
          scope: 'profile email',
          client,
        },
      )
    },
  }
}

/** A process that has its people sign in once it runs. */
export async function nodeProvider(): Promise<{
  prepare(): Promise<CodeProvider>
  stop(): void
}> {
  const client = { client_id: 'bench', client_secret: randomBytes(32).toString('base64url') }
  const script = fileURLToPath(new URL('oidc-provider-process.ts', import.meta.url))
  const child = fork(script, [client.client_id, client.client_secret, REDIRECT_URI], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const [port] = (await once(child, 'message')) as [number]
  return {
    async prepare() {
      const people: string[] = []
      for (let number = 0; number < peopleEach; number += 1) {
        people.push(await signInAtNode(port, client, `person-${number}`))
      }
      return codeProvider(
        { name: 'npm oidc-provider on Node', processId: child.pid ?? 0, people },
        {
          port,
          authorizePath: '/auth',
          tokenPath: '/token',
          status: 303,
          scope: 'openid profile email',
          client,
        },
      )
    },
    stop: () => child.disconnect(),
  }
}

async function signInAtNode(port: number, client: Client, person: string): Promise<string> {
  const visitor = new HttpVisitor()
  const query = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: REDIRECT_URI,
    response_type: 'code',
    scope: 'openid profile email',
    login_hint: person,
    code_challenge: challenge,
    code_challenge_method: 'S256',
  })
  const isBack = (url: URL) => url.href.startsWith(REDIRECT_URI)
  const { url } = await visitor.visit(`http://127.0.0.1:${port}/auth?${query}`, undefined, isBack)
  if (!isBack(url)) throw new Error(`npm oidc-provider led to ${url.href}`)
  return visitor.cookieHeader('127.0.0.1')
}
