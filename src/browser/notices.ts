/**
 * The connection on which the gateway tells this tab that its session has ended. Only a courtesy: what comes
 * here is taken as a reason to ask the bridge, and as nothing else. A tab that is connected stays so in
 * the background, where it costs nothing; a tab that nobody looks at does not connect anew.
 */
import type { Line, Page } from './page.ts'

/** Close codes of the gateway, `src/core/sessions/open-tabs.ts`. */
const signedOut = 4001
const tooManyTabs = 4002

/** Proxies cut connections that are silent for much longer. */
const heartbeatMilliseconds = 45_000
/** How long a page that was away waits before it takes its connection for broken. */
const probeMilliseconds = 5000
const firstGapMilliseconds = 1000
const longestGapMilliseconds = 300_000
/** After so many failures in a row the gateway does not want us, or cannot: until the page is looked at again. */
const mostFailures = 8

export interface NoticesParts {
  readonly page: Page
  /** Where to connect: `wss://login.example/auth/sso/events`. */
  readonly url: () => string
  /** The session has ended, says the gateway; `isReplaced`, because somebody signed in in its place. */
  readonly onSignedOut: (isReplaced: boolean) => void
  /** A connection does not come about, or does not come back: the session may have ended meanwhile. */
  readonly onDoubt: () => void
}

export interface Notices {
  /** Somebody is signed in: be connected. */
  start(): void
  /** Nobody is. */
  stop(): void
  /** The page is looked at again: connect now rather than later. */
  wake(): void
}

export function createNotices({ page, url, onSignedOut, onDoubt }: NoticesParts): Notices {
  let isWanted = false
  let line: Line | undefined
  let failures = 0
  /** Nobody has doubted since somebody was said to be signed in, or since a connection was open last. */
  let mayDoubt = false
  let cancel = () => {}
  /** Sends a heartbeat; if it is not answered within this time, the connection is given up. */
  let probe: ((milliseconds: number) => void) | undefined

  function connect(): void {
    cancel()
    if (!isWanted || line !== undefined || !page.isVisible()) return
    let isAlive = true
    let reason: unknown
    const beat = (milliseconds: number) => {
      isAlive = false
      mine.send('ping')
      cancel()
      cancel = page.later(milliseconds, () => {
        if (isAlive) beat(heartbeatMilliseconds)
        else mine.close()
      })
    }
    const mine = page.connect(url(), {
      onOpen() {
        failures = 0
        mayDoubt = true
        probe = beat
        beat(heartbeatMilliseconds)
      },
      onMessage(text) {
        isAlive = true
        reason = reasonIn(text) ?? reason
      },
      onClose(code) {
        if (line !== mine) return
        line = undefined
        probe = undefined
        cancel()
        if (code === signedOut) onSignedOut(reason === 'replaced_by_sign_in')
        else if (code !== tooManyTabs) tryAgain()
      },
    })
    line = mine
  }

  function tryAgain(): void {
    failures += 1
    if (failures === 2 && mayDoubt) {
      mayDoubt = false
      onDoubt()
    }
    if (failures >= mostFailures) return
    const gap = Math.min(firstGapMilliseconds * 2 ** (failures - 1), longestGapMilliseconds)
    // Spread out, or all tabs of the world come back in the moment that the gateway does.
    cancel = page.later(gap * (0.5 + page.random()), connect)
  }

  return {
    start() {
      if (isWanted) return
      isWanted = true
      mayDoubt = true
      failures = 0
      connect()
    },
    stop() {
      isWanted = false
      cancel()
      const before = line
      line = undefined
      probe = undefined
      before?.close()
    },
    wake() {
      failures = Math.min(failures, 1)
      if (line === undefined) connect()
      else probe?.(probeMilliseconds)
    },
  }
}

function reasonIn(text: string): unknown {
  try {
    return (JSON.parse(text) as { reason?: unknown } | null)?.reason
  } catch {
    return undefined
  }
}
