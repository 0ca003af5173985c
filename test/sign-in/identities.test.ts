import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { MARK, expectRefusal } from './expect-refusal.ts'
import { comeBack, createWorld, liveSession, signIn } from '../world/sign-in.ts'
import type { Provider } from '../world/provider.ts'

/** `second` may link, and both are authoritative for corp.test. */
const linking = () =>
  createWorld({
    otrotl: { authoritative_email_domains: ['corp.test'] },
    second: { link_by_verified_email: true, authoritative_email_domains: ['corp.test'] },
  })

type World = Awaited<ReturnType<typeof createWorld>>

const says = (provider: Provider, claims: Record<string, unknown>) => {
  provider.behaviour.userInfo = claims
}

/** Signs in from a browser of its own; the session that comes of it. */
async function arrive(world: World, provider: Provider, claims: Record<string, unknown> = {}) {
  says(provider, claims)
  const browser = world.newBrowser()
  await signIn(browser, provider)
  return liveSession(browser.session())
}

/** The answer to a callback, told to be a refusal with this code. */
async function refused(
  world: World,
  provider: Provider,
  claims: Record<string, unknown>,
  code: 'link_conflict' | 'email_domain_not_allowed' | 'account_disabled',
  status: number,
) {
  says(provider, claims)
  const browser = world.newBrowser()
  const callback = await comeBack(browser, provider)
  return expectRefusal(() => browser.request(callback), code, status)
}

const ceo = { email: 'ceo@corp.test', email_verified: true }

describe('whose account a sign-in opens', () => {
  it('is told by issuer and subject: one subject at two providers is two people', async () => {
    const world = await createWorld()
    const a = await arrive(world, world.otrotl)
    const b = await arrive(world, world.second)
    expect(a?.authentication.subject).toBe(b?.authentication.subject)
    expect(a?.userId).not.toBe(b?.userId)
    expect((await arrive(world, world.otrotl))?.userId).toBe(a?.userId)
  })

  it.each([false, undefined, 'true', 1, ['true'], true])(
    'is never told by an address, where the provider does not link (email_verified %j)',
    async (email_verified) => {
      const world = await createWorld()
      const holder = await arrive(world, world.otrotl, ceo)
      const other = await arrive(world, world.second, { ...ceo, email_verified })
      expect(other?.userId).not.toBe(holder?.userId)
      expect(other?.profile.emailVerified).toBe(false)
    },
  )

  it('does not change when a person takes another’s address upstream', async () => {
    const world = await createWorld()
    const holder = await arrive(world, world.second, ceo)
    const mallory = await arrive(world, world.otrotl, {
      email: 'm@corp.test',
      email_verified: true,
    })
    const again = await arrive(world, world.otrotl, ceo)
    expect(again?.userId).toBe(mallory?.userId)
    expect(again?.userId).not.toBe(holder?.userId)
    expect(again?.profile).toMatchObject({ email: 'ceo@corp.test', emailVerified: false })
  })

  it('is one account for two first sign-ins at once, with two sessions', async () => {
    const world = await createWorld()
    const browsers = [world.newBrowser(), world.newBrowser()]
    const callbacks = await Promise.all(browsers.map((browser) => comeBack(browser, world.otrotl)))
    await Promise.all(browsers.map((browser, i) => browser.request(callbacks[i]!)))
    const sessions = await Promise.all(browsers.map((browser) => liveSession(browser.session())))
    expect(new Set(sessions.map((session) => session?.userId)).size).toBe(1)
    expect(new Set(sessions.map((session) => session?.sid)).size).toBe(2)
    const users = await env.DIRECTORY.prepare('SELECT COUNT(*) AS n FROM users').first()
    expect(users).toEqual({ n: 1 })
  })
})

