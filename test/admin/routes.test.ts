import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../src/platform/clock.ts'
import { captureLog } from '../world/log-lines.ts'
import { createWorld, liveSession, signIn } from '../world/sign-in.ts'
import { settings } from '../world/settings.ts'
import { prepareKeyRing } from '../world/signed-by-us.ts'
import { snapshot } from '../world/snapshot.ts'
import { createOperator, unreachable } from './operator.ts'

let log: ReturnType<typeof captureLog>

beforeEach(async () => {
  log = captureLog()
  await prepareKeyRing(systemClock())
})

/** A person who is signed in, with a token. */
async function signedIn(as: 'alice' | 'bob' = 'alice') {
  const world = await createWorld()
  const browser = world.newBrowser()
  await signIn(browser, world.otrotl, { as })
  const session = await liveSession(browser.session())
  const bridge = async () => (await browser.fetch('/auth/sso/token')).status
  const token = await (await browser.fetch('/auth/sso/token')).json<{ access_token: string }>()
  return { world, browser, session: session!, id: session!.userId as string, bridge, token }
}

const events = async (name: string) => {
  const { results } = await env.DIRECTORY.prepare(
    'SELECT event, actor, user_id, reason, details FROM audit_events WHERE event = ?',
  )
    .bind(name)
    .all<{ event: string; actor: string | null; user_id: string | null; details: string }>()
  return results
}

describe('an operator is known by the key', () => {
  const key = settings.ADMIN_API_KEY
  it.each([
    ['none', undefined],
    ['an empty one', 'Bearer '],
    ['a wrong one', 'Bearer wrong-admin-api-key-0123456789-0123456789'],
    ['the beginning of it', `Bearer ${key.slice(0, -1)}`],
    ['more than it', `Bearer ${key}x`],
    ['another secret of ours', `Bearer ${settings.HANDLE_KEY}`],
    ['the key under another scheme', `Basic ${key}`],
    ['the key as a DPoP token', `DPoP ${key}`],
    ['the key alone', key],
    ['two keys', `Bearer ${key}, Bearer ${key}`],
    ['a text of 2,000 characters', `Bearer ${'a'.repeat(2000)}`],
  ])('and refused with %s, on every path, with nothing changed', async (_, authorization) => {
    const { id } = await signedIn()
    const before = await snapshot()
    const { send } = createOperator()
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization }
    for (const [method, path] of [
      ['GET', '/users'],
      ['POST', `/users/${id}/disable`],
      ['DELETE', `/users/${id}/sessions`],
      ['POST', '/cut-offs'],
      ['POST', '/keys/rotate'],
      ['GET', '/openapi.json'],
      ['GET', '/nothing'],
    ] as const) {
      const answer = await send(method, `/admin/api${path}`, { headers })
      expect(answer.status, path).toBe(401)
      expect(answer.headers.get('www-authenticate')).toBe('Bearer')
      expect(answer.headers.get('cache-control')).toBe('no-store')
      expect(answer.headers.get('content-type')).toBe('application/problem+json')
      expect(answer.headers.get('access-control-allow-origin')).toBeNull()
      expect(answer.body).toEqual({
        type: '/admin/api/openapi.json#/components/responses/unauthorized',
        title: 'Not authorized',
        status: 401,
        detail: expect.any(String),
        instance: answer.headers.get('x-request-id'),
        code: 'unauthorized',
      })
    }
    expect(await snapshot()).toEqual(before)
    expect(log.lines.filter(({ event }) => event === 'operator.refused')).toHaveLength(7)
    expect(log.text()).not.toContain(key)
  })

  it('and by an older one that is still listed, not by one that no longer is', async () => {
    const older = 'older-admin-api-key-9876543210-9876543210-9876543210'
    const ask = (keys: string, presented: string) =>
      createOperator({ ADMIN_API_KEY: keys }).send('GET', '/admin/api/users', {
        headers: { authorization: `Bearer ${presented}` },
      })
    expect((await ask(`${key} ${older}`, key)).status).toBe(200)
    expect((await ask(`${key} ${older}`, older)).status).toBe(200)
    expect((await ask(key, older)).status).toBe(401)
  })

  it('whose every listed value is compared, whichever matches', async () => {
    const older = 'older-admin-api-key-9876543210-9876543210-9876543210'
    const { send } = createOperator({ ADMIN_API_KEY: `${key} ${older}` })
    const compare = vi.spyOn(crypto.subtle, 'timingSafeEqual')
    for (const presented of [key, older, 'neither']) {
      compare.mockClear()
      await send('GET', '/admin/api/users', { headers: { authorization: `Bearer ${presented}` } })
      expect(compare.mock.calls.length, presented).toBe(2)
    }
  })

  it('not by a cookie, and shares nothing with another origin', async () => {
    const { browser } = await signedIn()
    const answer = await browser.fetch('/admin/api/users')
    expect(answer.status).toBe(401)
    const { send } = createOperator()
    const preflight = await send('OPTIONS', '/admin/api/users', {
      headers: { origin: 'https://app.example', 'access-control-request-method': 'GET' },
    })
    expect(preflight.status).toBe(401)
    expect([...preflight.headers.keys()].filter((name) => name.startsWith('access-'))).toEqual([])
  })

  it('and counted at a door of its own, right keys and wrong ones alike', async () => {
    const keys: string[] = []
    const limit = async ({ key: counted }: { key: string }) => {
      keys.push(counted)
      return { success: keys.length <= 2 }
    }
    const { ask, send } = createOperator({ ADMIN_LIMIT: { limit } })
    expect((await ask('GET', '/users')).status).toBe(200)
    expect((await send('GET', '/admin/api/%75sers')).status).toBe(401)
    const third = await ask('GET', '/users')
    expect([third.status, third.body.code]).toEqual([429, 'rate_limited'])
    expect(third.headers.get('retry-after')).toBe('60')
    expect(new Set(keys).size).toBe(1)
  })
})

