import { beforeEach, describe, expect, it } from 'vitest'
import { createAnnoto } from '../../src/browser/annoto.ts'
import { WidgetAuthError } from '../../src/browser/annoto-api.ts'
import type { AnnotoApi, BootConfig, WidgetHost, WidgetUser } from '../../src/browser/annoto-api.ts'
import { Origin, gateway, settle } from './browser-stand-in.ts'
import type { Tab } from './browser-stand-in.ts'

let origin: Origin
let tab: Tab
let annoto: WidgetHost
let changes: (string | undefined)[]
/** Whether the gateway can be reached. */
let isUp: boolean
let lifetimeSeconds: number
let serial: number

/** Widget tokens that the gateway takes, and whom each stands for. */
let known: Map<string, { readonly user: WidgetUser; readonly expiresAt: number }>

const ada: WidgetUser = { id: 'ada', name: 'Ada', scope: 'user' }
const mel: WidgetUser = { id: 'mel', name: 'Mel', scope: 'moderator' }
const config: BootConfig = {
  clientId: 'comments',
  widgets: [{ player: { type: 'html5' } }],
  demoMode: false,
}

function mint(user: WidgetUser, seconds = lifetimeSeconds): string {
  const payload = btoa(JSON.stringify({ jti: user.id, serial: ++serial })).replaceAll('=', '')
  const token = `eyJhbGciOiJIUzI1NiJ9.${payload}.signature`
  known.set(token, { user, expiresAt: origin.serverTime + seconds })
  return token
}

async function answer(request: Request): Promise<Response> {
  if (!isUp) throw new TypeError('network')
  const { pathname } = new URL(request.url)
  if (pathname === '/widgets/comments/token') {
    const user = { ada, mel }[origin.session?.sub ?? '']
    const token = user === undefined ? '' : mint(user)
    return Response.json({ success: true, token, expires_in: token === '' ? 0 : lifetimeSeconds })
  }
  const { token } = await request.json<{ token: string }>()
  const holder = known.get(token)
  const left = (holder?.expiresAt ?? 0) - origin.serverTime
  if (holder === undefined || left <= 0) {
    const error = holder === undefined ? 'wrong_signature' : 'expired'
    return Response.json({ success: false, error }, { status: 401 })
  }
  return Response.json({ success: true, user: holder.user, expires_in: left })
}

beforeEach(() => {
  origin = new Origin()
  origin.session = undefined
  origin.answerApi = answer
  isUp = true
  lifetimeSeconds = 1200
  serial = 0
  known = new Map()
  changes = []
  tab = origin.openTab()
  annoto = createAnnoto({ page: tab.page, gateway, application: undefined })
  annoto.widget.onChange((user) => void changes.push(user?.id))
})

const signIn = (sub: string) => void (origin.session = { sub, sid: `session-of-${sub}` })

async function boot(changed: Partial<BootConfig> = {}): Promise<AnnotoApi> {
  let api: AnnotoApi | undefined
  annoto.on('ready', (ready: AnnotoApi) => void (api = ready))
  annoto.boot({ ...config, ...changed })
  await origin.pass(0)
  return api!
}

const asked = (name: string) =>
  origin.requests.filter(({ url }) => new URL(url).pathname === `/widgets/comments/${name}`)

async function endSession(reason = 'person'): Promise<void> {
  origin.session = undefined
  origin.hangUp(4001, reason)
  await origin.pass(0)
}

