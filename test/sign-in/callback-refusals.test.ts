import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import type { UserId } from '../../src/core/sessions/session.ts'
import type { SignInReason } from '../../src/sign-in/outcome.ts'
import type { Browser } from '../world/browser.ts'
import { freezeClock } from '../world/clock.ts'
import { snapshot } from '../world/snapshot.ts'
import { comeBack, createWorld, liveSession, signIn } from '../world/sign-in.ts'
import type { World } from '../world/sign-in.ts'
import { openAtSite } from '../world/sites.ts'
import { expectRefusal, MARK } from './expect-refusal.ts'

const TOKEN = 'https://otrotl.example/token'
const CALLBACK = 'https://login.example/auth/sso/callback'

const arrange = async () => {
  const world = await createWorld()
  return { world, browser: world.newBrowser() }
}

/** The binding, and whatever is asked of it fails while `isDown` says so. */
const awayWhile = (
  binding: 'USER_SESSIONS' | 'CLAIMED_REFERENCES',
  isDown: () => boolean,
): Partial<Env> => ({
  [binding]: new Proxy<object>(env[binding], {
    get(target, name) {
      if (isDown()) throw new Error('overloaded')
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  }),
})

/** Refused before anything was sent or claimed, and the right answer is still accepted afterwards. */
async function expectUnconsumed(
  world: World,
  browser: Browser,
  wrong: URL | string,
  right: URL,
  code: SignInReason,
) {
  const answer = await expectRefusal(() => browser.request(wrong), code)
  expect(world.internet.requestsTo(TOKEN)).toHaveLength(0)
  expect(await world.claims()).toBe(0)
  expect((await browser.request(right)).status).toBe(303)
  expect(await liveSession(browser.session())).toBeDefined()
  return answer
}

const changed = (url: URL, change: (parameters: URLSearchParams) => void): URL => {
  const copy = new URL(url)
  change(copy.searchParams)
  return copy
}

/** Another base64url text for the same bytes: the lowest bit of the letter at `place` is turned over. */
function withOtherSpareBit(text: string, place: number): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const letter = alphabet[alphabet.indexOf(text[place]!) ^ 1]!
  return text.slice(0, place) + letter + text.slice(place + 1)
}

describe('state', () => {
  it.each<[string, (parameters: URLSearchParams, state: string) => void]>([
    ['missing', (query) => query.delete('state')],
    ['empty', (query) => query.set('state', '')],
    ['unknown', (query) => query.set('state', MARK)],
    ['one character short', (query, state) => query.set('state', state.slice(0, -1))],
    ['one character long', (query, state) => query.set('state', `${state}A`)],
    [
      'changed at the start',
      (query, state) => query.set('state', `${state[0] === 'A' ? 'B' : 'A'}${state.slice(1)}`),
    ],
    [
      'changed in the middle',
      (query, state) =>
        query.set(
          'state',
          `${state.slice(0, 60)}${state[60] === 'A' ? 'B' : 'A'}${state.slice(61)}`,
        ),
    ],
    // The last letter of the tag carries four bits that mean nothing to a decoder.
    ['spelled another way', (query, state) => query.set('state', withOtherSpareBit(state, 37))],
    ['in another case', (query, state) => query.set('state', state.toLowerCase())],
    ['huge', (query) => query.set('state', 'A'.repeat(5000))],
    ['of odd characters', (query) => query.set('state', '.. ..\0\u202e%')],
  ])('that is %s is refused', async (_, change) => {
    const { world, browser } = await arrange()
    const right = await comeBack(browser, world.otrotl)
    const wrong = changed(right, (query) => change(query, right.searchParams.get('state')!))
    await expectUnconsumed(world, browser, wrong, right, 'state_invalid')
  })

  it.each(['code', 'state', 'iss', 'error', 'anything'])(
    '%s that stands twice is refused',
    async (name) => {
      const { world, browser } = await arrange()
      const right = await comeBack(browser, world.otrotl)
      for (const value of [right.searchParams.get(name) ?? 'x', 'other']) {
        const wrong = changed(right, (query) => {
          if (!query.has(name)) query.append(name, value)
          query.append(name, value)
        })
        await expectRefusal(() => browser.request(wrong), 'duplicate_parameter')
      }
      expect(world.internet.requestsTo(TOKEN)).toHaveLength(0)
      expect((await browser.request(right)).status).toBe(303)
    },
  )
})

