import type { KeyValueStorage, Line, LineListener, Page } from './page.ts'
import { aloneByLease, aloneByLock } from './turns.ts'

/** The browser that the script runs in. */
export function browserPage(): Page {
  const storage = localStorageOr(memoryStorage())
  const now = () => Date.now()
  const pause = (milliseconds: number) =>
    new Promise<void>((resolve) => setTimeout(resolve, milliseconds))
  const id = randomId()
  // Only a secure context has Web Locks.
  const locks = (navigator as { locks?: LockManager }).locks
  return {
    now,
    fetch: (input, init) => fetch(input, init),
    storage,
    randomId,
    random: () => Math.random(),
    connect: openLine,
    alone: (name, work) =>
      locks === undefined
        ? aloneByLease({ storage, now, pause, id }, name, work)
        : aloneByLock({ locks, pause }, name, work),
    later(milliseconds, work) {
      const timer = setTimeout(work, milliseconds)
      return () => clearTimeout(timer)
    },
    isVisible: () => document.visibilityState === 'visible',
    onWake(listener) {
      const wake = () => {
        if (document.visibilityState === 'visible') listener()
      }
      document.addEventListener('visibilitychange', wake)
      // From the back/forward cache, where no event of another tab reaches a page.
      addEventListener('pageshow', ({ persisted }) => {
        if (persisted) wake()
      })
      addEventListener('online', wake)
    },
    onStorageChange(listener) {
      addEventListener('storage', ({ key }) => listener(key))
    },
    emit: (event) => void dispatchEvent(new CustomEvent(event)),
    location: () => location.href,
    navigate: (url) => location.assign(url),
    post(url) {
      const form = document.createElement('form')
      form.method = 'post'
      form.action = url
      document.body.append(form)
      form.submit()
    },
  }
}

/** A WebSocket, hung up when the page is left: with one open, no page goes into the back/forward cache. */
function openLine(url: string, { onOpen, onMessage, onClose }: LineListener): Line {
  const listening = new AbortController()
  const { signal } = listening
  let socket: WebSocket
  try {
    socket = new WebSocket(url)
  } catch {
    // Not from this page: it is secure and the gateway is not.
    queueMicrotask(() => onClose(1006))
    return { send: () => {}, close: () => {} }
  }
  const hangUp = () => {
    // One that is not open yet would complain on the console.
    if (socket.readyState === WebSocket.CONNECTING) socket.addEventListener('open', hangUp)
    else socket.close()
  }
  const end = (code: number) => {
    listening.abort()
    onClose(code)
  }
  socket.addEventListener('open', onOpen, { signal })
  socket.addEventListener('message', ({ data }) => onMessage(String(data)), { signal })
  socket.addEventListener('close', ({ code }) => end(code), { signal })
  addEventListener('pagehide', hangUp, { signal })
  return {
    send: (text) => socket.send(text),
    close() {
      hangUp()
      end(1006)
    },
  }
}

/** 128 random bits. */
const randomId = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')

/** localStorage may be forbidden or full; then the token lives as long as the page does. */
function localStorageOr(memory: KeyValueStorage): KeyValueStorage {
  try {
    const probe = 'drawbridge:probe'
    localStorage.setItem(probe, '')
    localStorage.removeItem(probe)
    return localStorage
  } catch {
    return memory
  }
}

function memoryStorage(): KeyValueStorage {
  const items = new Map<string, string>()
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  }
}
