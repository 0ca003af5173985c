/**
 * What the script takes from the browser it runs in, in one place: time, network, storage, the other tabs
 * of the same origin. `browser-page.ts` is the browser itself.
 */
export interface Page {
  /** Milliseconds by this machine's clock, which may be wrong and may be set; only differences count. */
  readonly now: () => number
  readonly fetch: (input: Request | string, settings?: RequestSettings) => Promise<Response>
  readonly storage: KeyValueStorage
  readonly randomId: () => string
  /** From 0 up to 1, for spreading out in time. */
  readonly random: () => number
  /** Opens a WebSocket. `onClose` is called once, however it ends, also when it never opens. */
  readonly connect: (url: string, listener: LineListener) => Line
  /** Runs `work` while no other tab runs work of the same name. Waits for them, though not for ever. */
  readonly alone: <Value>(name: string, work: () => Promise<Value>) => Promise<Value>
  /** Runs `work` once after a while; the answer cancels. */
  readonly later: (milliseconds: number, work: () => void) => () => void
  readonly isVisible: () => boolean
  /** Tells when the page is looked at again: shown, restored, or online again while it is. */
  readonly onWake: (listener: () => void) => void
  /** Tells the keys that another tab has changed; null when it has emptied the storage. */
  readonly onStorageChange: (listener: (key: string | null) => void) => void
  /** Dispatches an event on the window, for listeners that do not hold our object. */
  readonly emit: (event: string) => void
  readonly location: () => string
  readonly navigate: (url: string) => void
  /** Leaves the page by a form that is posted there. */
  readonly post: (url: string) => void
}

/** One WebSocket. */
export interface Line {
  send(text: string): void
  close(): void
}

export interface LineListener {
  readonly onOpen: () => void
  readonly onMessage: (text: string) => void
  readonly onClose: (code: number) => void
}

/** The part of `localStorage` that we need. */
export interface KeyValueStorage {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
}

/** What a request to the gateway is sent with. */
export interface RequestSettings {
  readonly method?: 'POST'
  readonly headers: Record<string, string>
  readonly body?: string
  /** Whether the session cookie goes along, also from an allowed origin that is not the gateway's own. */
  readonly credentials: 'include' | 'omit'
  readonly cache: 'no-store'
  readonly redirect: 'error'
  readonly signal: AbortSignal
}
