/**
 * The surroundings of the browser script, as far as it sees them: one origin with its storage, its tabs, a
 * clock to move, and a bridge that answers as it is told. What the script itself does is never stood in for.
 */
import { createDrawbridge } from '../../src/browser/drawbridge.ts'
import type { Drawbridge, DrawbridgeChange } from '../../src/browser/drawbridge-api.ts'
import type { Line, LineListener, Page } from '../../src/browser/page.ts'
import { tokenKey } from '../../src/browser/token-store.ts'

export const gateway = 'https://login.example'
export const bridgeUrl = `${gateway}/auth/sso/token`

export interface Tab {
  readonly drawbridge: Drawbridge
  readonly page: Page
  readonly changes: DrawbridgeChange[]
  /** Names of events on the window. */
  readonly events: string[]
  readonly navigations: string[]
  readonly posts: string[]
  isVisible: boolean
  wake(): void
}

export interface Connection {
  readonly url: string
  readonly listener: LineListener
  isOpen: boolean
  /** What the gateway has heard on it. */
  readonly heard: string[]
}

type Answer = Response | Promise<Response>

export class Origin {
  /** What this machine's clock says, milliseconds. */
  clock = 1_800_000_000_000
  /** What the server's clock says, seconds. */
  serverTime = 1_800_000_000
  readonly items = new Map<string, string>()
  readonly requests: Request[] = []
  lifetimeSeconds = 300
  /** The session behind the cookie; undefined when there is none. */
  session: { sub: string; sid: string } | undefined = { sub: 'ada', sid: 'session-1' }
  answerBridge: (request: Request) => Answer = (request) => this.bridge(request)
  answerApi: (request: Request) => Answer = () => Response.json({})
  dpopKeys: CryptoKeyPair | undefined
  loadDpopKeys = async () => this.dpopKeys
  /** Nothing more goes into the storage. */
  isFull = false

  /** WebSockets that are open, or opening. */
  readonly connections: Connection[] = []
  takesConnections = () => this.session !== undefined
  answersHeartbeats = true
  /** What chance says, from 0 up to 1. */
  chance = 0.5
  readonly #hangUps = new Map<Connection, (code: number) => void>()

  readonly #tabs: { page: Page; listeners: ((key: string | null) => void)[] }[] = []
  readonly #queues = new Map<string, Promise<unknown>>()
  #timers: { at: number; work: () => void }[] = []
  #serial = 0

  /** The bridge as it answers when all is well. */
  bridge(request: Request): Response {
    if (this.session === undefined) return Response.json({ error: 'no_session' }, { status: 401 })
    const tokenType = request.headers.has('dpop') ? 'DPoP' : 'Bearer'
    return Response.json({
      access_token: this.mintToken(this.session),
      token_type: tokenType,
      expires_in: this.lifetimeSeconds,
      user: { sub: this.session.sub },
    })
  }

  mintToken({ sub, sid }: { sub: string; sid: string }): string {
    const claims = { sub, sid, iat: this.serverTime, jti: `jti-${++this.#serial}` }
    const payload = btoa(JSON.stringify(claims)).replaceAll('=', '')
    return `eyJhbGciOiJFUzI1NiJ9.${payload}.signature`
  }

  get bridgeCalls(): number {
    return this.requests.filter(({ url }) => url === bridgeUrl).length
  }

  get apiRequests(): Request[] {
    return this.requests.filter(({ url }) => url !== bridgeUrl)
  }

  get storedToken(): string | undefined {
    const text = this.items.get(tokenKey)
    return text === undefined
      ? undefined
      : (JSON.parse(text) as { accessToken: string }).accessToken
  }

