import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import type { UserId } from '../../../src/core/sessions/session.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { consents, valueOf } from '../../core/sessions/granted.ts'
import { registerApplication } from '../../world/applications.ts'
import type { Browser, Page } from '../../world/browser.ts'
import { settings } from '../../world/settings.ts'
import { createWorld } from '../../world/sign-in.ts'
import { steppedBindings } from '../../world/stepped-bindings.ts'
import { authorizeUrl, formOf, go, heard, press, signedInBrowser } from '../authorization/asking.ts'

const stepped = steppedBindings()

/** How a person may answer a question that stands open in several tabs. */
const answers = {
  allow: (browser: Browser, page: Page) => press(browser, page, 'allow'),
  deny: (browser: Browser, page: Page) => press(browser, page, 'deny'),
  async cancel(browser: Browser, page: Page) {
    const { body } = await formOf(page)
    const [client_id, request_uri] = [body.get('client_id')!, body.get('request_uri')!]
    const query = new URLSearchParams({ client_id, request_uri }).toString()
    return go(browser, `${settings.ISSUER}/oauth/authorize/cancel?${query}`)
  },
}

/** Whatever step of the one answer the other comes before, one of them counts. */
it.each([
  ['allow', 'deny'],
  ['allow', 'cancel'],
  ['deny', 'allow'],
  ['cancel', 'allow'],
] as const)(
  '%s, while %s is pressed in another tab: the application hears one of them, and that is what is remembered',
  async (one, other) => {
    const world = await createWorld({}, stepped.bindings)
    const browser = await signedInBrowser(world)
    const user = (await env.DIRECTORY.prepare('SELECT id FROM users').first<{ id: UserId }>())!

    for (let step = 1; ; step += 1) {
      const app = await registerApplication({ isFirstParty: false })
      const page = await go(browser, authorizeUrl(app))
      const said: Page[] = []
      const { wasInterrupted } = await stepped.interrupt(
        step,
        async () => said.push(await answers[other](browser, page)),
        async () => said.push(await answers[one](browser, page)),
      )
      const told = said.map((answer) => heard(answer)).filter(({ code, error }) => code ?? error)
      expect(told, `step ${step}`).toHaveLength(wasInterrupted ? 1 : said.length)
      const consent = valueOf(await consents.read(user.id, app.id, systemClock()))
      expect(consent !== undefined, `step ${step}`).toBe(told[0]?.code !== undefined)
      if (!wasInterrupted) {
        expect(step).toBeGreaterThan(2)
        break
      }
    }
  },
  60_000,
)
