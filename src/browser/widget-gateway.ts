/** The two requests of the widget script: a token for whoever is signed in, and who somebody is by a token. */
import type { WidgetUser } from './annoto-api.ts'
import { unavailable } from './bridge.ts'
import type { Unavailable } from './bridge.ts'
import type { Page } from './page.ts'

export type WidgetTokenAnswer =
  | { readonly is: 'token'; readonly token: string }
  | { readonly is: 'nobody' }
  | Unavailable

export type WidgetAuthAnswer =
  | {
      readonly is: 'known'
      readonly user: WidgetUser
      /** Milliseconds by this machine's clock, when it was asked. */
      readonly receivedAt: number
      readonly expiresInSeconds: number
    }
  | { readonly is: 'refused'; readonly code: string }
  | Unavailable

const timeoutMilliseconds = 10_000

const bodyOf = async (response: Response) =>
  (await response.json().catch(() => ({}))) as Record<string, unknown>

/** `widget` is the URL that the widget's routes are under; a renewal ahead is no use of the session. */
export async function askWidgetToken(
  page: Page,
  widget: string,
  { isRenewal }: { readonly isRenewal: boolean },
): Promise<WidgetTokenAnswer> {
  try {
    const response = await page.fetch(`${widget}/token${isRenewal ? '?renewal=true' : ''}`, {
      headers: { accept: 'application/json' },
      credentials: 'include',
      cache: 'no-store',
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMilliseconds),
    })
    const { success, token } = await bodyOf(response)
    if (success !== true || typeof token !== 'string') return unavailable(response)
    return token === '' ? { is: 'nobody' } : { is: 'token', token }
  } catch {
    return unavailable()
  }
}

/** No cookie goes along: the token is all that counts here. */
export async function presentWidgetToken(
  page: Page,
  widget: string,
  token: string,
): Promise<WidgetAuthAnswer> {
  const receivedAt = page.now()
  try {
    const response = await page.fetch(`${widget}/auth`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token }),
      credentials: 'omit',
      cache: 'no-store',
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMilliseconds),
    })
    const { success, user, expires_in, error } = await bodyOf(response)
    if (success === true) {
      const expiresInSeconds = Number(expires_in)
      return { is: 'known', user: user as WidgetUser, receivedAt, expiresInSeconds }
    }
    const isJudged = response.status === 401 || response.status === 404
    return isJudged && typeof error === 'string'
      ? { is: 'refused', code: error }
      : unavailable(response)
  } catch {
    return unavailable()
  }
}