describe('a provider that may link', () => {
  it('joins a verified address to its holder', async () => {
    const world = await linking()
    const holder = await arrive(world, world.otrotl, ceo)
    const linked = await arrive(world, world.second, { ...ceo, email: 'CEO@Corp.test' })
    expect(linked?.userId).toBe(holder?.userId)
  })

  it('leaves in the audit trail that it did, once', async () => {
    const world = await linking()
    await arrive(world, world.otrotl, ceo)
    await arrive(world, world.second, ceo)
    await arrive(world, world.second, ceo)
    await arrive(world, world.otrotl, { ...ceo, email: 'new@corp.test' })
    const { results } = await env.DIRECTORY.prepare(
      `SELECT details FROM audit_events WHERE event = 'login.accepted' ORDER BY id`,
    ).all<{ details: string }>()
    const facts = results.map(({ details }) => JSON.parse(details) as Record<string, unknown>)
    expect(facts.map((each) => [each.is_new_user, each.is_linked])).toEqual([
      [true, false],
      [false, true],
      [false, false],
      [false, false],
    ])
  })

  it.each([false, undefined, 'true', 1, ['true']])(
    'does not when email_verified is %j: 409, and the person is told what to do',
    async (email_verified) => {
      const world = await linking()
      await arrive(world, world.otrotl, ceo)
      const answer = await refused(
        world,
        world.second,
        { ...ceo, email_verified },
        'link_conflict',
        409,
      )
      const html = await answer.text()
      expect(html).not.toContain('corp.test')
      expect(html).toContain('the way you did before')
    },
  )

  it('never leads the owner of an address into the account of one who claimed it first', async () => {
    const world = await linking()
    const mallory = await arrive(world, world.otrotl, { ...ceo, email_verified: false })
    const owner = await arrive(world, world.second, ceo)
    expect(owner?.userId).not.toBe(mallory?.userId)
    expect(owner?.profile).toMatchObject({ email: 'ceo@corp.test', emailVerified: true })
  })
})

describe('a provider with allowed domains', () => {
  const restricted = () => createWorld({ otrotl: { allowed_email_domains: ['corp.test'] } })

  it('admits its own people', async () => {
    const world = await restricted()
    expect(await arrive(world, world.otrotl, ceo)).toBeDefined()
  })

  it.each([
    'a@evil.test@corp.test',
    'x@evilcorp.test',
    'x@corp.test.evil.test',
    'x@sub.corp.test',
    `x@corp.test\r\n${MARK}`,
  ])('does not admit %j', async (email) => {
    const world = await restricted()
    await refused(
      world,
      world.otrotl,
      { email, email_verified: true },
      'email_domain_not_allowed',
      403,
    )
  })
})

describe('a disabled account', () => {
  it('is told so at the callback, and nothing is opened', async () => {
    const world = await createWorld()
    await arrive(world, world.otrotl)
    await env.DIRECTORY.exec(`UPDATE users SET status = 'disabled'`)
    const answer = await refused(world, world.otrotl, {}, 'account_disabled', 403)
    expect(await answer.text()).not.toContain('try-again')
  })

  it('is told so where only the object of their sessions knows of it', async () => {
    const world = await createWorld()
    const { userId } = (await arrive(world, world.otrotl))!
    await world.core.sessions.disable(userId, world.core.clock())
    const browser = world.newBrowser()
    const answer = await browser.request(await comeBack(browser, world.otrotl))
    expect(answer.status).toBe(403)
    expect(await answer.text()).toContain('account_disabled')
    expect(browser.session()).toBeUndefined()
  })
})

describe('what the provider says besides', () => {
  it('is not copied', async () => {
    const world = await createWorld()
    const claims = {
      is_admin: true,
      roles: ['admin'],
      sid: 'x',
      scope: 'admin',
      tenant: 'x',
      status: 'x',
    }
    const session = await arrive(world, world.otrotl, claims)
    const row = await env.DIRECTORY.prepare('SELECT * FROM users').first()
    expect(JSON.stringify([session, row])).not.toMatch(/admin|tenant/)
    expect(row).toMatchObject({ status: 'active' })
  })

  it('is stored within limits, and shown as text', async () => {
    const world = await createWorld()
    says(world.otrotl, {
      name: `<b>\u202eA\r\n${'x'.repeat(10_000)}`,
      picture: 'javascript:alert(1)',
    })
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    const session = await liveSession(browser.session())
    expect(session?.profile.name).toBe(`<b>A${'x'.repeat(196)}`)
    expect(session?.profile.picture).toBeUndefined()
    const html = await (await browser.request('https://login.example/auth/login')).text()
    expect(html).toContain('&lt;b&gt;A')
    expect(html).not.toContain('<b>A')
  })
})