describe('an answer to another browser’s sign-in (login CSRF)', () => {
  it('is refused where somebody is signed in, who stays so', async () => {
    const { world, browser: victim } = await arrange()
    await signIn(victim, world.otrotl, { as: 'alice' })
    const cookie = victim.session()
    const mallory = world.newBrowser()
    const callback = await comeBack(mallory, world.otrotl, { as: 'mallory' })
    const sent = world.internet.requestsTo(TOKEN).length
    await expectRefusal(
      () => victim.request(callback, { from: 'https://evil.example' }),
      'attempt_not_in_this_browser',
    )
    expect((await liveSession(cookie))?.authentication.subject).toBe('sub-alice')
    expect(victim.session()).toBe(cookie)
    expect(world.internet.requestsTo(TOKEN)).toHaveLength(sent)
    expect(await world.claims()).toBe(1)
    // Nothing of Mallory's own sign-in was taken.
    expect((await mallory.request(callback)).status).toBe(303)
  })

  it('is refused where somebody signed in long before, who stays so', async () => {
    const clock = freezeClock()
    const { world, browser: victim } = await arrange()
    await signIn(victim, world.otrotl, { as: 'alice' })
    const cookie = victim.session()
    clock.advance(700)
    const callback = await comeBack(world.newBrowser(), world.otrotl, { as: 'mallory' })
    await expectRefusal(() => victim.request(callback), 'attempt_not_in_this_browser')
    expect((await liveSession(cookie))?.authentication.subject).toBe('sub-alice')
  })

  it('that is as old as the victim’s session is refused once the browser’s own mark is gone', async () => {
    freezeClock()
    const { world, browser: victim } = await arrange()
    const callback = await comeBack(world.newBrowser(), world.otrotl, { as: 'mallory' })
    await signIn(victim, world.otrotl, { as: 'alice' })
    victim.jar.remove('login.example', /browser/)
    await expectRefusal(() => victim.request(callback), 'attempt_not_in_this_browser')
  })

  it('is refused where a sign-in is under way, which goes on', async () => {
    const { world, browser: victim } = await arrange()
    const own = await comeBack(victim, world.otrotl, { as: 'alice' })
    const callback = await comeBack(world.newBrowser(), world.otrotl, { as: 'mallory' })
    await expectUnconsumed(world, victim, callback, own, 'attempt_not_in_this_browser')
    expect((await liveSession(victim.session()))?.authentication.subject).toBe('sub-alice')
  })

  it('at most begins the victim’s own sign-in where nobody is signed in', async () => {
    const { world, browser: victim } = await arrange()
    const callback = await comeBack(world.newBrowser(), world.otrotl, { as: 'mallory' })
    const answer = await victim.request(callback)
    expect(answer.headers.get('location')).toMatch(
      /^https:\/\/login\.example\/auth\/sso\/login\/otrotl\?/,
    )
    expect(answer.headers.getSetCookie()).toEqual([])
    expect(world.internet.requestsTo(TOKEN)).toHaveLength(0)
    await victim.navigate(answer.headers.get('location')!, { as: 'alice' })
    expect((await liveSession(victim.session()))?.authentication.subject).toBe('sub-alice')
  })

  it('does not work with the attacker’s attempt cookie either, when its secrets are another’s', async () => {
    const { world, browser: victim } = await arrange()
    const mallory = world.newBrowser()
    const stolen = await comeBack(mallory, world.otrotl, { as: 'mallory' })
    const own = await comeBack(victim, world.otrotl)
    const [ownCookie] = victim.jar
      .list('login.example')
      .filter(({ name }) => name.includes('attempt'))
    const [hers] = mallory.jar.list('login.example').filter(({ name }) => name.includes('attempt'))
    // The sealed value under another attempt's name is not that attempt.
    victim.jar.put('login.example', { ...ownCookie!, name: hers!.name })
    await expectRefusal(() => victim.request(stolen), 'attempt_unreadable')
    victim.jar.put('login.example', { ...hers!, name: ownCookie!.name })
    await expectRefusal(() => victim.request(own), 'attempt_unreadable')
  })
})