describe('a page with a widget', () => {
  it('is ready once it has booted, also for whoever listens later', async () => {
    const ready: unknown[] = []
    annoto.on('ready', (api: AnnotoApi) => void ready.push(api))
    await origin.pass(1)
    expect(ready).toEqual([])
    annoto.boot(config)
    annoto.on('ready', (api: AnnotoApi) => void ready.push(api))
    await origin.pass(0)
    annoto.on('ready', (api: AnnotoApi) => void ready.push(api))
    await origin.pass(0)
    annoto.boot(config)
    await origin.pass(0)
    expect(ready).toHaveLength(3)
    expect(new Set(ready).size).toBe(1)
  })

  it('knows who is signed in, by a token that is fetched anew at each load', async () => {
    signIn('ada')
    await boot()
    expect(annoto.widget.user()).toEqual(ada)
    expect(annoto.widget.token()).toMatch(/^eyJ/)
    expect(changes).toEqual(['ada'])
    const [request] = asked('token')
    expect(request?.url).toBe('https://login.example/widgets/comments/token')
    expect([...origin.items.keys()]).toEqual([])
  })

  it('knows a stranger by the empty token, and asks nobody to sign in', async () => {
    await boot()
    expect(annoto.widget.user()).toBeUndefined()
    expect(annoto.widget.token()).toBeUndefined()
    expect(asked('auth')).toEqual([])
    expect(tab.navigations).toEqual([])
    expect(origin.connections).toEqual([])
  })

  it('is of the application that the script is told, where the client id is another', async () => {
    const other = createAnnoto({ page: tab.page, gateway, application: 'comments' })
    signIn('ada')
    other.boot({ ...config, clientId: 'eyJhbGciOiJIUzI1NiJ9.x.y' })
    await origin.pass(0)
    expect(other.widget.user()).toEqual(ada)
  })

  it('presents a token that it has been given in place of a fetched one', async () => {
    signIn('ada')
    await boot({ ssoToken: mint(mel) })
    expect(annoto.widget.user()).toEqual(mel)
  })

  it('asks the gateway where the token that it has been given is no good', async () => {
    signIn('ada')
    await boot({ ssoToken: 'x.y.z' })
    expect(annoto.widget.user()).toEqual(ada)
  })

  it.each([
    ['429', async () => Response.json({}, { status: 429, headers: { 'retry-after': '20' } })],
    ['503', async () => Response.json({}, { status: 503, headers: { 'retry-after': '20' } })],
  ])(
    'presents it again where nobody can judge it (%s), and takes nobody else for its person',
    async (_, busy) => {
      signIn('ada')
      origin.answerApi = (request) => (request.url.endsWith('/auth') ? busy() : answer(request))
      const api = await boot({ ssoToken: mint(mel) })
      await origin.pass(19)
      expect([annoto.widget.user(), asked('auth').length]).toEqual([undefined, 1])
      await origin.pass(1)
      expect(asked('auth')).toHaveLength(2)
      origin.answerApi = answer
      await origin.pass(40)
      expect(annoto.widget.user()).toEqual(mel)
      expect(changes).toEqual(['mel'])
      await api.logout()
    },
  )

  it('presents it no more once the page has said somebody else, or nobody', async () => {
    isUp = false
    const api = await boot({ ssoToken: mint(mel) })
    isUp = true
    await api.auth(mint(ada))
    await origin.pass(60)
    expect(annoto.widget.user()).toEqual(ada)
    isUp = false
    await boot({ ssoToken: mint(mel) })
    isUp = true
    await api.logout()
    await origin.pass(600)
    expect(annoto.widget.user()).toBeUndefined()
  })
})

describe('a token', () => {
  it('is fetched again before it expires, without a use of the session', async () => {
    signIn('ada')
    await boot()
    await origin.pass(1165)
    expect(asked('token')).toHaveLength(1)
    await origin.pass(10)
    expect(asked('token').map(({ url }) => new URL(url).search)).toEqual(['', '?renewal=true'])
    await origin.pass(3600)
    expect(annoto.widget.user()).toEqual(ada)
    expect(changes).toEqual(['ada'])
  })

  it('is renewed with a use of the session where the person has used it', async () => {
    signIn('ada')
    await boot()
    annoto.widget.token()
    await origin.pass(1175)
    expect(asked('token').map(({ url }) => new URL(url).search)).toEqual(['', ''])
    await origin.pass(1175)
    expect(new URL(asked('token')[2]!.url).search).toBe('?renewal=true')
  })

  it('is asked for as a use again where the gateway has not heard of the first', async () => {
    signIn('ada')
    await boot()
    annoto.widget.token()
    isUp = false
    await origin.pass(1171)
    isUp = true
    await origin.pass(20)
    expect(asked('token').map(({ url }) => new URL(url).search)).toEqual(['', '', ''])
  })

  it('is not renewed by a page that nobody looks at, expires there, and is back at once', async () => {
    signIn('ada')
    await boot()
    tab.isVisible = false
    await origin.pass(1300)
    expect(asked('token')).toHaveLength(1)
    expect(annoto.widget.user()).toBeUndefined()
    tab.isVisible = true
    tab.wake()
    await settle()
    expect(annoto.widget.user()).toEqual(ada)
    expect(changes).toEqual(['ada', undefined, 'ada'])
  })

  it('that ran out while the machine slept is gone when it wakes', async () => {
    signIn('ada')
    await boot()
    origin.session = undefined
    origin.sleep(5000)
    isUp = false
    tab.wake()
    expect(annoto.widget.user()).toBeUndefined()
  })

  it('outlives a gateway that does not answer, until it expires', async () => {
    signIn('ada')
    await boot()
    isUp = false
    await origin.pass(1199)
    expect(annoto.widget.user()).toEqual(ada)
    await origin.pass(2)
    expect(annoto.widget.user()).toBeUndefined()
    isUp = true
    await origin.pass(20)
    expect(annoto.widget.user()).toEqual(ada)
  })
})

