import { describe, expect, it } from 'vitest'
import { createSubjects } from '../../../src/core/applications/subject.ts'
import { createSignedClaims } from '../../../src/core/tokens/sign-claims.ts'
import { gatewayFor } from '../../../src/gateway.ts'
import { env } from 'cloudflare:workers'
import { registerApplication } from '../../world/applications.ts'
import type { RegisteredApplication } from '../../world/applications.ts'
import type { Browser } from '../../world/browser.ts'
import { freezeClock, NOON } from '../../world/clock.ts'
import { people } from '../../world/people.ts'
import type { PersonName } from '../../world/people.ts'
import { settings } from '../../world/settings.ts'
import { createWorld, liveSession, signIn } from '../../world/sign-in.ts'
import { prepareKeyRing } from '../../world/signed-by-us.ts'
import { byId } from '../../pages/read-page.ts'
import {
  answerOf,
  ask,
  authorizeUrl,
  click,
  elementsOf,
  go,
  heard,
  press,
  signedInBrowser,
  takeCode,
} from './asking.ts'

/** Somebody who signed in a minute ago, and a clock that moves on as the test says. */
async function aMinuteLater() {
  const clock = freezeClock()
  await prepareKeyRing(NOON)
  const world = await createWorld()
  const app = await registerApplication({ isFirstParty: true })
  const browser = await signedInBrowser(world)
  clock.advance(60)
  return { clock, world, app, browser }
}

const sessionOfCode = async (code: string, app: RegisteredApplication) => {
  const taken = await takeCode(code, app)
  return taken.ok ? taken.value.session : undefined
}

/** An ID token that this application once got. */
async function hintFor(app: RegisteredApplication, browser: Browser, audience = app.id) {
  const session = await liveSession(browser.session())
  const { keys, config } = gatewayFor(env).core!
  const signed = await createSignedClaims({ config, keys }).sign({
    type: 'JWT',
    alg: 'RS256',
    claims: {
      iss: settings.ISSUER,
      sub: await createSubjects([settings.HANDLE_KEY]).subjectFor(app.application, session!.userId),
      aud: audience,
      iat: NOON,
      exp: NOON + 1,
    },
    now: NOON,
  })
  return signed.ok ? signed.value : ''
}

describe('prompt=none', () => {
  it('never shows anything: login_required of nobody, a code of who is there', async () => {
    const { app, browser, world } = await aMinuteLater()
    const stranger = await ask(world.newBrowser(), authorizeUrl(app, { prompt: 'none' }))
    expect(heard(stranger)).toMatchObject({ error: 'login_required', state: 'state-1' })
    expect(stranger.headers.getSetCookie()).toEqual([])
    expect(heard(await ask(browser, authorizeUrl(app, { prompt: 'none' }))).code).toBeTruthy()
  })

  it('is no use of the session', async () => {
    const { app, browser } = await aMinuteLater()
    const before = await liveSession(browser.session())
    await ask(browser, authorizeUrl(app, { prompt: 'none' }))
    expect(await liveSession(browser.session())).toEqual(before)
    await ask(browser, authorizeUrl(app))
    expect((await liveSession(browser.session()))?.lastUsedAt).toBe(NOON + 60)
  })

  it('hears consent_required where the person was never asked', async () => {
    const { browser } = await aMinuteLater()
    const foreign = await registerApplication({ isFirstParty: false })
    const answer = await ask(browser, authorizeUrl(foreign, { prompt: 'none' }))
    expect(heard(answer)).toMatchObject({ error: 'consent_required' })
  })

  it.each([
    { max_age: '30' },
    { claims: '{"id_token":{"acr":{"essential":true,"value":"gold"}}}' },
  ])('hears login_required where the session will not do: %o', async (asked) => {
    const { app, browser } = await aMinuteLater()
    const answer = await ask(browser, authorizeUrl(app, { ...asked, prompt: 'none' }))
    expect(heard(answer).error).toBe('login_required')
  })
})

describe.each([
  ['prompt=login', { prompt: 'login' }],
  ['max_age=0', { max_age: '0' }],
  ['max_age=30 after a minute', { max_age: '30' }],
  ['prompt=login with consent', { prompt: 'login consent' }],
])('%s', (_, asked) => {
  it('has the person sign in again, once, and the session is a newer one', async () => {
    const { app, browser, clock, world } = await aMinuteLater()
    const before = await liveSession(browser.session())
    const waiting = await go(browser, authorizeUrl(app, asked))
    expect(waiting.url.pathname).toBe('/auth/login')
    expect(byId(await elementsOf(waiting), 'continue')).toBeUndefined()
    clock.advance(5)
    let done = await click(browser, waiting, 'sign-in-with-otrotl')
    const upstream = done.trail.find(({ host }) => host === 'otrotl.example')!.searchParams
    const { prompt, max_age: maxAge } = asked as { prompt?: string; max_age?: string }
    expect(upstream.get('prompt')).toBe(prompt === undefined ? null : 'login')
    expect(upstream.get('max_age')).toBe(maxAge ?? null)
    if (prompt === 'login consent') {
      expect(byId(await elementsOf(done), 'allow')).toBeDefined()
      done = await press(browser, done, 'allow')
    }
    const session = await sessionOfCode(answerOf(done).get('code')!, app)
    expect(session?.sid).not.toBe(before?.sid)
    expect(session?.authentication.authTime).toBeGreaterThan(before!.authentication.authTime)
    expect(world.otrotl.grants).toHaveLength(2)
  })

  it('is not satisfied by going back without having signed in', async () => {
    const { app, browser } = await aMinuteLater()
    const { searchParams } = (await go(browser, authorizeUrl(app, asked))).url
    expect(searchParams.get('asked')).toBeTruthy()
    const cancel = byId(
      await elementsOf(await go(browser, authorizeUrl(app, asked))),
      'cancel',
    )!.attributes.get('href')!
    const resume = cancel.replace('/cancel', '').replaceAll('&amp;', '&')
    const again = await go(browser, `https://login.example${resume}`)
    expect(again.url.pathname).toBe('/auth/login')
  })
})