describe('what is not there', () => {
  it('is answered 404, and 405 with the methods, as problem details', async () => {
    const { ask } = createOperator()
    const nobody = '0'.repeat(32)
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/'],
      ['GET', '/nothing'],
      ['GET', `/users/${nobody}`],
      ['GET', '/users/not-an-id'],
      ['GET', `/users/${nobody}/sessions`],
      ['POST', `/users/${nobody}/disable`],
      ['POST', `/users/${nobody}/enable`],
      ['DELETE', `/users/${nobody}/sessions`],
      ['DELETE', `/users/${nobody}/sessions/${nobody}`],
      ['POST', '/keys/unknown/compromise'],
      ['POST', `/keys/${'a'.repeat(43)}/compromise`],
      ['GET', '/cut-offs/unknown'],
    ] as const) {
      const { status, body } = await ask(method, path)
      expect([status, body.code], path).toEqual([404, 'not_found'])
    }
    const headers = { authorization: `Bearer ${settings.ADMIN_API_KEY}` }
    const { send } = createOperator()
    // However a path is written, it is one path.
    expect((await send('GET', '/%61dmin/%61pi/nothing', { headers })).status).toBe(404)
    expect((await send('GET', '/%61dmin/%61pi/users', { headers })).status).toBe(200)
    const wrong = await ask('PUT', '/users')
    expect([wrong.status, wrong.body.code]).toEqual([405, 'method_not_allowed'])
    expect(wrong.headers.get('allow')).toMatch(/GET/)
  })

  it('leaves no object and no row behind', async () => {
    const before = await snapshot()
    const { ask } = createOperator()
    await ask('POST', `/users/${'0'.repeat(32)}/disable`)
    expect(await snapshot()).toEqual(before)
  })
})

