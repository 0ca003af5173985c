/** The pages that a browser sees between two sites, and pages of sites that use the library in other ways than ours do. */
import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { violations } from './accessibility.ts'
import { ada, signIn } from './journeys.ts'
import { describeInBrowser, world } from './visitor.ts'

const shop = (): string => {
  const printed = readFileSync(world().logFile, 'utf8')
  const [found] = /http:\/\/shop\.localhost:\d+/.exec(printed) ?? []
  if (found === undefined) throw new Error(`no shop in what was printed:\n${printed}`)
  return found
}

const socialize = () => `${world().gateway}/oneall/shop/socialize`

const checkOf = (callback: string) =>
  `${socialize()}/sso/check?${new URLSearchParams({ callback_uri: callback, return_to: callback }).toString()}`

for (const colorScheme of ['light', 'dark'] as const) {
  describeInBrowser(`between two sites in ${colorScheme} colours`, (open) => {
    it('the page that posts the connection is without a violation', async () => {
      const { page } = await open({ colorScheme })
      await signIn(page, ada)
      // A site that does not lead on leaves the page where it is.
      await page.route(`${shop()}/stay`, (route) => route.fulfill({ status: 204 }))
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
    'the callback after the check, and what it does not know in between',
    `<script>
      var _oneall = [];
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
  /** Shows the page at its site, and takes what is posted to it. */
  async function visit(page: Page, body: string): Promise<readonly string[]> {
    const posted: string[] = []
    const address = `${shop()}/somewhere?product=7`
    const html = body.replaceAll('URL_OF_LIBRARY', `${socialize()}/library.js`)
    await page.route(address, async (route) => {
      const request = route.request()
      const isPost = request.method() === 'POST'
      if (isPost) posted.push(request.postData() ?? '')
      await route.fulfill({
        contentType: 'text/html',
        body: isPost
          ? '<!doctype html><title>told</title><p id="told">told'
          : `<!doctype html><html lang="en"><title>page</title>${html}`,
      })
    })
    // It may be on its way to us before it is loaded.
    await page.goto(address, { waitUntil: 'commit' })
    await page.locator('#told').waitFor()
    expect(page.url()).toBe(address)
    return posted
  }

  it.each(INTEGRATIONS)('with %s is told once who is there', async (_what, body) => {
    const { page } = await open()
    await signIn(page, ada)
    const posted = await visit(page, body)
    expect(posted).toHaveLength(1)
    const form = new URLSearchParams(posted[0])
    expect(form.get('oa_action')).toBe('single_sign_on')
    expect(form.get('connection_token')).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  })

  it('with do_event_for_sso_session hears of the session without being left for good', async () => {
    const { page } = await open()
    await signIn(page, ada)
    const address = `${shop()}/listens`
    await page.route(address, (route) =>
      route.fulfill({
        contentType: 'text/html',
        body: `<!doctype html><html lang="en"><title>page</title><p id="heard"></p><script>
          var _oneall = [['single_sign_on', 'do_event_for_sso_session', function (data) {
            document.getElementById('heard').textContent = 'heard ' + data.identity_token;
          }]];
        </script><script async src="${socialize()}/library.js"></script>`,
      }),
    )
    // It may be on its way to us before it is loaded.
    await page.goto(address, { waitUntil: 'commit' })
    await page.getByText(/heard [0-9a-f-]{36}/).waitFor()
    expect(page.url()).toBe(address)
  })
})
