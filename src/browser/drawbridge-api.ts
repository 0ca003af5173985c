/**
 * Drawbridge in a page: who is signed in, and an access token for APIs, without the page having to care about
 * expiry, other tabs, sleep, sign-out elsewhere or a wrong clock. The token is kept in localStorage and renewed
 * by the bridge for as long as the session lives; the session itself is a cookie that no script can read.
 *
 *   <script src="https://login.example/auth/drawbridge.js"></script>     then `window.drawbridge`
 *   import { drawbridge } from 'https://login.example/auth/drawbridge.mjs'
 *
 * The page's origin must be the gateway's own or one of its ALLOWED_ORIGINS, and same-site with it: the session
 * cookie is SameSite=Lax.
 */
import type { DrawbridgeUser } from './token-store.ts'

export interface DrawbridgeOptions {
  /** The gateway's origin. Needed only when the script was not loaded from there. */
  readonly gateway?: string
  /** Origins besides the gateway's whose APIs get the token: `['https://api.example']`. */
  readonly apiOrigins?: readonly string[]
  /** Be told at once when the session ends elsewhere, over a WebSocket to the gateway. True unless switched off. */
  readonly notices?: boolean
  /** Bind tokens to a key that only this browser has (RFC 9449), where the browser can. */
  readonly dpop?: boolean
}

export type DrawbridgeChange =
  /** Somebody is signed in: for the first time that this page knows of, or in place of another session. */
  | { readonly type: 'signed-in'; readonly sid: string | undefined; readonly user?: DrawbridgeUser }
  /** The same session has a new token. */
  | { readonly type: 'renewed'; readonly sid: string | undefined; readonly user?: DrawbridgeUser }
  | { readonly type: 'signed-out' }

export interface Drawbridge {
  configure(options: DrawbridgeOptions): void
  /**
   * An access token (JWT) that is good for at least some seconds; undefined when nobody is signed in.
   * Rejects with `DrawbridgeUnavailable` when neither a token nor the bridge can be had just now.
   */
  getToken(): Promise<string | undefined>
  /** Who is signed in, as of the last renewal. Answers and rejects as `getToken` does. */
  getUser(): Promise<DrawbridgeUser | undefined>
  /** `fetch` with the token, for the gateway and `apiOrigins`; plain `fetch` for every other origin. */
  readonly fetch: typeof fetch
  /** Goes to sign in, and comes back to `returnTo` (this page unless told otherwise). */
  signIn(options?: { readonly returnTo?: string; readonly provider?: string }): void
  /** Signs out, here and at the identity provider: the browser leaves this page for the gateway. */
  signOut(): void
  /** Calls `listener` at every change, in whichever tab it began; the answer stops that. */
  onChange(listener: (change: DrawbridgeChange) => void): () => void
  /** Says which session (`sid`) this page was made for; a stored token of any other session is dropped. */
  expectSession(sid: string): void
  /** Forgets the token here and in all tabs. For the page that a sign-out ends on; it ends no session. */
  forget(): void
}

/** The bridge could not be asked: offline, or the gateway is down. Whoever was signed in still is. */
export class DrawbridgeUnavailable extends Error {
  override readonly name = 'DrawbridgeUnavailable'
}
