/** A gateway, people who are signed in, and what an application's server does: all that the token endpoint meets. */
import { env } from 'cloudflare:workers'
import type { GrantBinding, GrantContent, GrantKind } from '../../../src/core/sessions/grant.ts'
import { createGrants } from '../../../src/core/sessions/grants.ts'
import type { OpenSession } from '../../../src/core/sessions/sessions.ts'
import { newUserId } from '../../../src/core/sessions/session.ts'
import type { LiveSession } from '../../../src/core/sessions/session.ts'
import { sha256Base64url } from '../../../src/platform/digest.ts'
import { openInput, sessionsOf } from '../../core/sessions/signed-in-user.ts'
import { registerApplication } from '../../world/applications.ts'
import type { RegisteredApplication } from '../../world/applications.ts'
import { freezeClock, NOON } from '../../world/clock.ts'
import { settings } from '../../world/settings.ts'
import { createProver, prepareKeyRing } from '../../world/signed-by-us.ts'
import { createWorld } from '../../world/sign-in.ts'
import { adaProfile } from '../made-up-application.ts'

export const REDIRECT_URI = 'https://shop.example/callback'
export const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
export const TOKEN_URL = `${settings.ISSUER}/oauth/token`

/** What the endpoints answer, every member that a test may look for. */
export interface TokenBody {
  readonly access_token: string
  readonly token_type: string
  readonly expires_in: number
  readonly scope?: string
  readonly refresh_token?: string
  readonly id_token?: string
  readonly error?: string
  readonly active?: boolean
  readonly [name: string]: unknown
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: TokenBody
}

type Form = Readonly<Record<string, string | undefined>> | URLSearchParams | string

export const basic = (id: string, secret: string) => {
  const encode = (text: string) => new URLSearchParams({ x: text }).toString().slice(2)
  return `Basic ${btoa(`${encode(id)}:${encode(secret)}`)}`
}

const grants = createGrants({
  userSessions: env.USER_SESSIONS,
  handleKey: [settings.HANDLE_KEY],
  tokenLifetimeSeconds: 300,
})

/** Stops the clock at noon; call it before each test. */
export async function tokenWorld() {
  freezeClock()
  await prepareKeyRing(NOON)
  return tokenWorldWith({})
}

/** Another gateway in the same world, with other bindings. */
export async function tokenWorldWith(bindings: Partial<Env>) {
  const clock = freezeClock(Math.floor(Date.now() / 1000))
  const world = await createWorld({}, bindings)

  async function send(request: Request): Promise<Answer> {
    const { status, headers, ...response } = await world.fetch(request).then(async (answer) => ({
      status: answer.status,
      headers: answer.headers,
      text: await answer.text(),
    }))
    const isJson = headers.get('content-type')?.startsWith('application/json') === true
    return { status, headers, body: (isJson ? JSON.parse(response.text) : {}) as TokenBody }
  }

  async function post(
    path: string,
    form: Form,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const body =
      typeof form === 'string' || form instanceof URLSearchParams
        ? form
        : new URLSearchParams(
            Object.entries(form).filter(
              (entry): entry is [string, string] => entry[1] !== undefined,
            ),
          )
    return send(new Request(settings.ISSUER + path, { method: 'POST', body, headers }))
  }

  /** An application's own call, authenticated by Basic where it has a secret. */
  const asClient = (
    path: string,
    { id, secret }: Pick<RegisteredApplication, 'id' | 'secret'>,
    form: Readonly<Record<string, string | undefined>>,
    headers: Readonly<Record<string, string>> = {},
  ) =>
    secret === ''
      ? post(path, { client_id: id, ...form }, headers)
      : post(path, form, { authorization: basic(id, secret), ...headers })

  return {
    ...world,
    clock,
    send,
    post,
    asClient,
    grants,

    /** Somebody who has signed in just now. */
    async person(changes: Partial<OpenSession> = {}) {
      const userId = newUserId()
      const input = openInput(clock.now(), userId, { profile: adaProfile, ...changes })
      const opened = await sessionsOf().open(input)
      if (!opened.ok) throw new Error(opened.refusal.code)
      return opened.value
    },

    /** A grant as `/oauth/authorize` mints it. */
    async mint(
      { userId, sid }: Pick<LiveSession, 'userId' | 'sid'>,
      { id }: Pick<RegisteredApplication, 'id'>,
      changes: {
        readonly kind?: GrantKind
        readonly binding?: Partial<GrantBinding>
        readonly content?: Partial<GrantContent>
        readonly lifetimeSeconds?: number
      } = {},
    ): Promise<string> {
      const { kind = 'authorization_code', lifetimeSeconds = 60 } = changes
      const minted = await grants.mint({
        userId,
        sid,
        grant: {
          kind,
          binding: { applicationId: id, redirectUri: REDIRECT_URI, ...changes.binding },
          content: { scope: ['openid', 'email'], isOpenId: true, ...changes.content },
          lifetimeSeconds,
        },
        now: clock.now(),
      })
      if (!minted.ok) throw new Error(minted.refusal.code)
      return minted.value.handle
    },

    exchange: (
      application: Pick<RegisteredApplication, 'id' | 'secret'>,
      code: string,
      form: Readonly<Record<string, string | undefined>> = {},
      headers: Readonly<Record<string, string>> = {},
    ) =>
      asClient(
        '/oauth/token',
        application,
        { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, ...form },
        headers,
      ),

    refresh: (
      application: Pick<RegisteredApplication, 'id' | 'secret'>,
      refreshToken: string | undefined,
      form: Readonly<Record<string, string | undefined>> = {},
      headers: Readonly<Record<string, string>> = {},
    ) =>
      asClient(
        '/oauth/token',
        application,
        { grant_type: 'refresh_token', refresh_token: refreshToken, ...form },
        headers,
      ),

    userInfo: (token: string, init: RequestInit = {}, headers: Record<string, string> = {}) =>
      send(
        new Request(`${settings.ISSUER}/oauth/userinfo`, {
          ...init,
          headers: { authorization: `Bearer ${token}`, ...headers },
        }),
      ),

    introspect: (application: Pick<RegisteredApplication, 'id' | 'secret'>, token: string) =>
      asClient('/oauth/introspect', application, { token }),

    revoke: (application: Pick<RegisteredApplication, 'id' | 'secret'>, token: string) =>
      asClient('/oauth/revoke', application, { token }),

    /** Proofs of one DPoP key for the token endpoint. */
    async prover() {
      const prover = await createProver()
      return {
        ...prover,
        forToken: () => prover.prove({ method: 'POST', url: TOKEN_URL, now: clock.now() }),
      }
    },
  }
}

export type TokenWorld = Awaited<ReturnType<typeof tokenWorld>>

export const challengeOf = (verifier: string) => sha256Base64url(verifier)

/** A shop with everything that the code grant may give. */
export const registerShop = (oauth: Parameters<typeof registerApplication>[0] = {}) =>
  registerApplication({ ...oauth, oauth: { redirectUris: [REDIRECT_URI], ...oauth.oauth } })
