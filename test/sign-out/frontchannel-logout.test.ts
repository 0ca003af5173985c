import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { captureLog, decisions } from '../world/log-lines.ts'
import { settings } from '../world/settings.ts'
import { createWorld } from '../world/sign-in.ts'
import type { World } from '../world/sign-in.ts'
import { snapshot } from '../world/snapshot.ts'
import { markers } from './logout-delivery.ts'
import { GONE, LIVES, signedInPerson, whatLivesOf } from './signed-in-person.ts'

const FRONT_CHANNEL = `${settings.ISSUER}/auth/sso/frontchannel-logout`

const frame = (
  world: World,
  query: Record<string, string> | string,
  { path = `${FRONT_CHANNEL}/otrotl`, method = 'GET', headers = {} } = {},
) =>
  world.fetch(
    new Request(`${path}?${new URLSearchParams(query).toString()}`, {
      method,
      headers: {
        'cf-connecting-ip': '192.0.2.8',
        'sec-fetch-dest': 'iframe',
        'sec-fetch-mode': 'navigate',
        'sec-fetch-site': 'cross-site',
        ...headers,
      },
    }),
  )

const iss = 'https://otrotl.example'

describe('the provider’s frame (Front-Channel Logout 1.0 §2)', () => {
  it('ends the session that it names, without any cookie, and no other', async () => {
    const world = await createWorld()
    const me = await signedInPerson(world)
    const elsewhere = await signedInPerson(world)
    const log = captureLog()
    const answer = await frame(world, { iss, sid: me.upstreamSid })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(await whatLivesOf(me)).toEqual(GONE)
    expect(await whatLivesOf(elsewhere)).toEqual(LIVES)
    const told = decisions(log.lines).filter(({ event }) => /^(session|logout)/.test(event))
    expect(told.map(({ event, cause, ended }) => [event, cause ?? ended])).toEqual([
      ['session.ended', 'provider_front_channel'],
      ['logout.accepted', 1],
    ])
  })

  it('may be framed by that provider only, and every other page by nobody', async () => {
    const world = await createWorld()
    for (const provider of [world.otrotl, world.second]) {
      const path = `${FRONT_CHANNEL}/${provider.config.id}`
      const answer = await frame(world, { iss: provider.issuer, sid: 'x' }, { path })
      expect(answer.headers.get('content-security-policy')).toBe(
        `default-src 'none'; frame-ancestors ${provider.issuer}`,
      )
      expect(answer.headers.get('x-frame-options')).toBeNull()
    }
    for (const path of [
      '/auth/login',
      '/auth/sso/logout',
      '/auth/sso/logout/callback',
      '/nowhere',
    ]) {
      const { headers } = await world.newBrowser().request(settings.ISSUER + path)
      expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
      expect(headers.get('x-frame-options')).toBe('DENY')
    }
    const unknown = await frame(world, { iss, sid: 'x' }, { path: `${FRONT_CHANNEL}/nobody` })
    expect(unknown.headers.get('x-frame-options')).toBe('DENY')
  })

  it('does not tell an unknown session from a known one, and leaves no trace of it', async () => {
    const world = await createWorld()
    const me = await signedInPerson(world)
    const known = await frame(world, { iss, sid: me.upstreamSid })
    const before = await snapshot()
    const unknown = await frame(world, { iss, sid: `${me.upstreamSid}x` })
    const again = await frame(world, { iss, sid: me.upstreamSid })
    const look = async (answer: Response) => [
      answer.status,
      await answer.text(),
      [...answer.headers].filter(([name]) => name !== 'x-request-id'),
    ]
    const seen = await look(known)
    expect(await look(unknown)).toEqual(seen)
    expect(await look(again)).toEqual(seen)
    expect(await snapshot()).toEqual(before)
    expect(await markers()).toEqual([])
  })

  it.each([`'`, '"', ' ', '%00', '#&=+', '王', 's'.repeat(1000)])(
    'ends a session called %j',
    async (sid) => {
      const world = await createWorld()
      world.otrotl.behaviour.idTokenClaims = { sid }
      const me = await signedInPerson(world)
      await frame(world, { iss, sid })
      expect(await whatLivesOf(me)).toEqual(GONE)
    },
  )
})