describe('users', () => {
  it('are found by id, by the beginning of their address, and by issuer and subject', async () => {
    const alice = await signedIn('alice')
    const bob = await signedIn('bob')
    const { ask } = createOperator()
    const ids = async (query: string) => {
      const { body } = await ask('GET', `/users${query}`)
      return (body.users as { id: string }[]).map(({ id }) => id)
    }
    expect(await ids('')).toHaveLength(2)
    expect(await ids(`?query=${alice.id}`)).toEqual([alice.id])
    expect(await ids('?query=ALICE')).toEqual([alice.id])
    expect(await ids('?query=lice')).toEqual([])
    expect(await ids('?query=%25')).toEqual([])
    const { issuer, subject } = alice.session.authentication
    const by = new URLSearchParams({ issuer, subject }).toString()
    expect(await ids(`?${by}`)).toEqual([alice.id])
    // Who asks for both gets nobody whom one of them excludes.
    for (const query of ['alice', alice.id]) {
      expect(await ids(`?query=${query}&${by}`)).toEqual([alice.id])
    }
    for (const query of ['bob', bob.id]) expect(await ids(`?query=${query}&${by}`)).toEqual([])
  })

  it('come in pages', async () => {
    const all = [(await signedIn('alice')).id, (await signedIn('bob')).id].toSorted()
    const { ask } = createOperator()
    const first = (await ask('GET', '/users?limit=1')).body
    expect(first).toMatchObject({ users: [{ id: all[0] }], next_cursor: all[0] })
    const second = (await ask('GET', `/users?limit=1&cursor=${all[0]}`)).body
    expect(second).toMatchObject({ users: [{ id: all[1] }] })
  })

  it.each([
    '?limit=0',
    '?limit=101',
    '?limit=1e1',
    '?limit=1&limit=2',
    '?cursor=x',
    '?qurey=alice',
    '?issuer=https%3A%2F%2Fotrotl.example',
    '?subject=x',
    '?query=',
  ])('are not searched by %s', async (query) => {
    const { status, body } = await createOperator().ask('GET', `/users${query}`)
    expect([status, body.code]).toEqual([400, 'invalid_request'])
  })

  it('are shown with their identities, and without any secret', async () => {
    const { id, session } = await signedIn()
    const { body } = await createOperator().ask('GET', `/users/${id}`)
    expect(body).toMatchObject({
      id,
      status: 'active',
      is_disable_pending: false,
      identities: [{ provider: 'otrotl', subject: session.authentication.subject }],
    })
    const sessions = (await createOperator().ask('GET', `/users/${id}/sessions`)).body.sessions
    expect(sessions).toMatchObject([{ sid: session.sid, provider: 'otrotl' }])
    expect(JSON.stringify(sessions)).not.toMatch(/secret|hash|token/)
  })
})

describe('the sessions of a user', () => {
  it('end all at once', async () => {
    const alice = await signedIn('alice')
    const bob = await signedIn('bob')
    const { ask } = createOperator()
    const ended = await ask('DELETE', `/users/${alice.id}/sessions`)
    expect([ended.status, ended.body]).toEqual([200, { ended_sessions: 1 }])
    expect([await alice.bridge(), await bob.bridge()]).toEqual([401, 200])
    expect(await events('sessions.ended')).toMatchObject([
      { actor: 'operator', user_id: alice.id, details: '{"cause":"operator","ended":1}' },
    ])
    expect((await ask('DELETE', `/users/${alice.id}/sessions`)).body).toEqual({ ended_sessions: 0 })
  })

  it('end one by one, once; a session of somebody else is not there', async () => {
    const alice = await signedIn('alice')
    const bob = await signedIn('bob')
    const { ask } = createOperator()
    const foreign = await ask('DELETE', `/users/${alice.id}/sessions/${bob.session.sid}`)
    expect(foreign.status).toBe(404)
    expect(await bob.bridge()).toBe(200)
    const path = `/users/${alice.id}/sessions/${alice.session.sid}`
    expect((await ask('DELETE', path)).status).toBe(200)
    expect(await alice.bridge()).toBe(401)
    expect((await ask('DELETE', path)).status).toBe(404)
    expect(await events('session.ended')).toMatchObject([{ actor: 'operator' }])
  })

  it('are left as they are, with 503, when their object does not answer', async () => {
    const alice = await signedIn()
    const { ask } = createOperator({ USER_SESSIONS: unreachable() })
    const answer = await ask('DELETE', `/users/${alice.id}/sessions`)
    expect([answer.status, answer.body.code]).toEqual([503, 'unavailable'])
    expect(answer.headers.get('retry-after')).toBe('5')
    expect(await alice.bridge()).toBe(200)
  })

  it('all end while 20 other things are done by the user: then nothing works (L23)', async () => {
    const { world, id, browser, bridge, token } = await signedIn()
    const { ask } = createOperator()
    const api = (level: string) =>
      browser.fetch('/api/me', { headers: { authorization: `Bearer ${level}` } })
    const before = Array.from({ length: 10 }, () => bridge())
    const ending = ask('DELETE', `/users/${id}/sessions`)
    const during = [
      ...Array.from({ length: 6 }, () => bridge()),
      ...Array.from({ length: 4 }, () => browser.request('https://login.example/dashboard')),
      api(token.access_token),
    ]
    expect((await ending).status).toBe(200)
    await Promise.all([...before, ...during])
    expect(await bridge()).toBe(401)
    expect((await browser.request('https://login.example/dashboard')).status).toBe(303)
    expect((await api(token.access_token)).status).toBe(401)
    const fresh = world.newBrowser()
    await signIn(fresh, world.otrotl)
    expect((await fresh.fetch('/auth/sso/token')).status).toBe(200)
  })
})