describe('a gateway that gives no token', () => {
  const refusing = (name: string, response: () => Response) => (request: Request) =>
    new URL(request.url).pathname.endsWith(name) ? response() : answer(request)

  it.each([
    ['does not answer', '/token', () => Promise.reject(new TypeError('network'))],
    ['does not know the page', '/token', () => new Response('{}', { status: 403 })],
    [
      'does not take its own token',
      '/auth',
      () => Response.json({ error: 'wrong_signature' }, { status: 401 }),
    ],
    ['fails to judge its own token', '/auth', () => new Response('{}', { status: 503 })],
  ] as const)('is asked less and less often where it %s', async (_, name, response) => {
    signIn('ada')
    origin.answerApi = refusing(name, response as () => Response)
    await boot()
    await origin.pass(3600)
    expect(asked('token').length).toBeGreaterThan(8)
    expect(asked('token').length).toBeLessThan(20)
    origin.answerApi = answer
    await origin.pass(300)
    expect(annoto.widget.user()).toEqual(ada)
  })

  it('is asked no sooner than it says', async () => {
    signIn('ada')
    const response = () =>
      Response.json({ error: 'rate_limited' }, { status: 429, headers: { 'retry-after': '60' } })
    origin.answerApi = refusing('/token', response)
    await boot()
    await origin.pass(59)
    expect(asked('token')).toHaveLength(1)
    origin.answerApi = answer
    await origin.pass(1)
    expect(annoto.widget.user()).toEqual(ada)
  })

  it('is asked soon again where it fails the next time', async () => {
    signIn('ada')
    await boot()
    for (const [seconds, tokens] of [
      [1199, 3],
      [30, 4],
      [1160, 5],
      [12, 6],
    ] as const) {
      isUp = !isUp
      await origin.pass(seconds)
      expect(asked('token')).toHaveLength(tokens)
    }
    expect(annoto.widget.user()).toEqual(ada)
  })
})

describe('the end of the session', () => {
  it('drops the token the moment that the tab is told', async () => {
    signIn('ada')
    await boot()
    expect(origin.connections.map(({ url }) => url)).toEqual([
      'wss://login.example/widgets/comments/events',
    ])
    await endSession()
    expect(annoto.widget.user()).toBeUndefined()
    expect(annoto.widget.token()).toBeUndefined()
    expect(changes).toEqual(['ada', undefined])
    expect(origin.connections).toEqual([])
  })

  it('is learned at the next renewal by a tab that was not told, which then hangs up', async () => {
    signIn('ada')
    await boot()
    origin.session = undefined
    await origin.pass(1175)
    expect(annoto.widget.user()).toBeUndefined()
    expect(origin.connections).toEqual([])
  })

  it('brings whoever has signed in instead', async () => {
    signIn('ada')
    await boot()
    signIn('mel')
    origin.hangUp(4001, 'replaced_by_sign_in')
    await settle()
    expect(annoto.widget.user()).toBeUndefined()
    await origin.pass(2)
    expect(annoto.widget.user()).toEqual(mel)
    expect(origin.connections).toHaveLength(1)
  })

  it.each(['token', 'auth'])('drops an answer of /%s that was on its way', async (name) => {
    signIn('ada')
    let release = () => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    await boot()
    origin.answerApi = async (request) => {
      const response = await answer(request)
      if (request.url.endsWith(`/${name}?renewal=true`) || request.url.endsWith(`/${name}`)) {
        await held
      }
      return response
    }
    await origin.pass(1175)
    await endSession()
    release()
    origin.answerApi = answer
    await settle()
    expect(annoto.widget.user()).toBeUndefined()
    expect(origin.connections).toEqual([])
  })

  it('is asked about where the connection is lost and does not come back', async () => {
    signIn('ada')
    await boot()
    origin.session = undefined
    origin.hangUp(1006)
    await origin.pass(10)
    expect(annoto.widget.user()).toBeUndefined()
  })
})

