import { exports } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/platform/clock.ts'
import { dumpOf, openInput, sessionsOf, signedIn } from '../core/sessions/signed-in-user.ts'
import { all, byId, readPage } from '../pages/read-page.ts'
import { settings } from '../world/settings.ts'

type User = Awaited<ReturnType<typeof signedIn>>

const cookieOf = ({ cookie }: { cookie: string }) => ({
  cookie: `__Host-drawbridge_session=${cookie}`,
})

const get = async (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  exports.default.fetch(settings.ISSUER + path, { method, headers, redirect: 'manual' })

/** As a browser posts a form of our page, whose referrer policy makes the origin `null`. */
const post = async (path: string, user: User, fields: [string, string][] = []) =>
  exports.default.fetch(settings.ISSUER + path, {
    method: 'POST',
    headers: { ...cookieOf(user), origin: 'null', 'sec-fetch-site': 'same-origin' },
    body: new URLSearchParams(fields),
    redirect: 'manual',
  })

const isLive = async ({ cookie }: User) => (await sessionsOf().peek(cookie, systemClock())).ok

const expectRedirect = (response: Response, location: string) => {
  expect(response.status).toBe(303)
  expect(response.headers.get('location')).toBe(location)
  expect(response.headers.get('cache-control')).toBe('no-store')
}

describe('GET /account', () => {
  it('shows where the person is signed in, this browser first, and a form for each', async () => {
    const user = await signedIn(systemClock())
    const other = await signedIn(systemClock(), user.userId)
    const response = await get('/account', cookieOf(user))
    expect(response.status).toBe(200)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('vary')).toBe('Cookie')
    const elements = await readPage(response.text())
    const items = elements.filter(({ attributes }) => attributes.has('data-session'))
    expect(items.map(({ attributes }) => attributes.get('data-session'))).toEqual([
      user.session.sid,
      other.session.sid,
    ])
    expect(items[0]!.text).toContain('This browser')
    expect(items[1]!.text).not.toContain('This browser')
    for (const { text } of items) expect(text).toMatch(/Firefox on Linux.*OTROTL/)
    const times = all(elements, 'time').map(({ attributes }) => attributes.get('datetime'))
    expect(times).toContain(new Date(user.session.startedAt * 1000).toISOString())
    const forms = all(elements, 'form').map(({ attributes }) => [
      attributes.get('method'),
      attributes.get('action'),
    ])
    expect(forms).toEqual([
      ['post', '/account/sessions/end-others'],
      ['post', '/account/sessions/end'],
      ['post', '/account/sessions/end'],
    ])
    expect(byId(elements, 'to-dashboard')!.attributes.get('href')).toBe('/dashboard')
  })

  it('says in words how a session came about that no provider knows of', async () => {
    const user = await signedIn(systemClock())
    const opened = ['local', 'storage'].map((providerId) => {
      const { authentication, ...input } = openInput(systemClock(), user.userId)
      const how = { ...authentication, providerId, applicationId: 'shop' }
      return sessionsOf().open({ ...input, authentication: how })
    })
    await Promise.all(opened)
    const elements = await readPage((await get('/account', cookieOf(user))).text())
    const items = elements.filter(({ attributes }) => attributes.has('data-session'))
    const text = items.map((item) => item.text).join()
    expect(text).toContain('a password')
    expect(text).toContain('a site that shares its sign-in')
    expect(text).not.toMatch(/\blocal\b|\bstorage\b/)
  })

  it('is led to by the dashboard', async () => {
    const user = await signedIn(systemClock())
    const elements = await readPage((await get('/dashboard', cookieOf(user))).text())
    expect(byId(elements, 'to-account')!.attributes.get('href')).toBe('/account')
  })

  it('shows sessions of nobody else, and no secret of one’s own', async () => {
    const user = await signedIn(systemClock())
    const stranger = await signedIn(systemClock())
    const page = await (await get('/account', cookieOf(user))).text()
    for (const text of [stranger.session.sid, user.cookie, 'subject-1', 'upstream-1', 'eyJ']) {
      expect(page).not.toContain(text)
    }
  })

  it('leads anyone without a session to sign in and back', async () => {
    for (const path of ['/account', '/account/sessions/end-all']) {
      expectRedirect(await get(path), '/auth/login?return_to=%2Faccount')
      expectRedirect(await get(path, cookieOf({ cookie: 'x' })), '/auth/login?return_to=%2Faccount')
    }
  })

  it('counts a visit as use of the session, and nothing else', async () => {
    const user = await signedIn(systemClock() - 100)
    const before = await dumpOf(user.userId)
    await get('/account', cookieOf(user), 'HEAD')
    await get('/account', { ...cookieOf(user), 'sec-purpose': 'prefetch' })
    expect(await dumpOf(user.userId)).toBe(before)
    await get('/account', cookieOf(user))
    expect(await dumpOf(user.userId)).not.toBe(before)
  })
})