describe('a stolen code', () => {
  it('put into the thief’s own answer fails at the provider or at the nonce', async () => {
    const { world, browser: mallory } = await arrange()
    const victimsCallback = await comeBack(world.newBrowser(), world.otrotl, { as: 'alice' })
    const own = await comeBack(mallory, world.otrotl, { as: 'mallory' })
    const injected = changed(own, (query) =>
      query.set('code', victimsCallback.searchParams.get('code')!),
    )
    await expectRefusal(() => mallory.request(injected), 'code_refused')
    expect(mallory.session()).toBeUndefined()
  })

  it('fails at the nonce where a provider checks no verifier', async () => {
    const { world, browser: mallory } = await arrange()
    const victimsCallback = await comeBack(world.newBrowser(), world.otrotl, { as: 'alice' })
    const own = await comeBack(mallory, world.otrotl, { as: 'mallory' })
    const [victims, thiefs] = world.otrotl.grants
    Object.assign(victims!, { challenge: thiefs!.challenge })
    const injected = changed(own, (query) =>
      query.set('code', victimsCallback.searchParams.get('code')!),
    )
    await expectRefusal(() => mallory.request(injected), 'id_token_invalid')
  })
})

describe('mix-up (RFC 9700 §4.4, RFC 9207)', () => {
  it('an answer at another provider’s callback is refused, and no code is sent anywhere', async () => {
    const { world, browser } = await arrange()
    const right = await comeBack(browser, world.otrotl)
    const elsewhere = new URL(`${CALLBACK}/second${right.search}`)
    const answer = await expectUnconsumed(world, browser, elsewhere, right, 'wrong_provider')
    expect(answer.headers.getSetCookie()).toEqual([])
    expect(world.internet.requestsTo('https://second.example/token')).toHaveLength(0)
  })

  it('an answer at the callback that names no provider counts for the first one', async () => {
    const { world, browser } = await arrange()
    const first = await comeBack(browser, world.otrotl)
    expect((await browser.request(`${CALLBACK}${first.search}`)).status).toBe(303)
    const other = world.newBrowser()
    const second = await comeBack(other, world.second)
    await expectRefusal(() => other.request(`${CALLBACK}${second.search}`), 'wrong_provider')
  })

  it.each<[string, (parameters: URLSearchParams) => void]>([
    ['another provider’s iss', (query) => query.set('iss', 'https://second.example')],
    ['no iss, although the provider says that it sends it', (query) => query.delete('iss')],
    ['an iss with a slash too many', (query) => query.append('iss', `${query.get('iss')}/`)],
    ['a code and an error', (query) => query.set('error', 'access_denied')],
    ['no code and no error', (query) => query.delete('code')],
    ['an ID token in the front channel', (query) => query.set('id_token', 'x.y.z')],
  ])('an answer with %s is refused', async (title, change) => {
    const { world, browser } = await arrange()
    const right = await comeBack(browser, world.otrotl)
    const code = title.includes('too many') ? 'duplicate_parameter' : 'response_invalid'
    await expectUnconsumed(world, browser, changed(right, change), right, code)
  })

  it('code, verifier and secret go to the attempt’s provider only', async () => {
    const { world, browser } = await arrange()
    await signIn(browser, world.otrotl)
    const bodies = world.internet.requests.filter(({ body }) => body.includes('code_verifier'))
    expect(bodies.map(({ url }) => url)).toEqual([TOKEN])
    expect(
      world.internet.requests.every(({ url }) => url.startsWith('https://otrotl.example/')),
    ).toBe(true)
  })

  it.each(['nobody', '__proto__', 'OTROTL'])(
    'a callback of an unknown provider (%s) is refused',
    async (id) => {
      const { world, browser } = await arrange()
      const right = await comeBack(browser, world.otrotl)
      await expectUnconsumed(
        world,
        browser,
        `${CALLBACK}/${id}${right.search}`,
        right,
        'provider_unknown',
      )
    },
  )
})