describe('api.load', () => {
  it('follows whoever is signed in by the new configuration alone', async () => {
    signIn('ada')
    const api = await boot()
    await api.load(config)
    expect(annoto.widget.user()).toEqual(ada)
    expect(origin.connections).toHaveLength(1)
  })
})

describe('an answer that comes too late', () => {
  /** Answers to requests of this name wait; what is given back lets them go. */
  function holdBack(name: string): () => Promise<void> {
    let release = () => {}
    const released = new Promise<void>((resolve) => (release = resolve))
    origin.answerApi = async (request) => {
      const response = await answer(request)
      if (new URL(request.url).pathname.endsWith(name)) await released
      return response
    }
    return () => {
      release()
      return settle()
    }
  }

  it('of nobody does not take the place of whom the page has made known since', async () => {
    const release = holdBack('/token')
    const api = await boot()
    await api.auth(mint(mel))
    await release()
    expect(annoto.widget.user()).toEqual(mel)
  })

  it('does not bring back a person whom the page has let go', async () => {
    const api = await boot()
    const release = holdBack('/auth')
    const presented = api.auth(mint(mel))
    await settle()
    await api.logout()
    await release()
    await presented
    expect(annoto.widget.user()).toBeUndefined()
    expect(changes).toEqual([])
  })

  it('does not bring back a person in whose place somebody has signed in', async () => {
    signIn('ada')
    await boot()
    const release = holdBack('/auth')
    await origin.pass(1175)
    signIn('mel')
    origin.hangUp(4001, 'replaced_by_sign_in')
    await release()
    expect(annoto.widget.user()).toBeUndefined()
  })

  it('connects no page that has let the person go', async () => {
    signIn('ada')
    const release = holdBack('/auth')
    const api = await boot()
    await api.logout()
    await release()
    expect(annoto.widget.user()).toBeUndefined()
    expect(origin.connections).toEqual([])
  })
})

