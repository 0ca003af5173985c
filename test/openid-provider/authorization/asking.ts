/** An application that sends people to the gateway, and what it hears. */
import { env } from 'cloudflare:workers'
import { createSubjects } from '../../../src/core/applications/subject.ts'
import { createGrants } from '../../../src/core/sessions/grants.ts'
import { epochMilliseconds, systemClock } from '../../../src/platform/clock.ts'
import { sha256Base64url } from '../../../src/platform/digest.ts'
import { all, byId, readPage } from '../../pages/read-page.ts'
import type { ReadElement } from '../../pages/read-page.ts'
import type { RegisteredApplication } from '../../world/applications.ts'
import type { Browser, Page } from '../../world/browser.ts'
import type { PersonName } from '../../world/people.ts'
import { settings } from '../../world/settings.ts'
import { signIn } from '../../world/sign-in.ts'
import type { World } from '../../world/sign-in.ts'

export const SHOP = 'https://shop.example'
export const CALLBACK = `${SHOP}/callback`

/** A challenge and what it was made of. */
export const VERIFIER = 'v'.repeat(43)
export const challenge = () => sha256Base64url(VERIFIER)

export type Asked = Readonly<Record<string, string | undefined>>

/** A request as a good application makes it, with what differs; `undefined` leaves a parameter out. */
export function authorizeUrl({ id }: Pick<RegisteredApplication, 'id'>, asked: Asked = {}): URL {
  const url = new URL('/oauth/authorize', settings.ISSUER)
  const parameters: Asked = {
    client_id: id,
    redirect_uri: CALLBACK,
    response_type: 'code',
    scope: 'openid',
    state: 'state-1',
    nonce: 'nonce-1',
    ...asked,
  }
  for (const [name, value] of Object.entries(parameters))
    if (value !== undefined) url.searchParams.set(name, value)
  return url
}

/** What the application hears in the query or the fragment that it gets. */
export function answerOf(answer: Response | Page | URL): URLSearchParams {
  const location =
    answer instanceof URL
      ? answer
      : answer instanceof Response
        ? new URL(answer.headers.get('location') ?? 'none:', settings.ISSUER)
        : answer.url
  return new URLSearchParams(location.hash === '' ? location.search : location.hash.slice(1))
}

/** The same as an object. */
export const heard = (answer: Response | Page | URL): Record<string, string> =>
  Object.fromEntries(answerOf(answer))

/** One step of the browser, as the application's page begins it. */
export const ask = (browser: Browser, url: URL): Promise<Response> =>
  browser.request(url, { from: SHOP })

/** All steps, as far as they go by themselves. */
export const go = (browser: Browser, url: URL | string, as: PersonName = 'alice'): Promise<Page> =>
  browser.navigate(url, { from: SHOP, as })

/** A browser with a session that began before now. */
export async function signedInBrowser(world: World, as: PersonName = 'alice'): Promise<Browser> {
  const browser = world.newBrowser()
  await signIn(browser, world.otrotl, { as, returnTo: '/health' })
  return browser
}

export const elementsOf = async (page: Page | Response): Promise<ReadElement[]> =>
  readPage(('url' in page && 'trail' in page ? page.response : page).clone().text())

export const errorCodeOf = async (response: Response): Promise<string | undefined> =>
  byId(await elementsOf(response), 'error-code')?.text

/** A click on a link of our own page, followed to its end. */
export async function click(
  browser: Browser,
  page: Page,
  id: string,
  as: PersonName = 'alice',
): Promise<Page> {
  const href = byId(await elementsOf(page), id)?.attributes.get('href')
  if (href === undefined) throw new Error(`no link ${id} at ${page.url.href}`)
  return browser.navigate(new URL(href.replaceAll('&amp;', '&'), page.url), {
    from: settings.ISSUER,
    as,
  })
}

/** The fields of the page's form, with the button that is pressed. */
export async function formOf(page: Page | Response, button?: string) {
  const elements = await elementsOf(page)
  const form = all(elements, 'form')[0]
  if (form === undefined) throw new Error('no form')
  const fields = all(elements, 'input').map(({ attributes }): [string, string] => [
    attributes.get('name') ?? '',
    attributes.get('value') ?? '',
  ])
  const pressed = button === undefined ? undefined : byId(elements, button)?.attributes
  const name = pressed?.get('name')
  return {
    action: new URL(form.attributes.get('action') ?? '', settings.ISSUER),
    body: new URLSearchParams(name ? [...fields, [name, pressed?.get('value') ?? '']] : fields),
  }
}

/** Presses a button of our own page; redirects are followed. */
export async function press(browser: Browser, page: Page | Response, button: string) {
  const { action, body } = await formOf(page, button)
  return browser.navigate(action, { method: 'POST', body, from: settings.ISSUER })
}

export const grants = () =>
  createGrants({ userSessions: env.USER_SESSIONS, handleKey: [settings.HANDLE_KEY] })

/** Takes a code as the token endpoint would. */
export async function takeCode(
  code: string,
  { id }: Pick<RegisteredApplication, 'id'>,
  presented: { redirectUri?: string; codeChallenge?: string; jkt?: string } = {
    redirectUri: CALLBACK,
  },
) {
  const subjects = createSubjects([settings.HANDLE_KEY])
  const seen = await grants().peek('authorization_code', code, systemClock())
  if (!seen.ok) return seen
  const { sid, userId } = seen.value.session
  return grants().take({
    kind: 'authorization_code',
    handle: code,
    presented: { applicationId: id, ...presented },
    participation: {
      applicationId: id,
      subject: userId,
      clientSid: await subjects.sessionIdFor({ id }, sid),
    },
    now: systemClock(),
  })
}

/** Milliseconds pass, as they do between a request and a person's answer to it. */
export const pause = async (): Promise<void> => {
  const start = epochMilliseconds()
  while (epochMilliseconds() - start < 3) await new Promise((resolve) => setTimeout(resolve, 2))
}