describe('a session that is fresh enough', () => {
  it.each([{ max_age: '10000' }, { max_age: '60' }])('does for %o', async (asked) => {
    const { app, browser } = await aMinuteLater()
    const answer = await ask(browser, authorizeUrl(app, asked))
    const taken = await takeCode(heard(answer).code!, app)
    expect(taken.ok).toBe(true)
  })

  it('is not one that is too old by a part of a second', async () => {
    const { app, browser, clock } = await aMinuteLater()
    clock.advance(0.2)
    const answer = await ask(browser, authorizeUrl(app, { max_age: '60', prompt: 'none' }))
    expect(heard(answer).error).toBe('login_required')
  })

  it('does not have to be as fresh again after the person has taken their time', async () => {
    const { app, browser, clock } = await aMinuteLater()
    const waiting = await go(browser, authorizeUrl(app, { max_age: '1', prompt: 'consent' }))
    clock.advance(5)
    const consent = await click(browser, waiting, 'sign-in-with-otrotl')
    clock.advance(100)
    const done = await press(browser, consent, 'allow')
    expect(answerOf(done).get('code')).toBeTruthy()
  })

  it('is not one that another tab began before the request, at a provider that asked nobody', async () => {
    const { app, browser, clock, world } = await aMinuteLater()
    const waiting = await go(browser, authorizeUrl(app, { prompt: 'login' }))
    clock.advance(5)
    // The provider still knows the person from an hour ago.
    await browser.navigate(
      'https://login.example/auth/sso/login/otrotl?return_to=/health&prompt=consent',
      {
        from: 'https://login.example',
        as: 'alice',
        authTime: NOON - 3600,
      },
    )
    expect(world.otrotl.grants).toHaveLength(2)
    const href = byId(await elementsOf(waiting), 'cancel')!.attributes.get('href')!
    const resume = href.replace('/cancel', '').replaceAll('&amp;', '&')
    const again = await go(browser, `https://login.example${resume}`)
    expect(again.url.pathname).toBe('/auth/login')
  })
})

describe('sign-ins that are never what was asked for', () => {
  it('end with login_required, not in a circle', async () => {
    const { app, browser } = await aMinuteLater()
    const first = await go(browser, authorizeUrl(app, { prompt: 'login' }))
    const href = byId(await elementsOf(first), 'cancel')!.attributes.get('href')!
    const resume = `https://login.example${href.replace('/cancel', '').replaceAll('&amp;', '&')}`
    const places: string[] = []
    for (let round = 0; round < 6; round += 1) places.push((await go(browser, resume)).url.host)
    expect(places.indexOf('shop.example')).toBe(4)
  })
})

describe('prompt=select_account', () => {
  it('offers to go on, and takes the person at their word', async () => {
    const { app, browser, world } = await aMinuteLater()
    const page = await go(browser, authorizeUrl(app, { prompt: 'select_account' }))
    expect(page.url.pathname).toBe('/auth/login')
    const done = await click(browser, page, 'continue')
    expect(answerOf(done).get('code')).toBeTruthy()
    expect(world.otrotl.grants).toHaveLength(1)
  })

  it('lets somebody else sign in', async () => {
    const { app, browser, clock } = await aMinuteLater()
    const page = await go(browser, authorizeUrl(app, { prompt: 'select_account' }))
    clock.advance(5)
    const done = await click(browser, page, 'sign-in-with-otrotl', 'bob')
    const session = await sessionOfCode(answerOf(done).get('code')!, app)
    expect(session?.profile.name).toBe(people.bob.name)
  })
})

describe('a provider whose clock is ahead', () => {
  it.each([{ prompt: 'login' }, { max_age: '0' }])(
    'has asked nobody again who signed in before the request: %j',
    async (asked) => {
      const clock = freezeClock()
      await prepareKeyRing(NOON)
      const world = await createWorld()
      const app = await registerApplication({ isFirstParty: true })
      const browser = world.newBrowser()
      await signIn(browser, world.otrotl, { authTime: NOON + 50 })
      clock.advance(5)
      expect((await go(browser, authorizeUrl(app, asked))).url.pathname).toBe('/auth/login')
    },
  )
})

