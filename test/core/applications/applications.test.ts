import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { createApplications } from '../../../src/core/applications/applications.ts'
import {
  applicationRegistry,
  applications,
  checkSecret,
  knownApplications,
  registerApplication,
} from '../../world/applications.ts'
import { captureLog } from '../../world/log-lines.ts'
import { snapshot } from '../../world/snapshot.ts'

const NOW = 2_524_608_000

describe('a registered application', () => {
  it('is found as it was registered, with the defaults of what was left out', async () => {
    const { id, application } = await registerApplication({ now: NOW })
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    const found = await applications().findOAuthClient(id)
    expect(found).toEqual({ ok: true, value: application })
    expect(application).toMatchObject({
      id,
      name: 'Shop',
      isFirstParty: false,
      status: 'active',
      createdAt: NOW,
      oauth: {
        applicationType: 'web',
        grantTypes: ['authorization_code', 'refresh_token'],
        responseTypes: ['code'],
        tokenEndpointAuthMethod: 'client_secret_basic',
        idTokenSignedResponseAlg: 'RS256',
        subjectType: 'public',
        requirePkce: false,
        requestAdapter: [],
      },
    })
  })

  it('may bring the id and secret that it has elsewhere', async () => {
    const clientSecret = 'brought-along-0123456789-0123456789'
    const { id, secret } = await registerApplication({ clientId: 'shop.1', clientSecret })
    expect([id, secret]).toEqual(['shop.1', clientSecret])
    expect(await checkSecret(id, clientSecret, NOW)).toBe('right')
  })

  it.each([
    // The bridge's name, and what is of the shape of a user's: both stand where a client's name does.
    ['/client_id', { clientId: 'drawbridge' }],
    ['/client_id', { clientId: '0123456789abcdef0123456789abcdef' }],
    ['/client_id', { clientId: '0123456789ABCDEF0123456789ABCDEF' }],
    ['/client_id', { clientId: '..' }],
    ['/client_id', { clientId: '' }],
    ['/client_id', { clientId: 'a/b' }],
    ['/client_id', { clientId: 'a'.repeat(129) }],
    ['/client_secret', { clientSecret: 'brought-along-0123456789-012345' }],
    ['/client_secret', { clientSecret: '012345678'.repeat(5) }],
    ['/client_secret', { clientSecret: 'brought along 0123456789 0123456789' }],
    ['/client_secret', { clientSecret: 'brought-0123456789'.repeat(15) }],
  ])('may not bring, for its %s, %j', async (pointer, brought) => {
    const before = await snapshot()
    const oauth = { redirectUris: ['https://b.example/'] }
    const registered = await applicationRegistry().register({ name: 'B', oauth, ...brought }, NOW)
    expect(registered).toMatchObject({ ok: false, problems: [{ pointer }] })
    expect(await snapshot()).toEqual(before)
  })

  it('does not take the place of another with its id, nor add a secret to it', async () => {
    await registerApplication({ clientId: 'shop', now: NOW })
    const before = await snapshot()
    const again = await applicationRegistry().register(
      { name: 'Other', clientId: 'shop', oauth: { redirectUris: ['https://b.example/'] } },
      NOW,
    )
    expect(again).toEqual({ ok: false, problems: [{ pointer: '/client_id', detail: 'is in use' }] })
    expect(await snapshot()).toEqual(before)
  })

  it('is asked of the directory each time: disabled or removed, it is nobody', async () => {
    const { id, secret } = await registerApplication()
    const registry = applicationRegistry()
    await registry.setStatus(id, 'disabled', NOW)
    const asked = applications()
    expect((await asked.find(id)).ok).toBe(true)
    expect(await asked.findOAuthClient(id)).toMatchObject({
      refusal: { code: 'unknown_application' },
    })
    await registry.setStatus(id, 'active', NOW)
    expect((await asked.findOAuthClient(id)).ok).toBe(true)
    await registry.remove(id)
    expect(await asked.find(id)).toMatchObject({ refusal: { code: 'unknown_application' } })
    expect(await checkSecret(id, secret, NOW)).toBe('wrong_secret')
    const { results } = await env.DIRECTORY.prepare('SELECT * FROM application_secrets').all()
    expect(results).toEqual([])
  })

  it.each([
    '',
    '.',
    '..',
    'a/b',
    'a b',
    "'; DROP TABLE applications; --",
    'ü',
    'x'.repeat(129),
    'a\0b',
  ])('is not found by %j', async (id) => {
    await registerApplication()
    expect(await applications().findOAuthClient(id)).toEqual({
      ok: false,
      refusal: { code: 'unknown_application' },
    })
  })

  it('without the capability is no OAuth client', async () => {
    const registered = await applicationRegistry().register({ name: 'Bare' }, NOW)
    const id = registered.ok ? registered.value.application.id : ''
    expect((await applications().find(id)).ok).toBe(true)
    expect((await applications().findOAuthClient(id)).ok).toBe(false)
  })

  it('gives pages its name, and nothing for what is unknown', async () => {
    const [a, b] = [
      await registerApplication({ name: 'A' }),
      await registerApplication({ name: 'B' }),
    ]
    const names = await applications().namesOf([a.id, 'nobody', b.id, a.id, "'"])
    expect([...names]).toEqual(
      expect.arrayContaining([
        [a.id, 'A'],
        [b.id, 'B'],
      ]),
    )
    expect(names.size).toBe(2)
    expect((await applications().namesOf([])).size).toBe(0)
  })
})

