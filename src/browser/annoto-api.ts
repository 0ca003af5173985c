/**
 * What `/widgets/bootstrap.js` puts on a page: the interface of Annoto's widget, as its package
 * `@annoto/widget-api` types it, so that embed scripts written for that widget run; and the side by which a
 * widget of one's own learns who is signed in.
 *
 *   <script src="https://login.example/widgets/bootstrap.js"></script>
 *   Annoto.on('ready', (api) => …)
 *   Annoto.boot({ clientId: '<the application>', … })
 */
import type { Annoto, AnnotoApi, AnnotoConfig } from '@annoto/widget-api'

type Hooks = Pick<NonNullable<AnnotoConfig['ux']>, 'ssoAuthRequestHandle' | 'logoutRequestHandle'>

/** The configuration, with what newer versions of the widget have besides the package's types. */
export interface BootConfig extends AnnotoConfig {
  /** The two hooks in their newer place; they come before those in `ux`. */
  readonly hooks?: Hooks
  /** A token that the page has been given already: it is presented in place of one that is fetched. */
  readonly ssoToken?: string
}

/** In place of a rejected promise: a caller that gives a callback gets the error there, and nowhere else. */
export type AnnotoCallback = (error?: Error) => void

/** The person as the gateway knows them by the token. */
export interface WidgetUser {
  readonly id: string
  readonly name: string
  readonly email?: string
  readonly photoUrl?: string
  readonly scope: 'user' | 'moderator' | 'super-mod'
}

/** For the widget itself, rather than for the page that embeds it. */
export interface WidgetSide {
  /** Who is signed in in the widget; undefined for a stranger. */
  user(): WidgetUser | undefined
  /** The token that says so, for the widget's own server. */
  token(): string | undefined
  /** Calls `listener` whenever somebody else is signed in, or nobody; the answer stops that. */
  onChange(listener: (user: WidgetUser | undefined) => void): () => void
  /**
   * A stranger wants to do something that needs a name: looks again who is signed in, then calls the page's
   * `ssoAuthRequestHandle`, or, without one, goes to sign in. Answers who is signed in by then.
   */
  requestAuth(): Promise<WidgetUser | undefined>
  /** The person wants to leave: calls the page's `logoutRequestHandle`, and forgets them in any case. */
  requestLogout(): Promise<void>
}

/** `window.Annoto`. */
export interface WidgetHost extends Annoto {
  boot(config: BootConfig): void
  readonly widget: WidgetSide
}

export type { AnnotoApi }

/** The gateway does not take a token; `code` is its reason: `expired`, `wrong_signature` … */
export class WidgetAuthError extends Error {
  override readonly name = 'WidgetAuthError'
  readonly code: string

  constructor(code: string) {
    super(`The widget token was not accepted: ${code}`)
    this.code = code
  }
}
