import { describe, expect, it } from 'vitest'
import { freezeClock } from '../world/clock.ts'
import { captureLog, decisions } from '../world/log-lines.ts'
import { snapshot } from '../world/snapshot.ts'
import { createWorld, liveSession, signIn, startUrl } from '../world/sign-in.ts'
import { MARK, expectRefusal } from './expect-refusal.ts'

const CALLBACK = 'https://login.example/auth/sso/callback/otrotl'
const from = 'https://otrotl.example/authorize'

/** As far as the page of the provider that posts the answer. */
async function arrange(returnTo = '/x') {
  const world = await createWorld({ otrotl: { response_mode: 'form_post' } })
  const browser = world.newBrowser()
  const started = await browser.request(startUrl(world.otrotl, { returnTo }))
  const form = await world.otrotl.authorizeForm(new URL(started.headers.get('location')!))
  const post = (body: URLSearchParams | string = form, headers = {}) =>
    browser.request(CALLBACK, { method: 'POST', body, from, headers })
  return { world, browser, form, post }
}

describe('an answer by form_post', () => {
  it('signs the person in, though the browser posts without its cookies', async () => {
    const world = await createWorld({ otrotl: { response_mode: 'form_post' } })
    const browser = world.newBrowser()
    const page = await signIn(browser, world.otrotl, { returnTo: '/x' })
    expect(page.url.href).toBe('https://login.example/x')
    expect(await liveSession(browser.session())).toBeDefined()
    expect(
      browser.jar
        .list('login.example')
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(['__Host-drawbridge_browser', '__Host-drawbridge_session'])
  })

  it('is put by for a minute, sealed, and judged only by the GET that follows', async () => {
    const { world, browser, form, post } = await arrange()
    const before = await snapshot()
    const log = captureLog()
    const answer = await post()
    expect(answer.status).toBe(303)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    const location = new URL(answer.headers.get('location')!)
    expect(location.origin + location.pathname).toBe(CALLBACK)
    expect(Object.fromEntries(location.searchParams)).toEqual({ state: form.get('state') })
    const [line] = answer.headers.getSetCookie()
    expect(line).toMatch(
      /^__Host-drawbridge_response_[\w-]{22}=[\w.-]+; Max-Age=60; Path=\/; Secure; HttpOnly; SameSite=Lax$/,
    )
    expect(line).not.toContain(form.get('code'))
    expect(decisions(log.lines)).toEqual([])
    expect(await snapshot()).toEqual(before)
    expect(await world.claims()).toBe(0)
    expect((await browser.request(location)).status).toBe(303)
  })

  it('that came in the query is refused, and the right one is still taken', async () => {
    const { world, browser, form, post } = await arrange()
    const query = new URL(`${CALLBACK}?${form.toString()}`)
    await expectRefusal(() => browser.request(query), 'response_invalid')
    const page = await browser.navigate(CALLBACK, { method: 'POST', body: form, from })
    expect(page.url.pathname).toBe('/x')
    expect(world.internet.requestsTo('https://otrotl.example/token')).toHaveLength(1)
    await post()
    expect(world.internet.requestsTo('https://otrotl.example/token')).toHaveLength(1)
  })

  it('is not taken a minute later, nor for another attempt', async () => {
    const clock = freezeClock()
    const { browser, post } = await arrange()
    const answer = await post()
    const kept = browser.jar.list('login.example')
    clock.advance(60)
    for (const cookie of kept) browser.jar.put('login.example', { ...cookie, expiresAt: undefined })
    await expectRefusal(() => browser.request(answer.headers.get('location')!), 'response_invalid')
  })

  it('that is asked about again after the sign-in is a harmless way to the same page', async () => {
    const { world, browser, post } = await arrange()
    const callback = (await post()).headers.get('location')!
    expect((await browser.request(callback)).status).toBe(303)
    const before = await snapshot()
    const answer = await browser.request(callback)
    expect([answer.status, answer.headers.get('location')]).toEqual([
      303,
      'https://login.example/x',
    ])
    expect(answer.headers.getSetCookie()).toEqual([])
    expect(await snapshot()).toEqual(before)
    expect(world.internet.requestsTo('https://otrotl.example/token')).toHaveLength(1)
  })

  it('that is lost with its attempt begins the sign-in anew, once', async () => {
    const world = await createWorld({ otrotl: { response_mode: 'form_post' } })
    const browser = world.newBrowser()
    browser.jar.store = () => undefined
    const page = await signIn(browser, world.otrotl, { returnTo: '/x' })
    expect(page.response.status).toBe(400)
    expect(await page.response.text()).toContain('attempt_not_in_this_browser')
    expect(page.trail.filter(({ pathname }) => pathname === '/authorize')).toHaveLength(2)
    expect(world.internet.requestsTo('https://otrotl.example/token')).toHaveLength(0)
  })

  it('of one attempt is not taken for another', async () => {
    const { world, browser, post } = await arrange()
    await post()
    const [response] = browser.jar
      .list('login.example')
      .filter(({ name }) => name.includes('response'))
    const started = await browser.request(startUrl(world.otrotl))
    const other = await world.otrotl.authorizeForm(new URL(started.headers.get('location')!))
    const answer = await browser.request(CALLBACK, { method: 'POST', body: other, from })
    const name = /^[^=]+/.exec(answer.headers.getSetCookie()[0]!)![0]
    browser.jar.put('login.example', { ...response!, name })
    await expectRefusal(() => browser.request(answer.headers.get('location')!), 'response_invalid')
  })

  it.each<
    [
      string,
      (form: URLSearchParams) => string,
      'duplicate_parameter' | 'state_invalid' | 'body_too_large' | 'invalid_body',
      number,
    ]
  >([
    ['a second code', (form) => `${form.toString()}&code=${MARK}`, 'duplicate_parameter', 400],
    [
      'a second state',
      (form) => `${form.toString()}&state=${form.get('state')}`,
      'duplicate_parameter',
      400,
    ],
    ['no state', () => 'code=x', 'state_invalid', 400],
    ['a forged state', () => `code=x&state=${MARK}`, 'state_invalid', 400],
    ['nothing', () => '', 'state_invalid', 400],
    [
      'more than a cookie holds',
      (form) => `${form.toString()}&session_state=${'x'.repeat(4000)}`,
      'body_too_large',
      413,
    ],
    [
      '64 KB and more',
      (form) => `${form.toString()}&x=${'x'.repeat(64 * 1024)}`,
      'body_too_large',
      413,
    ],
    ['a broken escape', (form) => `${form.toString()}&x=%E0%A4%A`, 'invalid_body', 400],
  ])('with %s is refused', async (_, body, code, status) => {
    const { form, post } = await arrange()
    const contentType = { 'content-type': 'application/x-www-form-urlencoded' }
    const answer = await expectRefusal(() => post(body(form), contentType), code, status)
    expect(answer.headers.getSetCookie()).toEqual([])
  })

  it.each(['application/json', 'multipart/form-data', 'text/plain', ''])(
    'as %j is refused',
    async (type) => {
      const { form, post } = await arrange()
      await expectRefusal(
        () => post(form.toString(), { 'content-type': type }),
        'unsupported_media_type',
        415,
      )
    },
  )

  it('to a provider that does not post is refused without being read', async () => {
    const { browser, form } = await arrange()
    const url = 'https://login.example/auth/sso/callback/second'
    const post = () => browser.request(url, { method: 'POST', body: form, from })
    const answer = await expectRefusal(post, 'method_not_allowed', 405)
    expect(answer.headers.get('allow')).toBe('GET')
  })
})
