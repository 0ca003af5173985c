/** The pages that a browser sees between two sites, and pages of sites that use the library in other ways than ours do. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { violations } from './accessibility.ts'
import { ada, signIn } from './journeys.ts'
import { describeInBrowser, world } from './visitor.ts'

/** Another server of the shop: it shows what a test has put there, and keeps what is posted to it. */
const html = new Map<string, string>()
const posted: string[] = []
const HEAD = '<!doctype html><html lang="en"><title>A page</title><link rel="icon" href="data:,">'
const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://shop.localhost')
  const body = html.get(pathname)
  if (request.method === 'POST') posted.push(await text(request))
  // A site that does not lead on leaves the page where it is.
  if (body === undefined) return response.writeHead(pathname === '/stay' ? 204 : 404).end()
  response.setHeader('content-type', 'text/html')
  return response.end(request.method === 'POST' ? `${HEAD}<p id="told">told` : HEAD + body)
})
beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)))
afterAll(() => new Promise((resolve) => server.close(resolve)))

const shop = (): string => `http://shop.localhost:${(server.address() as AddressInfo).port}`

const socialize = () => `${world().gateway}/oneall/shop/socialize`

const checkOf = (callback: string) =>
  `${socialize()}/sso/check?${new URLSearchParams({ callback_uri: callback, return_to: callback }).toString()}`

for (const colorScheme of ['light', 'dark'] as const) {
  describeInBrowser(`between two sites in ${colorScheme} colours`, (open) => {
    it('the page that posts the connection is without a violation', async () => {
      const { page } = await open({ colorScheme })
      await signIn(page, ada)
      await page.goto(checkOf(`${shop()}/stay`), { waitUntil: 'commit' })
      await page.locator('#go-on').waitFor()
      expect(await violations(page)).toEqual([])
    })

    it('the page that opens an application is without a violation', async () => {
      const { page } = await open({ colorScheme })
      await signIn(page, ada)
      const asked = { nonce: crypto.randomUUID(), callback_uri: 'oneall://otrotl' }
      const query = new URLSearchParams(asked).toString()
      await page.goto(`${socialize()}/connect/mobile/otrotl/?${query}`)
      const href = await page.locator('#open-app').getAttribute('href')
      expect(href).toMatch(/^oneall:\/\/otrotl\?connection_token=[0-9a-f-]{36}$/)
      expect(await violations(page)).toEqual([])
    })

    it('the page that leads nowhere is without a violation', async () => {
      const { page, expectStatus } = await open({ colorScheme })
      expectStatus(400)
      await page.goto(checkOf('https://evil.example/'))
      await page.locator('#error-code').waitFor()
      expect(await violations(page)).toEqual([])
    })
  })
}

/** Everything that a page does with the library but loading it; `URL_OF_LIBRARY` stands for its address. */
const INTEGRATIONS: readonly (readonly [string, string])[] = [
  [
    'the commands after the script, as WordPress writes them',
    `<script>
      var script = document.createElement('script');
      script.async = true;
      script.src = 'URL_OF_LIBRARY';
      document.head.appendChild(script);
    </script>
    <script>
      var _oneall = (_oneall || []);
      _oneall.push(['single_sign_on', 'do_check_for_sso_session', window.location.href, true]);
    </script>`,
  ],
  [
    'commands that come long after it, by its own queue',
    `<script src="URL_OF_LIBRARY"></script>
    <script>
      setTimeout(function () {
        window._oneall.push(['single_sign_on', 'do_check_for_sso_session', window.location.href]);
      }, 300);
    </script>`,
  ],
  [
    'a queue of its own unless ours is there, as OpenCart has it',
    `<script src="URL_OF_LIBRARY"></script>
    <script>
      (function () {
        var _oneall = window._oneall || [];
        _oneall.push(['single_sign_on', 'set_callback_uri', window.location.href]);
        _oneall.push(['single_sign_on', 'do_check_for_sso_session']);
      })();
    </script>`,
  ],
  [
    'its realms, the callback after the check, and what it does not know in between',
    `<script>
      var _oneall = [];
      _oneall.push(['single_sign_on', 'set_sso_realm', '', '']);
      _oneall.push(['single_sign_on', 'do_check_for_sso_session']);
      _oneall.push(['single_sign_on', 'do_what_nobody_knows', 1]);
      _oneall.push(['social_login', 'do_render_ui', 'x']);
      _oneall.push('nonsense');
      _oneall.push(['single_sign_on', 'set_callback_uri', window.location.href]);
    </script>
    <script async src="URL_OF_LIBRARY"></script>`,
  ],
  [
    'the script again and again, unless window.oneall is there',
    `<script>
      function load() {
        if (typeof window.oneall !== 'undefined') return;
        var script = document.createElement('script');
        script.src = 'URL_OF_LIBRARY';
        script.onload = load;
        document.head.appendChild(script);
      }
      load();
      var _oneall = (_oneall || []);
      _oneall.push(['single_sign_on', 'do_check_for_sso_session', window.location.href]);
    </script>`,
  ],
]

describeInBrowser('a page of a site', (open) => {
  const show = (path: string, body: string) => {
    html.set(path, body.replaceAll('URL_OF_LIBRARY', `${socialize()}/library.js`))
    return `${shop()}${path}`
  }

  /** Shows the page at its site, and takes what is posted to it. */
  async function visit(page: Page, body: string): Promise<readonly string[]> {
    const address = `${show('/somewhere', body)}?product=7`
    posted.length = 0
    // It may be on its way to us before it is loaded.
    await page.goto(address, { waitUntil: 'commit' })
    await page.locator('#told').waitFor()
    expect(page.url()).toBe(address)
    return posted
  }

  it.each(INTEGRATIONS)('with %s is told once who is there', async (_what, body) => {
    const { page } = await open()
    await signIn(page, ada)
    const told = await visit(page, body)
    expect(told).toHaveLength(1)
    const form = new URLSearchParams(told[0])
    expect(form.get('oa_action')).toBe('single_sign_on')
    expect(form.get('connection_token')).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  })

  it('with do_event_for_sso_session hears of the session without being left for good', async () => {
    const { page } = await open()
    await signIn(page, ada)
    const address = show(
      '/listens',
      `<p id="heard"></p><script>
        var _oneall = [['single_sign_on', 'do_event_for_sso_session', function (data) {
          document.getElementById('heard').textContent = 'heard ' + data.identity_token;
        }]];
      </script><script async src="URL_OF_LIBRARY"></script>`,
    )
    await page.goto(address, { waitUntil: 'commit' })
    await page.getByText(/heard [0-9a-f-]{36}/).waitFor()
    expect(page.url()).toBe(address)
  })
})