describe('an attempt', () => {
  it('that is older than ten minutes is refused, though its cookie is still there', async () => {
    const clock = freezeClock()
    const { world, browser } = await arrange()
    const callback = await comeBack(browser, world.otrotl, { returnTo: '/x' })
    const kept = browser.jar.list('login.example')
    clock.advance(600)
    for (const cookie of kept) browser.jar.put('login.example', { ...cookie, expiresAt: undefined })
    const answer = await expectRefusal(() => browser.request(callback), 'attempt_expired')
    expect(await answer.text()).toContain('href="/auth/sso/login/otrotl?return_to=%2Fx"')
    expect(world.internet.requestsTo(TOKEN)).toHaveLength(0)
    expect(await world.claims()).toBe(0)
  })

  it('that is too old is over, whatever the provider answers', async () => {
    const clock = freezeClock()
    const { world, browser } = await arrange()
    world.otrotl.behaviour.authorizationError = 'access_denied'
    const callback = await comeBack(browser, world.otrotl)
    const kept = browser.jar.list('login.example')
    clock.advance(600)
    for (const cookie of kept) {
      browser.jar.put('login.example', { ...cookie, expiresAt: undefined })
    }
    await expectRefusal(() => browser.request(callback), 'attempt_expired')
  })

  it('that runs out while it is being judged is claimed no more, and no code is sent', async () => {
    const clock = freezeClock()
    let isLate = false
    const late = new Proxy(env.USER_SESSIONS, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name)
        if (name !== 'getByName') return member
        return (...asked: unknown[]) => {
          if (isLate) clock.advance(2)
          return Reflect.apply(member as (...asked: unknown[]) => unknown, target, asked)
        }
      },
    })
    const world = await createWorld({}, { USER_SESSIONS: late })
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    const callback = await comeBack(browser, world.otrotl, { ask: { prompt: 'login' } })
    const sent = world.internet.requestsTo(TOKEN).length
    clock.advance(599)
    isLate = true
    const answer = await browser.request(callback)
    expect(await answer.text()).toContain('attempt_expired')
    expect(world.internet.requestsTo(TOKEN)).toHaveLength(sent)
  })

  it('whose cookie was changed is refused', async () => {
    const { world, browser } = await arrange()
    const callback = await comeBack(browser, world.otrotl, { returnTo: '/x' })
    const [cookie] = browser.jar
      .list('login.example')
      .filter(({ name }) => name.includes('attempt'))
    const { value } = cookie!
    const parts = value.split('.')
    const spoiled = [
      '',
      'x',
      value.slice(0, -2),
      `${value}A`,
      parts.with(3, `${parts[3]!.startsWith('A') ? 'B' : 'A'}${parts[3]!.slice(1)}`).join('.'),
      parts.with(0, 'eyJhbGciOiJub25lIn0').join('.'),
      btoa(JSON.stringify({ returnTo: 'https://evil.example' })),
    ]
    for (const bad of spoiled) {
      browser.jar.put('login.example', { ...cookie!, value: bad })
      await expectRefusal(() => browser.request(callback), 'attempt_unreadable')
    }
    browser.jar.put('login.example', cookie!)
    expect((await browser.request(callback)).status).toBe(303)
  })

  it('is over when the provider says no, and the page has a way to try again', async () => {
    const { world, browser } = await arrange()
    world.otrotl.behaviour.authorizationError = 'access_denied'
    const how = { returnTo: '/x', ask: { prompt: 'login', max_age: '60' } }
    const callback = await comeBack(browser, world.otrotl, how)
    const answer = await expectRefusal(() => browser.request(callback), 'access_denied', 403)
    expect(await answer.text()).toContain(
      'href="/auth/sso/login/otrotl?return_to=%2Fx&amp;prompt=login&amp;max_age=60"',
    )
    expect(
      browser.jar.list('login.example').filter(({ name }) => name.includes('attempt')),
    ).toEqual([])
  })

  it.each(['<script>alert(1)</script>', 'a\r\nSet-Cookie: x=1', '\u202egnp.exe', 'x'.repeat(5000)])(
    'that ends with an error of the provider shows nothing of what it says: %j',
    async (description) => {
      const { world, browser } = await arrange()
      world.otrotl.behaviour.authorizationError = 'server_error'
      const right = await comeBack(browser, world.otrotl)
      const wrong = changed(right, (query) => {
        query.set('error_description', `${description}${MARK}`)
        query.set('error_uri', `https://evil.example/${MARK}`)
      })
      const answer = await expectRefusal(() => browser.request(wrong), 'provider_error')
      const html = await answer.text()
      expect(html).not.toContain('alert(1)')
      expect(html).not.toContain('evil.example')
    },
  )

  it.each(['POST', 'HEAD', 'PUT'])('is not finished by %s', async (method) => {
    const { world, browser } = await arrange()
    const right = await comeBack(browser, world.otrotl)
    const answer = await browser.request(right, {
      method: method as 'POST',
      ...(method === 'HEAD' ? {} : { body: right.searchParams }),
    })
    expect(answer.status).toBe(405)
    expect(answer.headers.getSetCookie()).toEqual([])
    expect(await world.claims()).toBe(0)
    expect(world.internet.requestsTo(TOKEN)).toHaveLength(0)
    expect((await browser.request(right)).status).toBe(303)
  })
})