describe('api.auth', () => {
  it('takes a token from elsewhere, and keeps it until it expires', async () => {
    const api = await boot()
    await expect(api.auth(mint(mel, 600))).resolves.toBeUndefined()
    expect(annoto.widget.user()).toEqual(mel)
    await origin.pass(601)
    expect(annoto.widget.user()).toBeUndefined()
  })

  it('keeps it beyond that where the gateway has the same person signed in', async () => {
    const api = await boot()
    signIn('mel')
    await api.auth(mint(mel, 600))
    await origin.pass(900)
    expect(annoto.widget.user()).toEqual(mel)
    await endSession()
    expect(annoto.widget.user()).toBeUndefined()
  })

  it('forgets whoever was known where the token is refused, and follows the gateway no more', async () => {
    signIn('ada')
    const api = await boot()
    expect(origin.connections).toHaveLength(1)
    await expect(api.auth('x.y.z')).rejects.toBeInstanceOf(WidgetAuthError)
    expect(annoto.widget.user()).toBeUndefined()
    expect(origin.connections).toEqual([])
  })

  it('does not put the person of the gateway in the place of another', async () => {
    signIn('ada')
    const api = await boot()
    await api.auth(mint(mel, 600))
    await origin.pass(500)
    expect(annoto.widget.user()).toEqual(mel)
    await origin.pass(101)
    expect(annoto.widget.user()).toBeUndefined()
  })

  it('rejects with the reason, or tells the callback and resolves', async () => {
    const api = await boot()
    const refused = api.auth('x.y.z')
    await expect(refused).rejects.toBeInstanceOf(WidgetAuthError)
    await expect(refused).rejects.toMatchObject({ code: 'wrong_signature' })
    const heard: unknown[] = []
    const callback = (error?: Error) => void heard.push(error)
    await api.auth('x.y.z', callback)
    await api.auth(mint(ada), callback)
    expect(heard).toMatchObject([{ code: 'wrong_signature' }, undefined])
    isUp = false
    await expect(api.auth(mint(ada))).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('leaves everything as it was where nobody can judge the token', async () => {
    signIn('ada')
    const api = await boot()
    isUp = false
    await expect(api.auth(mint(mel))).rejects.toMatchObject({ code: 'unavailable' })
    expect(annoto.widget.user()).toEqual(ada)
    isUp = true
    await origin.pass(20)
    await endSession()
    expect(annoto.widget.user()).toBeUndefined()
  })

  it('does not begin to follow somebody else where nobody can judge the token', async () => {
    signIn('ada')
    const api = await boot({ ssoToken: mint(mel) })
    origin.answerApi = async () => Response.json({ error: 'rate_limited' }, { status: 429 })
    await expect(api.auth(mint(mel))).rejects.toMatchObject({ code: 'unavailable' })
    origin.answerApi = answer
    await origin.pass(60)
    expect(annoto.widget.user()).toEqual(mel)
  })

  it('with an empty token is a stranger', async () => {
    signIn('ada')
    const api = await boot()
    await api.auth('')
    expect(annoto.widget.user()).toBeUndefined()
    expect(asked('auth')).toHaveLength(1)
  })
})

describe('api.logout', () => {
  it('forgets the person, and asks for nobody any more', async () => {
    signIn('ada')
    const api = await boot()
    const heard: unknown[] = []
    await api.logout(() => void heard.push('done'))
    expect(annoto.widget.user()).toBeUndefined()
    expect(origin.connections).toEqual([])
    await origin.pass(5000)
    tab.wake()
    await settle()
    expect([asked('token').length, heard]).toEqual([1, ['done']])
  })
})

describe('a stranger who wants to do something', () => {
  it('is whom the page makes of them', async () => {
    const calls: string[] = []
    const api = await boot({
      ux: {
        async ssoAuthRequestHandle() {
          calls.push('ux')
          await api.auth(mint(mel))
        },
      },
    })
    expect(await annoto.widget.requestAuth()).toEqual(mel)
    expect(await annoto.widget.requestAuth()).toEqual(mel)
    expect(calls).toEqual(['ux'])
  })

  it('is asked for where newer pages have put the hook', async () => {
    const calls: string[] = []
    await boot({
      ux: { ssoAuthRequestHandle: () => void calls.push('ux') },
      hooks: { ssoAuthRequestHandle: () => void calls.push('hooks') },
    })
    expect(await annoto.widget.requestAuth()).toBeUndefined()
    expect(calls).toEqual(['hooks'])
  })

  it('is known without being asked where they have signed in meanwhile', async () => {
    const calls: string[] = []
    await boot({ ux: { ssoAuthRequestHandle: () => void calls.push('ux') } })
    signIn('ada')
    expect(await annoto.widget.requestAuth()).toEqual(ada)
    expect(calls).toEqual([])
  })

  it('goes to sign in where the page has no hook', async () => {
    await boot()
    await annoto.widget.requestAuth()
    expect(tab.navigations).toEqual([
      `${gateway}/auth/sso/login?return_to=${encodeURIComponent(tab.page.location())}`,
    ])
  })

  it('leaves by the hook of the page, and is forgotten though that fails', async () => {
    signIn('ada')
    const failing = async () => Promise.reject(new Error('offline'))
    await boot({ ux: { logoutRequestHandle: failing } })
    await expect(annoto.widget.requestLogout()).rejects.toThrow('offline')
    expect(annoto.widget.user()).toBeUndefined()
  })
})