describe('a client secret', () => {
  const check = (id: string, secret: string, now = NOW) => checkSecret(id, secret, now)

  it('is 256 random bits, and kept as a hash only (X01)', async () => {
    const { id, secret } = await registerApplication()
    expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(await check(id, secret)).toBe('right')
    expect(JSON.stringify(await snapshot())).not.toContain(secret.slice(0, 8))
  })

  it.each([
    ['nothing', () => ''],
    ['its beginning', (secret: string) => secret.slice(0, -1)],
    ['more than it', (secret: string) => `${secret}x`],
    ['other capitals', (secret: string) => secret.toUpperCase()],
    ['a text of 100,000 characters', () => 'a'.repeat(100_000)],
    ['text that is not Unicode', () => '\ud800'],
  ])('is not %s', async (_, wrong) => {
    const { id, secret } = await registerApplication()
    expect(await check(id, wrong(secret))).toBe('wrong_secret')
  })

  it('is of one application only', async () => {
    const [a, b] = [await registerApplication(), await registerApplication()]
    expect(await check(a.id, b.secret)).toBe('wrong_secret')
    expect(await check('nobody', a.secret)).toBe('wrong_secret')
  })

  it('is compared, and hashed, as often for an application that has none', async () => {
    const { id } = await registerApplication()
    const compare = vi.spyOn(crypto.subtle, 'timingSafeEqual')
    const digest = vi.spyOn(crypto.subtle, 'digest')
    const work = async (client: string) => {
      compare.mockClear()
      digest.mockClear()
      await check(client, 'wrong')
      return [compare.mock.calls.length, digest.mock.calls.length]
    }
    expect(await work(id)).toEqual(await work('nobody'))
    expect((await work('nobody'))[0]).toBe(1)
  })

  it('is unavailable, not wrong, while the directory is away', async () => {
    captureLog()
    const directory = {
      prepare: () => {
        throw new Error('away')
      },
    } as never
    expect(await knownApplications(directory).judge('a', () => ({ ok: true }), NOW)).toMatchObject({
      refusal: { code: 'unavailable' },
    })
    expect(await createApplications(directory).find('a')).toMatchObject({
      refusal: { code: 'unavailable' },
    })
    expect((await createApplications(directory).namesOf(['0'.repeat(32)])).size).toBe(0)
  })
})

