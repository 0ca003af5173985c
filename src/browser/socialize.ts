/**
 * The script of OneAll's single sign-on, for pages of sites: takes the commands that a page has pushed to
 * `_oneall`, before it was loaded and after. Browsers keep no cookies of ours on other sites' pages, so both
 * commands that need one take the whole tab to us and back: each once, which is noted before it happens, and
 * never where nothing can be noted.
 */
export {}

type Command = readonly [service: string, method: string, ...given: readonly unknown[]]

interface OneAll {
  base?: string
  isReady?: boolean
}

declare global {
  interface Window {
    oneall?: OneAll
    _oneall?: Command[]
  }
}

/** Somebody who comes from elsewhere is looked at anew, but not because we have just brought them back. */
const SETTLED_MILLISECONDS = 10_000

const REGISTERED = 'oneall:registered'
const CHECKED = 'oneall:checked'
const CHECKED_EVER = 'oneall:checked-ever'

function start(base: string): void {
  let callbackUri = ''
  let realms: readonly [top: string, sub: string] = ['', '']
  let isDebugging = false
  /** What takes the tab away waits until all settings are known. */
  let journey: (() => void) | undefined

  const say = (...words: readonly unknown[]) => {
    if (isDebugging) console.log('[oneall]', ...words)
  }

  const methods: Readonly<Record<string, (...given: readonly unknown[]) => void>> = {
    set_callback_uri: (uri) => {
      callbackUri = String(uri)
    },
    set_sso_realm: (top, sub) => {
      realms = [textOf(top), textOf(sub)]
    },
    set_debug: (isOn) => {
      isDebugging = Boolean(isOn)
    },
    do_register_sso_session: (token, isForced) => {
      if (typeof token !== 'string' || token === '') return
      journey = () => register(token, isForced === true)
    },
    do_check_for_sso_session: (uri, mayRepeat) => {
      if (typeof uri === 'string' && uri !== '') callbackUri = uri
      journey ??= () => check(mayRepeat !== false, { callback_uri: callbackUri || here() })
    },
    do_event_for_sso_session: (listener) => {
      if (typeof listener !== 'function') return
      const found = takeAnswer()
      if (found !== undefined) {
        listener(found)
        return
      }
      journey ??= () => check(true, { mode: 'event' })
    },
  }

  function register(token: string, isForced: boolean): void {
    const store = isForced ? storageOf('sessionStorage') : storageOf('localStorage')
    if (store === undefined || store.getItem(REGISTERED) === token || !isTaken(here())) return
    store.setItem(REGISTERED, token)
    say('registers the session')
    const form = document.createElement('form')
    form.method = 'post'
    form.action = `${base}/socialize/sso/register`
    for (const [name, value] of [
      ['sso_session_token', token],
      ['return_to', here()],
    ] as const) {
      const input = document.createElement('input')
      input.type = 'hidden'
      input.name = name
      input.value = value
      form.append(input)
    }
    document.documentElement.append(form)
    form.submit()
  }

  function check(mayRepeat: boolean, question: Readonly<Record<string, string>>): void {
    const [visit, ever] = [storageOf('sessionStorage'), storageOf('localStorage')]
    if (visit === undefined || ever === undefined) return
    if (!mayRepeat && ever.getItem(CHECKED_EVER) !== null) return
    const last = Number(visit.getItem(CHECKED) ?? 0)
    const isSettled = Date.now() - last > SETTLED_MILLISECONDS
    if (last > 0 && !(isSettled && isFromElsewhere())) return
    const [top_realm, sub_realm] = realms
    const query = new URLSearchParams({ ...question, return_to: here(), top_realm, sub_realm })
    const address = `${base}/socialize/sso/check?${query.toString()}`
    if (!isTaken(here(), address)) return
    visit.setItem(CHECKED, String(Date.now()))
    ever.setItem(CHECKED_EVER, '1')
    say('looks for a session')
    location.replace(address)
  }

  function obey(command: unknown): void {
    if (!Array.isArray(command) || command[0] !== 'single_sign_on') return
    const [, name, ...given] = command as unknown as Command
    say(name, ...given)
    if (Object.hasOwn(methods, name)) methods[name]?.(...given)
    // Whoever pushes in one go has said all by then.
    setTimeout(() => {
      journey?.()
      journey = undefined
    })
  }

  // The array stays the one that the page has, whichever of the two was there first.
  const queue = (window._oneall = Array.isArray(window._oneall) ? window._oneall : [])
  const waiting = queue.splice(0)
  queue.push = (...commands) => {
    for (const command of commands) obey(command)
    return commands.length
  }
  for (const command of waiting) obey(command)
}

const textOf = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : ''

/** Where the page is, without the part that is of no concern to a server. */
const here = (): string => location.href.replace(/#.*$/s, '')

/** The gateway takes no page's address beyond 4096 characters, nor a longer one of its own than 8192: a tab would end there. */
const isTaken = (page: string, address = ''): boolean =>
  page.length <= 4096 && address.length <= 8192

function isFromElsewhere(): boolean {
  const from = URL.parse(document.referrer)
  return from !== null && from.origin !== location.origin
}

/** What we have told the page by its address, once: it goes from there. */
function takeAnswer(): Readonly<Record<string, string>> | undefined {
  const [, told] = /^#oneall:(.+)$/s.exec(location.hash) ?? []
  if (told === undefined) return undefined
  history.replaceState(history.state, '', here())
  return Object.fromEntries(new URLSearchParams(told))
}

/** Undefined where nothing can be kept: then nobody could tell that something has been done. */
function storageOf(name: 'localStorage' | 'sessionStorage'): Storage | undefined {
  try {
    const store = window[name]
    store.setItem('oneall:probe', '1')
    store.removeItem('oneall:probe')
    return store
  } catch {
    return undefined
  }
}

// Last: it obeys at once what the page has already asked for.
const own: OneAll = (window.oneall ??= {})
if (own.isReady !== true) {
  own.isReady = true
  start(own.base ?? '')
}
