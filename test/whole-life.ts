/** The gateway, the browsers and the applications of `whole-life.test.ts`: everything is asked through HTTP. */
import { env } from 'cloudflare:workers'
import { expect } from 'vitest'
import type { CutOffMessage } from '../src/core/revocation/cut-off-drain.ts'
import type { RevocationLevel } from '../src/core/revocation/revocation.ts'
import { gatewayFor } from '../src/gateway.ts'
import type { Core } from '../src/gateway-core.ts'
import { basic } from './openid-provider/token/token-world.ts'
import type { TokenBody } from './openid-provider/token/token-world.ts'
import type { AccessToken, ApplicationName, Credential, Model } from './whole-life-model.ts'
import { createApplication } from './world/application.ts'
import { createBrowser } from './world/browser.ts'
import { freezeClock, NOON } from './world/clock.ts'
import { captureLog } from './world/log-lines.ts'
import { createService } from './world/service.ts'
import { settings } from './world/settings.ts'
import { createProver, prepareKeyRing } from './world/signed-by-us.ts'
import { createWorld } from './world/sign-in.ts'
import { ask, registerSite } from './world/sites.ts'

/** What is held in memory or by KV is read anew after so long. */
export const HELD_SECONDS = 61
/** The API that our own pages' tokens are for, and those of applications that ask for it. */
export const API = settings.ACCESS_TOKEN.audience
/** Who is there where nobody asks. */
const QUEUE = { requestId: 'queue', clientKey: '', waitUntil: () => {}, continent: undefined }

const IDENTITY_PROVIDERS = settings.IDENTITY_PROVIDERS.map((provider) =>
  provider.id === 'second' ? { ...provider, backchannel_logout_scope: 'session' } : provider,
)

export type Answer = { readonly status: number; readonly body: TokenBody }

export type Real = Awaited<ReturnType<typeof openGateway>>