describe('keys', () => {
  it('are listed, without their private halves', async () => {
    const { body } = await createOperator().ask('GET', '/keys')
    const keys = body.keys as { state: string }[]
    expect(keys.map(({ state }) => state).toSorted()).toEqual([
      'active',
      'active',
      'announced',
      'announced',
    ])
    expect(JSON.stringify(keys)).not.toMatch(/sealed|private|jwk/i)
  })

  it('are not rotated while the next one is not known everywhere, and are when it is', async () => {
    const { ask } = createOperator()
    vi.setSystemTime(systemClock() * 1000)
    const early = await ask('POST', '/keys/rotate')
    expect([early.status, early.body.code]).toEqual([409, 'announced_too_recently'])
    expect(await events('key.rotated')).toEqual([])
    // It says in how many seconds.
    const ready = systemClock() + Number(early.headers.get('retry-after'))
    vi.setSystemTime((ready - 1) * 1000)
    const later = await ask('POST', '/keys/rotate')
    expect([later.status, later.headers.get('retry-after')]).toEqual([409, '1'])
    vi.setSystemTime(ready * 1000)
    expect((await ask('POST', '/keys/rotate')).body).toEqual({ published: true })
    expect(await events('key.rotated')).toMatchObject([{ actor: 'operator', user_id: null }])
  })

  it('that are compromised take their tokens with them', async () => {
    const alice = await signedIn()
    const { ask } = createOperator()
    const { kid } = JSON.parse(atob(alice.token.access_token.split('.')[0]!)) as { kid: string }
    const answer = await ask('POST', `/keys/${kid}/compromise`)
    expect(answer.body).toEqual({ kid, state: 'compromised', published: true })
    expect(await events('key.compromised')).toMatchObject([{ actor: 'operator' }])
    const world = await createWorld()
    const api = await world.newBrowser().fetch('/api/me', {
      headers: { authorization: `Bearer ${alice.token.access_token}` },
    })
    expect(api.status).toBe(401)
  })

  it.each(['compromise', 'rotate'])(
    'that are turned by %s while KV never answers are turned, which the operator hears and the trail tells',
    async (how) => {
      const { ask } = createOperator()
      vi.setSystemTime((systemClock() + 7200) * 1000)
      const before = (await ask('GET', '/keys')).body.keys as { kid: string; state: string }[]
      const { kid } = before.find(({ state }) => state === 'active')!
      const put = vi.spyOn(env.REVOCATION, 'put').mockReturnValue(new Promise(() => {}))
      const path = how === 'rotate' ? '/keys/rotate' : `/keys/${kid}/compromise`
      // Beside it a cut-off, whose record is written after that of the keys.
      const [turned, cutOff] = await Promise.all([
        ask('POST', path),
        ask('POST', '/cut-offs', { scope: 'everyone', reason: 'operator' }),
      ])
      put.mockRestore()
      expect([turned.status, turned.body.published]).toEqual([200, false])
      expect([cutOff.status, cutOff.body.effective_within_seconds]).toEqual([202, 930])
      const told = log.lines.map(({ event }) => event)
      expect(told).toEqual(expect.arrayContaining([`key.${how}d`, 'sessions.cut_off']))
    },
    60_000,
  )
})

describe('the audit trail', () => {
  it('is read newest first, in pages, and by user', async () => {
    const alice = await signedIn('alice')
    await signedIn('bob')
    const { ask } = createOperator()
    await ask('DELETE', `/users/${alice.id}/sessions`)
    const { body } = await ask('GET', `/audit?user=${alice.id}`)
    const seen = (body.events as { event: string; user: string }[]).map(({ event }) => event)
    expect(seen).toEqual(['sessions.ended', 'login.accepted'])
    const first = (await ask('GET', '/audit?limit=1')).body
    expect(first.events).toMatchObject([{ event: 'sessions.ended', actor: 'operator' }])
    const next = (await ask('GET', `/audit?limit=1&cursor=${first.next_cursor as string}`)).body
    expect(next.events).toMatchObject([{ event: 'login.accepted' }])
    expect((await ask('GET', '/audit')).body.next_cursor).toBeNull()
    expect((await ask('GET', '/audit?cursor=x')).status).toBe(400)
  })

  it('cannot be changed, and keeps what was in it (Y07)', async () => {
    await signedIn()
    for (const statement of ['DELETE FROM audit_events', `UPDATE audit_events SET event = 'x'`]) {
      await expect(
        (async () => {
          await env.DIRECTORY.prepare(statement).run()
        })(),
      ).rejects.toThrow(/append-only/)
    }
  })
})