describe('id_token_hint', () => {
  const asked = async (prompt?: string, as: PersonName = 'alice') => {
    const place = await aMinuteLater()
    const hint = await hintFor(place.app, place.browser)
    const other = await signedInBrowser(place.world, as)
    place.clock.advance(5)
    return { ...place, other, url: authorizeUrl(place.app, { id_token_hint: hint, prompt }) }
  }

  it('of the person who is there: a code, though it has expired', async () => {
    const { other, url } = await asked('none')
    expect(heard(await ask(other, url)).code).toBeTruthy()
  })

  it('of somebody else: login_required, silently', async () => {
    const { other, url } = await asked('none', 'bob')
    expect(heard(await ask(other, url)).error).toBe('login_required')
  })

  it('of somebody else: that person has to sign in, and nobody else will do', async () => {
    const { other, url, clock } = await asked(undefined, 'bob')
    const page = await go(other, url)
    expect(page.url.pathname).toBe('/auth/login')
    clock.advance(5)
    const wrong = await click(other, page, 'sign-in-with-otrotl', 'bob')
    expect(heard(wrong).error).toBe('login_required')
    const again = await go(other, url)
    clock.advance(5)
    const right = await click(other, again, 'sign-in-with-otrotl', 'alice')
    expect(heard(right).code).toBeTruthy()
  })

  it('to another application, or by nobody of ours, is refused', async () => {
    const { app, browser } = await aMinuteLater()
    for (const hint of [await hintFor(app, browser, 'somebody'), 'x', 'e30.e30.e30']) {
      const answer = await ask(browser, authorizeUrl(app, { id_token_hint: hint }))
      expect(heard(answer).error, hint).toBe('invalid_request')
    }
  })
})

describe('claims that decide', () => {
  const claims = (members: object) => JSON.stringify({ id_token: members })

  it('sub: the person must be this one', async () => {
    const { app, browser } = await aMinuteLater()
    const session = await liveSession(browser.session())
    const answerTo = async (value: string) =>
      heard(
        await ask(
          browser,
          authorizeUrl(app, { prompt: 'none', claims: claims({ sub: { value } }) }),
        ),
      )
    expect((await answerTo(session!.userId)).code).toBeTruthy()
    expect((await answerTo('0'.repeat(32))).error).toBe('login_required')
  })

  it('sub: nobody else than a hint beside it says', async () => {
    const { app, browser } = await aMinuteLater()
    const hint = await hintFor(app, browser)
    const { userId } = (await liveSession(browser.session()))!
    const answerTo = async (value: string) => {
      const parameters = { id_token_hint: hint, claims: claims({ sub: { value } }) }
      return heard(await ask(browser, authorizeUrl(app, parameters)))
    }
    expect((await answerTo(userId)).code).toBeTruthy()
    expect((await answerTo('0'.repeat(32))).error).toBe('invalid_request')
  })

  it('an essential acr: one of them, or no answer', async () => {
    const { app, browser, clock, world } = await aMinuteLater()
    const url = authorizeUrl(app, {
      claims: claims({ acr: { essential: true, values: ['gold', 'silver'] } }),
    })
    world.otrotl.behaviour.idTokenClaims = { acr: 'bronze' }
    const page = await go(browser, url)
    clock.advance(5)
    const plain = await click(browser, page, 'sign-in-with-otrotl')
    expect(heard(plain).error).toBe('unmet_authentication_requirements')
    world.otrotl.behaviour.idTokenClaims = { acr: 'silver' }
    const again = await go(browser, url)
    clock.advance(5)
    const done = await click(browser, again, 'sign-in-with-otrotl')
    expect(done.trail.some(({ searchParams: s }) => s.get('acr_values') === 'gold silver')).toBe(
      true,
    )
    expect(heard(done).code).toBeTruthy()
  })

  it('an essential acr without values: any will do, and none as well', async () => {
    const { app, browser } = await aMinuteLater()
    const asked = { prompt: 'none', claims: claims({ acr: { essential: true } }) }
    expect(heard(await ask(browser, authorizeUrl(app, asked))).code).toBeTruthy()
  })

  it('acr_values are a wish: passed on, and nobody signs in again for them', async () => {
    const { app, browser, world } = await aMinuteLater()
    expect(heard(await ask(browser, authorizeUrl(app, { acr_values: '1 2' }))).code).toBeTruthy()
    const fresh = world.newBrowser()
    const page = await go(fresh, authorizeUrl(app, { acr_values: '1 2', ui_locales: 'fi' }))
    const done = await click(fresh, page, 'sign-in-with-otrotl')
    const upstream = done.trail.find(({ host }) => host === 'otrotl.example')!.searchParams
    expect(upstream.get('acr_values')).toBe('1 2')
    expect(upstream.get('ui_locales')).toBe('fi')
    expect(heard(done).code).toBeTruthy()
  })
})