/** Everything new, at noon. The stores have to be empty. */
export async function openGateway() {
  const clock = freezeClock(NOON)
  const { lines } = captureLog()
  await prepareKeyRing(NOON)
  const queued: CutOffMessage[] = []
  const open = { limit: async () => ({ success: true }) }
  const bindings = {
    SESSION_ENDS: { send: async (message: CutOffMessage) => void queued.push(message) },
    ADMIN_LIMIT: open,
    SIGN_IN_LIMIT: open,
    CALLBACK_LIMIT: open,
  } as unknown as Partial<Env>
  const world = await createWorld({ second: { backchannel_logout_scope: 'session' } }, bindings)
  /** Another place, which hears of nothing but by KV, and has done so for as long as this one. */
  const elsewhere = gatewayFor({ ...env, ...bindings, IDENTITY_PROVIDERS }).core!

  /** No history leads to an answer that is nobody's fault but ours. */
  async function fetch(request: Request): Promise<Response> {
    const response = await world.fetch(request)
    const { pathname } = new URL(request.url)
    expect(response.status, `${request.method} ${pathname}`).toBeLessThan(500)
    return response
  }

  const surroundings = { internet: world.internet, fetch }
  const oauth = { scope: ['openid', 'offline_access', 'email'], resources: [API] }
  const withOrigin = (name: string, changes: object = {}, isFirstParty = true) => {
    const origin = `https://${name}.example`
    return createApplication(surroundings, {
      name,
      origin,
      isFirstParty,
      oauth: { ...oauth, ...changes },
    })
  }
  const clients = {
    mall: await withOrigin('mall'),
    forum: await withOrigin('forum', {}, false),
    phone: await withOrigin('phone', { tokenEndpointAuthMethod: 'none', resources: [] }),
  }
  const books = await createService(surroundings, {
    name: 'Books',
    origin: 'https://books.example',
  })
  const site = await registerSite({ subdomain: 'shop' })
  const sibling = await registerSite({ subdomain: 'blog' })
  const prover = await createProver()
  const browsers = [0, 1, 2, 3].map(() =>
    createBrowser({ fetch, providers: [world.otrotl, world.second] }),
  )

  /** A site's own call; each of the two may ask of what both share. */
  const askSite = (at: typeof site, method: string, path: string, body?: unknown) =>
    ask(at, method, path, body, { fetch })

  async function answerOf(response: Response): Promise<Answer> {
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json') === true
    return { status: response.status, body: (isJson ? JSON.parse(text) : {}) as TokenBody }
  }

  /** An application's own call to one of the endpoints of the OpenID provider. */
  async function asClient(
    name: keyof typeof clients,
    path: string,
    form: Readonly<Record<string, string>>,
  ): Promise<Answer> {
    const { id, secret } = clients[name]
    const url = settings.ISSUER + path
    const isPublic = secret === ''
    const proof = () => prover.prove({ method: 'POST', url, now: clock.now() })
    const headers = isPublic ? { dpop: await proof() } : { authorization: basic(id, secret) }
    const body = new URLSearchParams(isPublic ? { client_id: id, ...form } : form)
    return answerOf(await fetch(new Request(url, { method: 'POST', headers, body })))
  }

  async function admin(method: string, path: string, body?: unknown): Promise<Answer> {
    const headers = {
      authorization: `Bearer ${settings.ADMIN_API_KEY}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    }
    const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
    return answerOf(await fetch(new Request(`${settings.ISSUER}/admin/api${path}`, init)))
  }

  /** The queue comes by: mass cut-offs are carried to every user. */
  async function carry(): Promise<void> {
    for (let message = queued.shift(); message !== undefined; message = queued.shift()) {
      await world.core.cutOffDrain.receive(QUEUE, message)
    }
  }

  /** Whether a guard of the API at this level lets the token in. */
  async function isAccepted(core: Core, level: RevocationLevel, text: string): Promise<boolean> {
    const url = `${settings.ISSUER}/api/me`
    const decision = await core.accessChecks.check(
      { authorization: `Bearer ${text}`, dpop: undefined, method: 'GET', url, level },
      clock.now(),
    )
    if (!decision.ok) expect(decision.refusal.code).not.toBe('unavailable')
    return decision.ok
  }

  async function isToldByUserInfo({ text, family }: AccessToken): Promise<boolean> {
    const url = `${settings.ISSUER}/oauth/userinfo`
    const headers =
      family?.application === 'phone'
        ? {
            authorization: `DPoP ${text}`,
            dpop: await prover.prove({ url, token: text, now: clock.now() }),
          }
        : { authorization: `Bearer ${text}` }
    return (await fetch(new Request(url, { headers }))).status === 200
  }

  const isActive = async (name: keyof typeof clients, token: string) =>
    (await asClient(name, '/oauth/introspect', { token })).body.active

  /** Whether it is good, as far as that can be seen without using it up; undefined where it cannot. */
  async function isGood(credential: Credential, model: Model): Promise<boolean | undefined> {
    switch (credential.kind) {
      case 'cookie': {
        const headers = { cookie: `__Host-drawbridge_session=${credential.text}` }
        const answer = await fetch(new Request(`${settings.ISSUER}/auth/sessions`, { headers }))
        return answer.status === 200
      }
      case 'shared session':
        return (
          (await askSite(sibling, 'GET', `/sso/sessions/${credential.text}.json`)).status === 200
        )
      case 'refresh token': {
        const { application } = credential.family
        if (application === 'phone' || application === 'books') return undefined
        if (!model.isActive(application)) return undefined
        return isActive(application, credential.text)
      }
      case 'access token': {
        if (credential.isForUserInfo) return isToldByUserInfo(credential)
        return isAccepted(world.core, 'strict', credential.text)
      }
      default:
        return undefined
    }
  }

  return {
    ...world,
    fetch,
    clock,
    lines,
    elsewhere,
    clients,
    books,
    site,
    sibling,
    browsers,
    askSite,
    asClient,
    admin,
    carry,
    isAccepted,
    isGood,
    answerOf,
    idOf: (name: ApplicationName) => (name === 'books' ? books.id : clients[name].id),
  }
}

/** The browser's number in the model, and itself. */
export const browserOf = ({ browsers }: Real, number: number) => browsers[number % browsers.length]!