describe('a frame that ends nothing', () => {
  const cases: [
    string,
    (sid: string) => Record<string, string> | string,
    Parameters<typeof frame>[2],
  ][] = [
    ['without sid', () => ({ iss }), {}],
    ['without iss', (sid) => ({ sid }), {}],
    ['with neither', () => ({}), {}],
    ['with an empty sid', () => ({ iss, sid: '' }), {}],
    ['with an endless sid', () => ({ iss, sid: 's'.repeat(2049) }), {}],
    ['with two sids', (sid) => `iss=${iss}&sid=${sid}&sid=${sid}`, {}],
    ['with another provider’s iss', (sid) => ({ iss: 'https://second.example', sid }), {}],
    ['with the iss and a slash', (sid) => ({ iss: `${iss}/`, sid }), {}],
    ['at another provider’s address', (sid) => ({ iss, sid }), { path: `${FRONT_CHANNEL}/second` }],
    ['at nobody’s address', (sid) => ({ iss, sid }), { path: `${FRONT_CHANNEL}/nobody` }],
    ['fetched ahead', (sid) => ({ iss, sid }), { headers: { 'sec-purpose': 'prefetch' } }],
    ['loaded as a picture', (sid) => ({ iss, sid }), { headers: { 'sec-fetch-dest': 'image' } }],
  ]
  it.each(cases)('%s', async (_, query, how) => {
    const world = await createWorld()
    const me = await signedInPerson(world)
    const before = await snapshot()
    const answer = await frame(world, query(me.upstreamSid), how)
    expect(answer.status).toBe(400)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(await snapshot()).toEqual(before)
    expect(await whatLivesOf(me)).toEqual(LIVES)
  })

  it('of the other provider names its own sessions only, whatever they are called', async () => {
    const world = await createWorld()
    const me = await signedInPerson(world)
    const path = `${FRONT_CHANNEL}/second`
    const answer = await frame(
      world,
      { iss: 'https://second.example', sid: me.upstreamSid },
      { path },
    )
    expect(answer.status).toBe(200)
    expect(await whatLivesOf(me)).toEqual(LIVES)
  })

  it.each(['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'])('by %s', async (method) => {
    const world = await createWorld()
    const me = await signedInPerson(world)
    const answer = await frame(world, { iss, sid: me.upstreamSid }, { method })
    expect([204, 405]).toContain(answer.status)
    expect(await whatLivesOf(me)).toEqual(LIVES)
  })

  it('of a client that has asked too often', async () => {
    captureLog()
    const limit = { limit: async () => ({ success: false }) }
    const world = await createWorld({}, { BACK_CHANNEL_LIMIT: limit })
    const me = await signedInPerson(world)
    expect((await frame(world, { iss, sid: me.upstreamSid })).status).toBe(429)
    expect(await whatLivesOf(me)).toEqual(LIVES)
  })
})

describe('what is our own failing is a 503, and the same frame works later:', () => {
  it.each([
    ['the user’s object does not answer', 'USER_SESSIONS', 'getByName'],
    ['the directory does not answer', 'DIRECTORY', 'prepare'],
  ] as const)('%s', async (_, binding, method) => {
    let isDown = false
    const away = new Proxy<object>(env[binding], {
      get(target, name) {
        if (isDown && name === method) throw new Error('overloaded')
        const member = Reflect.get(target, name) as (...args: unknown[]) => unknown
        return (...args: unknown[]) => Reflect.apply(member, target, args)
      },
    })
    const world = await createWorld({}, { [binding]: away })
    const me = await signedInPerson(world)
    captureLog()
    isDown = true
    const answer = await frame(world, { iss, sid: me.upstreamSid })
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5'])
    isDown = false
    expect(await whatLivesOf(me)).toEqual(LIVES)
    expect((await frame(world, { iss, sid: me.upstreamSid })).status).toBe(200)
    expect(await whatLivesOf(me)).toEqual(GONE)
  })
})