describe('rotating a client secret (Q10)', () => {
  const check = async (id: string, secret: string, now: number) =>
    (await checkSecret(id, secret, now)) === 'right'

  it('keeps the old one for the overlap, to the second', async () => {
    const { id, secret: old } = await registerApplication({ now: NOW })
    const rotated = await applicationRegistry().rotateSecret({ id, overlapSeconds: 60 }, NOW)
    const fresh = rotated.ok ? rotated.value.secret : ''
    expect(fresh).not.toBe(old)
    for (const [now, isOldRight] of [
      [NOW, true],
      [NOW + 59, true],
      [NOW + 60, false],
    ] as const) {
      expect([await check(id, old, now), await check(id, fresh, now)]).toEqual([isOldRight, true])
    }
    expect(await applicationRegistry().secretsOf(id, NOW)).toMatchObject([
      { expiresAt: null },
      { expiresAt: NOW + 60 },
    ])
  })

  it('never gives an old one more time than it had', async () => {
    const { id, secret: first } = await registerApplication({ now: NOW })
    const registry = applicationRegistry()
    await registry.rotateSecret({ id, overlapSeconds: 10 }, NOW)
    await registry.rotateSecret({ id, overlapSeconds: 1000 }, NOW)
    expect([await check(id, first, NOW + 9), await check(id, first, NOW + 10)]).toEqual([
      true,
      false,
    ])
  })

  it('takes away any but the last that is accepted: one that has run out is none', async () => {
    const { id } = await registerApplication({ now: NOW })
    const registry = applicationRegistry()
    const rotated = await registry.rotateSecret({ id, overlapSeconds: 10 }, NOW)
    const secretId = rotated.ok ? rotated.value.id : ''
    const last = await registry.removeSecret({ id, secretId }, NOW + 10)
    expect(last).toMatchObject({ refusal: { code: 'last_secret' } })
    expect((await registry.removeSecret({ id, secretId }, NOW + 9)).ok).toBe(true)
  })

  it('without an overlap ends the old one at once', async () => {
    const { id, secret: old } = await registerApplication({ now: NOW })
    await applicationRegistry().rotateSecret({ id, overlapSeconds: 0 }, NOW)
    expect(await check(id, old, NOW)).toBe(false)
    const { results } = await env.DIRECTORY.prepare('SELECT * FROM application_secrets').all()
    expect(results).toHaveLength(1)
  })

  it('keeps at most ten, and says so', async () => {
    const { id } = await registerApplication({ now: NOW })
    const registry = applicationRegistry()
    const rotate = () => registry.rotateSecret({ id, overlapSeconds: 60 }, NOW)
    for (let i = 0; i < 9; i++) expect((await rotate()).ok).toBe(true)
    const before = await snapshot()
    expect(await rotate()).toMatchObject({ refusal: { code: 'too_many_secrets' } })
    expect(await snapshot()).toEqual(before)
    // At once is always possible: then there is one.
    expect((await registry.rotateSecret({ id, overlapSeconds: 0 }, NOW)).ok).toBe(true)
    expect(await registry.secretsOf(id, NOW)).toHaveLength(1)
  })

  it('is not for who has none', async () => {
    const { id } = await registerApplication({ oauth: { tokenEndpointAuthMethod: 'none' } })
    const registry = applicationRegistry()
    expect(await registry.rotateSecret({ id, overlapSeconds: 0 }, NOW)).toMatchObject({
      refusal: { code: 'no_secret_used' },
    })
    expect(await registry.rotateSecret({ id: 'nobody', overlapSeconds: 0 }, NOW)).toMatchObject({
      refusal: { code: 'unknown_application' },
    })
  })
})

describe('the exceptional grants in use', () => {
  /** The directory, with the rows that were read. */
  function watchedDirectory() {
    let rowsRead = 0
    const prepare = (sql: string) => ({
      async all() {
        const result = await env.DIRECTORY.prepare(sql).all()
        rowsRead += result.meta.rows_read
        return result
      },
    })
    return { directory: { prepare } as unknown as D1Database, rowsRead: () => rowsRead }
  }

  it('are found among two hundred applications by those alone that have one', async () => {
    await registerApplication({
      oauth: { grantTypes: ['implicit'], scope: ['openid'], responseTypes: ['id_token'] },
    })
    await env.DIRECTORY.prepare(
      `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 200)
       INSERT INTO applications (id, name, is_first_party, oauth, created_at, updated_at)
       SELECT 'copy-' || n, 'Shop', 0, '{"grantTypes":["authorization_code"]}', 0, 0 FROM numbers`,
    ).run()
    const { directory, rowsRead } = watchedDirectory()
    expect(await createApplications(directory).exceptionalGrantsInUse()).toEqual({
      ok: true,
      value: ['implicit'],
    })
    expect(rowsRead()).toBeGreaterThan(0)
    expect(rowsRead()).toBeLessThan(10)
  })
})