describe('when something is down', () => {
  it('the provider: the page says so, and trying again works', async () => {
    const { world, browser } = await arrange()
    const callback = await comeBack(browser, world.otrotl, { returnTo: '/health' })
    world.otrotl.behaviour.answers = { token: 'serverError' }
    const answer = await expectRefusal(() => browser.request(callback), 'provider_unavailable', 503)
    const again = /id="try-again" href="([^"]+)"/
      .exec(await answer.text())![1]!
      .replaceAll('&amp;', '&')
    world.otrotl.behaviour.answers = {}
    const page = await browser.navigate(new URL(again, 'https://login.example'))
    expect(page.url.href).toBe('https://login.example/health')
    expect(await liveSession(browser.session())).toBeDefined()
  })

  it('its keys: nothing is sent, and the same answer is good later', async () => {
    const { world, browser } = await arrange()
    const callback = await comeBack(browser, world.otrotl)
    world.otrotl.behaviour.answers = { keys: 'serverError' }
    await expectRefusal(() => browser.request(callback), 'provider_unavailable', 503)
    expect(world.internet.requestsTo(TOKEN)).toHaveLength(0)
    expect(await world.claims()).toBe(0)
    world.otrotl.behaviour.answers = {}
    vi.setSystemTime(Date.now() + 11_000)
    expect((await browser.request(callback)).status).toBe(303)
    expect(await liveSession(browser.session())).toBeDefined()
  })

  it('the place where attempts are claimed: nothing is sent, and the same answer is good later', async () => {
    let isDown = true
    const world = await createWorld(
      {},
      awayWhile('CLAIMED_REFERENCES', () => isDown),
    )
    const browser = world.newBrowser()
    const callback = await comeBack(browser, world.otrotl)
    const before = await snapshot()
    const answer = await browser.request(callback)
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '10'])
    expect(await snapshot()).toEqual(before)
    expect(world.internet.requestsTo(TOKEN)).toHaveLength(0)
    isDown = false
    expect((await browser.request(callback)).status).toBe(303)
  })

  it('the sessions: nobody is signed in, and nothing is taken from who comes with one', async () => {
    let isDown = false
    const world = await createWorld(
      {},
      awayWhile('USER_SESSIONS', () => isDown),
    )
    const [alice, bob] = [world.newBrowser(), world.newBrowser()]
    await signIn(alice, world.otrotl)
    const again = await comeBack(alice, world.otrotl, { ask: { prompt: 'login' } })
    const first = await comeBack(bob, world.otrotl, { as: 'bob' })
    const sent = world.internet.requestsTo(TOKEN).length
    isDown = true
    expect((await alice.request(again)).status).toBe(503)
    expect(world.internet.requestsTo(TOKEN)).toHaveLength(sent)
    expect((await bob.request(first)).status).toBe(503)
    expect(bob.session()).toBeUndefined()
    isDown = false
    expect(await liveSession(alice.session())).toBeDefined()
    expect((await alice.request(again)).status).toBe(303)
  })

  it.each(['USER_SESSIONS', 'CLAIMED_REFERENCES'] as const)(
    '%s, asked about an attempt whose cookie is lost: nothing is begun, and later it is',
    async (binding) => {
      let isDown = false
      const world = await createWorld(
        {},
        awayWhile(binding, () => isDown),
      )
      const browser = world.newBrowser()
      if (binding === 'USER_SESSIONS') await signIn(browser, world.otrotl)
      const callback = await comeBack(browser, world.otrotl, { ask: { prompt: 'login' } })
      browser.jar.remove('login.example', /attempt/)
      isDown = true
      await expectRefusal(() => browser.request(callback), 'unavailable', 503)
      isDown = false
      browser.jar.remove('login.example', /session/)
      const answer = await browser.request(callback)
      expect(answer.headers.get('location')).toContain('restarted=1')
    },
  )

  it('the object of who was signed in before: they stay so, and nobody beside them', async () => {
    let stuck: string | undefined
    const objectOf = (name: string) => {
      const object = env.USER_SESSIONS.getByName(name)
      return new Proxy(object, {
        get: (_, method) => async (question: { readonly sid?: string }) => {
          if (method === 'endSession' && question.sid === stuck) throw new Error('overloaded')
          const ask = Reflect.get(object, method) as (asked: unknown) => Promise<unknown>
          return Reflect.apply(ask, object, [question])
        },
      })
    }
    const userSessions = { getByName: objectOf } as unknown as Env['USER_SESSIONS']
    const world = await createWorld({}, { USER_SESSIONS: userSessions })
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    const cookie = browser.session()
    stuck = (await liveSession(cookie))!.sid
    const callback = await comeBack(browser, world.otrotl, { as: 'bob', ask: { prompt: 'login' } })
    expect((await browser.request(callback)).status).toBe(503)
    expect(browser.session()).toBe(cookie)
    expect(await liveSession(cookie)).toBeDefined()
    const { user_id: bob } = (await env.DIRECTORY.prepare(
      `SELECT user_id FROM identities WHERE subject = 'sub-bob'`,
    ).first<{ user_id: UserId }>())!
    expect(await world.core.sessions.list(bob, world.core.clock())).toEqual({ ok: true, value: [] })
    expect(await causesOf(bob)).toEqual(['sign_in_unfinished'])
  })

  it('the directory: nobody is signed in', async () => {
    const { world, browser } = await arrange()
    const callback = await comeBack(browser, world.otrotl)
    vi.spyOn(env.DIRECTORY, 'batch').mockRejectedValue(new Error('D1_ERROR'))
    vi.spyOn(env.DIRECTORY, 'prepare').mockImplementation(() => {
      throw new Error('D1_ERROR')
    })
    const answer = await browser.request(callback)
    expect(answer.status).toBe(503)
    expect(await answer.text()).toContain('unavailable')
    expect(browser.session()).toBeUndefined()
  })

  it('the directory, asked for logouts: nothing of the person’s ends, also what a site shares', async () => {
    let isDown = false
    const directory = new Proxy(env.DIRECTORY, {
      get(target, name) {
        const member = Reflect.get(target, name) as (...args: unknown[]) => unknown
        return (...args: unknown[]) => {
          const isLook = String(args[0]).startsWith('SELECT 1 FROM early_logouts')
          if (isDown && name === 'prepare' && isLook) throw new Error('D1_ERROR')
          return Reflect.apply(member, target, args)
        }
      },
    })
    const world = await createWorld({}, { DIRECTORY: directory })
    const [here, elsewhere] = [world.newBrowser(), world.newBrowser()]
    await signIn(here, world.otrotl)
    const shared = await openAtSite(world, (await liveSession(here.session()))!)
    const callback = await comeBack(elsewhere, world.otrotl)
    isDown = true
    expect((await elsewhere.request(callback)).status).toBe(503)
    expect(elsewhere.session()).toBeUndefined()
    for (const cookie of [here.session(), shared]) expect(await liveSession(cookie)).toBeDefined()
    const { userId } = (await liveSession(shared))!
    expect(await causesOf(userId)).toEqual(['sign_in_unfinished'])
  })
})

/** Why sessions of theirs have ended, as the audit trail has it. */
async function causesOf(userId: UserId): Promise<unknown[]> {
  const { results } = await env.DIRECTORY.prepare(
    `SELECT details ->> 'cause' AS cause FROM audit_events WHERE user_id = ? AND event = 'session.ended'`,
  )
    .bind(userId)
    .all<{ cause: string }>()
  return results.map(({ cause }) => cause)
}