  openTab(): Tab {
    const listeners: ((key: string | null) => void)[] = []
    const wakeListeners: (() => void)[] = []
    const tab = {
      changes: [] as DrawbridgeChange[],
      events: [] as string[],
      navigations: [] as string[],
      posts: [] as string[],
      isVisible: true,
      wake: () => wakeListeners.forEach((listener) => listener()),
    }
    const page: Page = {
      now: () => this.clock,
      fetch: async (input, settings) => {
        const { headers, method, body } = settings ?? {}
        const request = new Request(input, {
          ...(headers && { headers }),
          ...(method && { method }),
          ...(body !== undefined && { body }),
        })
        this.requests.push(request.clone())
        return request.url === bridgeUrl ? this.answerBridge(request) : this.answerApi(request)
      },
      storage: {
        getItem: (key) => this.items.get(key) ?? null,
        setItem: (key, value) => {
          if (this.isFull) throw new DOMException('full', 'QuotaExceededError')
          if (this.items.get(key) === value) return
          this.items.set(key, value)
          this.#tellOthers(page, key)
        },
        removeItem: (key) => {
          if (this.items.delete(key)) this.#tellOthers(page, key)
        },
      },
      randomId: () => `random-${++this.#serial}`,
      random: () => this.chance,
      connect: (url, listener) => this.#connect(url, listener),
      alone: async (name, work) => {
        const before = this.#queues.get(name) ?? Promise.resolve()
        const mine = before.then(work, work)
        this.#queues.set(name, mine)
        return mine
      },
      later: (milliseconds, work) => {
        const timer = { at: this.clock + milliseconds, work }
        this.#timers.push(timer)
        return () => {
          this.#timers = this.#timers.filter((other) => other !== timer)
        }
      },
      isVisible: () => tab.isVisible,
      onWake: (listener) => void wakeListeners.push(listener),
      onStorageChange: (listener) => void listeners.push(listener),
      emit: (event) => void tab.events.push(event),
      location: () => 'https://login.example/page?x=1#y',
      navigate: (url) => void tab.navigations.push(url),
      post: (url) => void tab.posts.push(url),
    }
    this.#tabs.push({ page, listeners })
    const drawbridge = createDrawbridge({
      page,
      gateway,
      loadDpopKeys: () => this.loadDpopKeys(),
    })
    drawbridge.onChange((change) => void tab.changes.push(change))
    return Object.assign(tab, { page, drawbridge })
  }

  /** Time passes while everything runs: timers fire when they are due. */
  async pass(seconds: number): Promise<void> {
    const end = this.clock + seconds * 1000
    this.serverTime += seconds
    for (;;) {
      await settle()
      const due = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.#timers = this.#timers.filter((timer) => timer !== due)
      this.clock = Math.max(this.clock, due.at)
      due.work()
    }
    this.clock = end
    await settle()
  }

  /** The machine sleeps: its clock runs on, but no timer does. */
  sleep(seconds: number): void {
    this.clock += seconds * 1000
    this.serverTime += seconds
    for (const timer of this.#timers) timer.at += seconds * 1000
  }

  #connect(url: string, listener: LineListener): Line {
    const connection: Connection = { url, listener, isOpen: false, heard: [] }
    this.connections.push(connection)
    const end = (code: number) => {
      if (!this.connections.includes(connection)) return
      this.connections.splice(this.connections.indexOf(connection), 1)
      listener.onClose(code)
    }
    this.#hangUps.set(connection, end)
    queueMicrotask(() => {
      if (this.takesConnections()) {
        connection.isOpen = true
        listener.onOpen()
      } else end(1006)
    })
    return {
      send: (text) => {
        if (!connection.isOpen) throw new Error('InvalidStateError')
        connection.heard.push(text)
        if (this.answersHeartbeats) queueMicrotask(() => listener.onMessage('pong'))
      },
      close: () => end(1006),
    }
  }

  /** The gateway, or the network, ends every connection; with a notice, if it has a reason. */
  hangUp(code: number, reason?: string): void {
    for (const connection of this.connections.slice()) {
      if (reason !== undefined) {
        connection.listener.onMessage(JSON.stringify({ type: 'signed_out', reason }))
      }
      this.#hangUps.get(connection)?.(code)
    }
  }

  /** Another page of this origin, without our script, changes the storage. */
  clearStorage(): void {
    this.items.clear()
    for (const { listeners } of this.#tabs) for (const listener of listeners) listener(null)
  }

  #tellOthers(from: Page, key: string): void {
    for (const { page, listeners } of this.#tabs) {
      if (page === from) continue
      for (const listener of listeners) queueMicrotask(() => listener(key))
    }
  }
}

/** Lets everything that can go on without time passing go on. */
export const settle = () => new Promise<void>((resolve) => setTimeout(resolve, 5))
