/** Annoto's interface on a page, over who is signed in at the gateway. What it promises is annoto-api.ts. */
import type { AnnotoReadyCallback, AnnotoUxEvent, AnnotoUxEventCallback } from '@annoto/widget-api'
import type { AnnotoApi, AnnotoCallback, BootConfig, WidgetHost, WidgetUser } from './annoto-api.ts'
import type { Page } from './page.ts'
import { createWidgetVisitor } from './widget-visitor.ts'
import type { WidgetVisitor } from './widget-visitor.ts'

export interface AnnotoParts {
  readonly page: Page
  /** Origin that the script was loaded from. */
  readonly gateway: string
  /** The application whose widget this is; the configuration's `clientId` where it is undefined. */
  readonly application: string | undefined
}

export function createAnnoto({ page, gateway, application }: AnnotoParts): WidgetHost {
  let config: BootConfig | undefined
  let visitor: WidgetVisitor | undefined
  let api: AnnotoApi | undefined
  const readyListeners: AnnotoReadyCallback[] = []
  const uxListeners: AnnotoUxEventCallback[] = []
  const changeListeners = new Set<(user: WidgetUser | undefined) => void>()

  /** One listener's fault is not the next one's; it is reported like any other of the page. */
  function tell<Word>(listeners: Iterable<(word: Word) => void>, word: Word): void {
    for (const listener of listeners) {
      try {
        listener(word)
      } catch (thrown) {
        page.later(0, () => {
          throw thrown
        })
      }
    }
  }

  function start(next: BootConfig): WidgetVisitor {
    visitor?.leave()
    config = next
    const name = encodeURIComponent(application ?? next.clientId)
    return (visitor = createWidgetVisitor({
      page,
      widget: `${gateway}/widgets/${name}`,
      onChange: (user) => tell(changeListeners, user),
    }))
  }

  async function load(next: BootConfig): Promise<void> {
    const started = start(next)
    return next.ssoToken ? started.present(next.ssoToken) : started.follow()
  }

  /** The page's hooks, from where it has put this one. */
  const hooksWith = (name: 'ssoAuthRequestHandle' | 'logoutRequestHandle') =>
    [config?.hooks, config?.ux].find((hooks) => hooks?.[name] !== undefined)

  const showAs = (name: AnnotoUxEvent['name'], callback?: AnnotoCallback) => {
    tell(uxListeners, { name })
    return settle(Promise.resolve(), callback)
  }

  const createApi = (): AnnotoApi => ({
    load: (next, callback) => settle(load(next), callback),
    close(_index, callback) {
      visitor?.leave()
      return showAs('widget:hide', callback)
    },
    // An empty token is what a page has where nobody is signed in.
    auth: (token, callback) =>
      settle(token === '' ? Promise.resolve(visitor?.leave()) : visitor!.present(token), callback),
    logout(callback) {
      visitor?.leave()
      return settle(Promise.resolve(), callback)
    },
    show: (callback) => showAs('widget:show', callback),
    hide: (callback) => showAs('widget:hide', callback),
    registerDeviceDetector: (_detector, callback) => settle(Promise.resolve(), callback),
    registerOriginProvider: (_provider, callback) => settle(Promise.resolve(), callback),
    getMetadata: () => ({ thread: {}, comments: {} }),
  })

  return {
    on(event, listener) {
      if (event === 'ux') uxListeners.push(listener as AnnotoUxEventCallback)
      if (event !== 'ready') return
      const onReady = listener as AnnotoReadyCallback
      readyListeners.push(onReady)
      const ready = api
      // Whoever comes late is told as well.
      if (ready !== undefined) page.later(0, () => onReady(ready))
    },

    boot(next) {
      // Not at once: the script that boots may want to listen first.
      page.later(0, () => {
        void start(next).begin(next.ssoToken)
        if (api !== undefined) return
        const ready = createApi()
        api = ready
        tell(readyListeners, ready)
      })
    },

    widget: {
      user: () => visitor?.user(),
      token() {
        visitor?.noteUse()
        return visitor?.token()
      },
      onChange(listener) {
        changeListeners.add(listener)
        return () => void changeListeners.delete(listener)
      },
      async requestAuth() {
        if (visitor === undefined) return undefined
        visitor.noteUse()
        if (visitor.user() === undefined) await visitor.follow()
        if (visitor.user() !== undefined) return visitor.user()
        const hooks = hooksWith('ssoAuthRequestHandle')
        if (hooks === undefined) {
          const query = new URLSearchParams({ return_to: page.location() })
          page.navigate(`${gateway}/auth/sso/login?${query}`)
        } else {
          await hooks.ssoAuthRequestHandle?.()
        }
        return visitor.user()
      },
      async requestLogout() {
        try {
          await hooksWith('logoutRequestHandle')?.logoutRequestHandle?.()
        } finally {
          visitor?.leave()
        }
      },
    },
  }
}

/** With a callback, that learns how it went, and the promise never rejects: nobody would catch it. */
function settle(work: Promise<void>, callback?: AnnotoCallback): Promise<void> {
  if (callback === undefined) return work
  return work.then(
    () => callback(),
    (error: unknown) => callback(error instanceof Error ? error : new Error(String(error))),
  )
}