describe('the forms of /account', () => {
  it('end one other session, and lead back', async () => {
    const user = await signedIn(systemClock())
    const other = await signedIn(systemClock(), user.userId)
    const response = await post('/account/sessions/end', user, [['sid', other.session.sid]])
    expectRedirect(response, '/account')
    expect(response.headers.get('set-cookie')).toBeNull()
    expect([await isLive(user), await isLive(other)]).toEqual([true, false])
    const again = await post('/account/sessions/end', user, [['sid', other.session.sid]])
    expectRedirect(again, '/account')
  })

  it('end the session of this browser, and lead to the sign-in page', async () => {
    const user = await signedIn(systemClock())
    const response = await post('/account/sessions/end', user, [['sid', user.session.sid]])
    expectRedirect(response, '/auth/login?return_to=%2Faccount')
    expect(response.headers.get('set-cookie')).toContain('Max-Age=0')
    expect(await isLive(user)).toBe(false)
  })

  it('end all others', async () => {
    const user = await signedIn(systemClock())
    const other = await signedIn(systemClock(), user.userId)
    expectRedirect(await post('/account/sessions/end-others', user), '/account')
    expect([await isLive(user), await isLive(other)]).toEqual([true, false])
  })

  it('end all, after asking', async () => {
    const user = await signedIn(systemClock())
    const other = await signedIn(systemClock(), user.userId)
    const asked = await get('/account/sessions/end-all', cookieOf(user))
    const elements = await readPage(asked.text())
    expect(byId(elements, 'confirm')!.attributes.get('action')).toBe('/account/sessions/end-all')
    expect(await isLive(user)).toBe(true)
    const response = await post('/account/sessions/end-all', user)
    expectRedirect(response, '/auth/login?return_to=%2Faccount')
    expect(response.headers.get('set-cookie')).toContain('Max-Age=0')
    expect([await isLive(user), await isLive(other)]).toEqual([false, false])
  })

  it.each([
    [[]],
    [[['sid', '']]],
    [[['sid', 'x']]],
    [[['sid', '0'.repeat(32)]]],
    [[['SID', 'own']]],
    [
      [
        ['sid', 'own'],
        ['sid', 'own'],
      ],
    ],
    [[['sid', 'stranger']]],
  ] as [string, string][][][])('end nothing that is not named: %j', async (fields) => {
    const user = await signedIn(systemClock())
    const stranger = await signedIn(systemClock())
    const sids = { own: user.session.sid, stranger: stranger.session.sid } as Record<string, string>
    const before = [await dumpOf(user.userId), await dumpOf(stranger.userId)]
    const named = fields.map(([name, value]): [string, string] => [name, sids[value] ?? value])
    const response = await post('/account/sessions/end', user, named)
    expect(response.status).toBe(404)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(byId(await readPage(response.text()), 'error-code')!.text).toBe('unknown_session')
    expect([await dumpOf(user.userId), await dumpOf(stranger.userId)]).toEqual(before)
  })

  it('are refused from another site’s page, and end nothing', async () => {
    const user = await signedIn(systemClock())
    const before = await dumpOf(user.userId)
    for (const path of ['end', 'end-others', 'end-all']) {
      const response = await exports.default.fetch(`${settings.ISSUER}/account/sessions/${path}`, {
        method: 'POST',
        headers: { ...cookieOf(user), origin: 'https://evil.example' },
        body: new URLSearchParams({ sid: user.session.sid }),
      })
      expect(response.status).toBe(403)
      expect(byId(await readPage(response.text()), 'error-code')!.text).toBe('not_from_our_page')
    }
    expect(await dumpOf(user.userId)).toBe(before)
  })

  it('lead to sign in when the session has ended meanwhile', async () => {
    const user = await signedIn(systemClock())
    await sessionsOf().end(user.userId, user.session.sid, 'person', systemClock())
    for (const path of ['end', 'end-others', 'end-all']) {
      const response = await post(`/account/sessions/${path}`, user, [['sid', user.session.sid]])
      expectRedirect(response, '/auth/login?return_to=%2Faccount')
    }
  })
})
