import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import type { IdentityProviderConfig } from '../../../src/config.ts'
import { newSessionId } from '../../../src/core/sessions/session.ts'
import type { UntrustedClaims } from '../../../src/core/users/profile-claims.ts'
import type { User } from '../../../src/core/users/user.ts'
import { createUserDirectory } from '../../../src/core/users/user-directory.ts'
import { createUsers } from '../../../src/core/users/users.ts'
import { NOON } from '../../world/clock.ts'
import { otrotlConfig, secondConfig } from '../../world/config.ts'
import { snapshot } from '../../world/snapshot.ts'

const users = () => createUsers(env.DIRECTORY)

/** Trusted for corp.test, and allowed to link. */
const corporate: IdentityProviderConfig = {
  ...secondConfig,
  linkByVerifiedEmail: true,
  authoritativeEmailDomains: ['corp.test'],
}
/** Trusted for corp.test; its people are simply known to be who they say. */
const home: IdentityProviderConfig = { ...otrotlConfig, authoritativeEmailDomains: ['corp.test'] }

const verified = (email: string): UntrustedClaims => ({ email, email_verified: true })

const attempt = (
  provider: IdentityProviderConfig,
  subject: string,
  claims: UntrustedClaims = {},
  now = NOON,
) => users().signIn({ provider, issuer: provider.issuer, subject, claims, now })

async function signIn(...how: Parameters<typeof attempt>): Promise<User> {
  const result = await attempt(...how)
  if (!result.ok) throw new Error(result.refusal.code)
  return result.value.user
}

const refusalOf = async (...how: Parameters<typeof attempt>) => {
  const before = await snapshot()
  const result = await attempt(...how)
  expect(await snapshot()).toEqual(before)
  return result.ok ? 'admitted' : result.refusal.code
}

const disable = (id: string) =>
  env.DIRECTORY.prepare(`UPDATE users SET status = 'disabled' WHERE id = ?1`).bind(id).run()

const count = async (table: 'users' | 'identities' | 'upstream_sessions') =>
  (await env.DIRECTORY.prepare(`SELECT COUNT(*) AS n FROM ${table}`).first<{ n: number }>())?.n

describe('an identity is (issuer, subject)', () => {
  it('opens the same account every time', async () => {
    const first = await attempt(otrotlConfig, '42', { name: 'Alice' })
    const second = await attempt(otrotlConfig, '42', { name: 'Alice' }, NOON + 60)
    expect(first).toMatchObject({ ok: true, value: { isNew: true } })
    expect(second).toMatchObject({ ok: true, value: { isNew: false } })
    expect((await signIn(otrotlConfig, '42')).id).toBe(first.ok && first.value.user.id)
    expect(await count('users')).toBe(1)
  })

  it('goes by the id that its provider has now, so that a cut-off of that one finds the person', async () => {
    const { id } = await signIn(otrotlConfig, '42')
    const renamed = { ...otrotlConfig, id: 'renamed' }
    expect((await signIn(renamed, '42')).id).toBe(id)
    const people = createUserDirectory(env.DIRECTORY)
    expect(await people.ids({ providerId: 'renamed' }, '', 10)).toEqual([id])
    expect(await people.hasProvider(otrotlConfig.id)).toBe(false)
  })

  it('of one subject at two providers opens two accounts', async () => {
    const a = await signIn(otrotlConfig, '42', verified('a@corp.test'))
    const b = await signIn(secondConfig, '42', verified('a@corp.test'))
    expect(a.id).not.toBe(b.id)
  })

  it.each([
    ['Alice', 'alice'],
    ['alice', 'alice '],
    ['é', 'e\u0301'],
    ['1', '01'],
    ["' OR 1=1 --", '1'],
    ['%', 'anything'],
  ])('is compared exactly: %j is not %j', async (one, other) => {
    expect((await signIn(otrotlConfig, one)).id).not.toBe((await signIn(otrotlConfig, other)).id)
  })

  it('signing in 20 times at once for the first time makes one account', async () => {
    const ids = await Promise.all(
      Array.from(
        { length: 20 },
        async () => (await signIn(otrotlConfig, 'new', verified('n@corp.test'))).id,
      ),
    )
    expect(new Set(ids).size).toBe(1)
    expect(await count('users')).toBe(1)
    expect(await count('identities')).toBe(1)
    expect((await users().find(ids[0]!))?.emailVerified).toBe(true)
  })
})

describe('the profile', () => {
  it('is kept in step, and a claim that is not there changes nothing', async () => {
    const { id } = await signIn(otrotlConfig, 's', {
      name: 'Old',
      picture: 'https://p.example/1',
      ...verified('old@corp.test'),
    })
    await signIn(otrotlConfig, 's', { name: 'New' }, NOON + 1)
    expect(await users().find(id)).toMatchObject({
      name: 'New',
      email: 'old@corp.test',
      emailVerified: true,
      picture: 'https://p.example/1',
      createdAt: NOON,
    })
    await signIn(otrotlConfig, 's', { email: 'new@corp.test' }, NOON + 2)
    expect(await users().find(id)).toMatchObject({ email: 'new@corp.test', emailVerified: false })
  })

  it('takes nothing from the provider but the named claims', async () => {
    const claims = {
      name: 'Eve',
      is_admin: true,
      roles: ['admin'],
      status: 'disabled',
      id: 'x',
      sid: 'x',
    }
    const { id } = await signIn(otrotlConfig, 's', claims)
    const row = await env.DIRECTORY.prepare('SELECT * FROM users').first<Record<string, unknown>>()
    expect(row).toMatchObject({ id, name: 'Eve', status: 'active', email: null, picture: null })
    expect(JSON.stringify(row)).not.toMatch(/admin/)
  })

  it('has no address when the provider sends an unusable one', async () => {
    const user = await signIn(otrotlConfig, 's', verified('a@evil.test@corp.test'))
    expect(user).toMatchObject({ email: undefined, emailVerified: false })
  })

  it('that takes over the verified address of another account is its own and unverified', async () => {
    const holder = await signIn(home, 'holder', verified('ceo@corp.test'))
    const other = await signIn(home, 'other', verified('other@corp.test'))
    const changed = await signIn(home, 'other', verified('CEO@corp.test'), NOON + 5)
    expect(changed).toMatchObject({ id: other.id, email: 'CEO@corp.test', emailVerified: false })
    expect(await users().find(holder.id)).toEqual(holder)
  })
})

describe('a provider that does not link', () => {
  it.each([{}, { email_verified: false }, { email_verified: 'true' }, { email_verified: true }])(
    'gives its people accounts of their own, whatever address they claim (%j)',
    async (more) => {
      const holder = await signIn(home, 'holder', verified('ceo@corp.test'))
      const other = await signIn(secondConfig, 'x', { email: 'ceo@corp.test', ...more })
      expect(other.id).not.toBe(holder.id)
      expect(other.emailVerified).toBe(false)
      expect(await users().find(holder.id)).toEqual(holder)
    },
  )
})

describe('linking by verified e-mail', () => {
  it('joins a first sign-in to the account that holds the address', async () => {
    const holder = await signIn(home, 'holder', verified('ceo@corp.test'))
    const linked = await attempt(
      corporate,
      'x',
      { name: 'Chief', ...verified('CEO@Corp.test') },
      NOON + 1,
    )
    expect(linked).toMatchObject({
      ok: true,
      value: { isNew: false, user: { id: holder.id, name: 'Chief' } },
    })
    expect((await signIn(corporate, 'x', {}, NOON + 2)).id).toBe(holder.id)
    expect((await signIn(home, 'holder', {}, NOON + 3)).id).toBe(holder.id)
    expect(await count('users')).toBe(1)
  })

  it('joins 20 first sign-ins at once to that one account', async () => {
    const holder = await signIn(home, 'holder', verified('ceo@corp.test'))
    const ids = await Promise.all(
      Array.from(
        { length: 20 },
        async () => (await signIn(corporate, 'x', verified('ceo@corp.test'))).id,
      ),
    )
    expect(new Set(ids)).toEqual(new Set([holder.id]))
    expect(await count('identities')).toBe(2)
  })

  it.each([
    ['missing', {}],
    ['false', { email_verified: false }],
    ['"true"', { email_verified: 'true' }],
    ['1', { email_verified: 1 }],
    ['["true"]', { email_verified: ['true'] }],
  ])('is refused when email_verified is %s', async (_, more) => {
    await signIn(home, 'holder', verified('ceo@corp.test'))
    expect(await refusalOf(corporate, 'x', { email: 'ceo@corp.test', ...more })).toBe(
      'link_conflict',
    )
  })

  it('is refused for a domain that the provider is not authoritative for', async () => {
    const everywhere = { ...home, authoritativeEmailDomains: ['corp.test', 'other.test'] }
    await signIn(everywhere, 'holder', verified('ceo@other.test'))
    expect(await refusalOf(corporate, 'x', verified('ceo@other.test'))).toBe('link_conflict')
  })

  it('is refused when the holder was verified only by a provider that is not authoritative', async () => {
    await signIn(otrotlConfig, 'mallory', verified('ceo@corp.test'))
    expect(await refusalOf(corporate, 'ceo', verified('ceo@corp.test'))).toBe('link_conflict')
  })

  it('is refused once a provider that is not authoritative for it has given the holder another address', async () => {
    await signIn(home, 'holder', verified('ceo@corp.test'))
    await signIn(home, 'holder', verified('ceo@other.test'), NOON + 1)
    const other = { ...corporate, authoritativeEmailDomains: ['other.test'] }
    expect(await refusalOf(other, 'x', verified('ceo@other.test'))).toBe('link_conflict')
  })

  it('never joins whoever came after the holder with the same address', async () => {
    const holder = await signIn(home, 'holder', verified('ceo@corp.test'))
    await signIn(home, 'other', verified('ceo@corp.test'))
    await disable(holder.id)
    expect(await refusalOf(corporate, 'x', verified('ceo@corp.test'))).toBe('link_conflict')
  })

  it('never leads to an account that merely claims the address', async () => {
    const mallory = await signIn(home, 'mallory', { email: 'ceo@corp.test' })
    const ceo = await signIn(corporate, 'ceo', verified('ceo@corp.test'))
    expect(ceo.id).not.toBe(mallory.id)
    expect(ceo.emailVerified).toBe(true)
    expect(await users().find(mallory.id)).toEqual(mallory)
  })

  it('never joins two subjects of one provider', async () => {
    await signIn(corporate, 'one', verified('ceo@corp.test'))
    expect(await refusalOf(corporate, 'two', verified('ceo@corp.test'))).toBe('link_conflict')
  })

  it('never joins an account that is switched off, nor replaces it', async () => {
    const holder = await signIn(home, 'holder', verified('ceo@corp.test'))
    await disable(holder.id)
    expect(await refusalOf(corporate, 'x', verified('ceo@corp.test'))).toBe('link_conflict')
  })

  it('never moves an identity that is known already', async () => {
    const own = await signIn(corporate, 'x', verified('x@corp.test'))
    const holder = await signIn(home, 'holder', verified('ceo@corp.test'))
    const after = await signIn(corporate, 'x', verified('ceo@corp.test'), NOON + 1)
    expect(after).toMatchObject({ id: own.id, emailVerified: false })
    expect(await users().find(holder.id)).toEqual(holder)
  })
})

describe('a provider with allowed e-mail domains', () => {
  const restricted = { ...otrotlConfig, allowedEmailDomains: ['corp.test'] }

  it('admits its own domain in any case', async () => {
    expect((await attempt(restricted, 's', verified('X@Corp.TEST'))).ok).toBe(true)
  })

  it.each([
    verified('x@evilcorp.test'),
    verified('x@corp.test.evil.test'),
    verified('x@sub.corp.test'),
    verified('a@evil.test@corp.test'),
    verified('x@corp.test\n'),
    verified('x@ⅽorp.test'),
    { email: 'x@corp.test' },
    { email: 'x@corp.test', email_verified: 'true' },
    {},
  ])('does not admit %j', async (claims) => {
    expect(await refusalOf(restricted, 's', claims)).toBe('email_domain_not_allowed')
  })

  it('does not admit a known identity that has left the domain', async () => {
    await signIn(restricted, 's', verified('x@corp.test'))
    expect(await refusalOf(restricted, 's', verified('x@home.test'))).toBe(
      'email_domain_not_allowed',
    )
  })
})

describe('an account that is switched off', () => {
  it('is not signed in, and not changed', async () => {
    const { id } = await signIn(otrotlConfig, 's', { name: 'Alice' })
    await disable(id)
    expect(await refusalOf(otrotlConfig, 's', { name: 'Mallory' }, NOON + 9)).toBe(
      'account_disabled',
    )
  })
})

describe('when the directory is down', () => {
  it('nobody is signed in', async () => {
    await env.DIRECTORY.exec('DROP TABLE identities')
    const result = await attempt(otrotlConfig, 's')
    expect(result).toMatchObject({ ok: false, refusal: { code: 'unavailable' } })
  })
})

describe('the index of upstream sessions', () => {
  const from = (upstreamSid: string, { now = NOON, lifetime = 100, subject = 's' } = {}) =>
    users().signIn({
      provider: otrotlConfig,
      issuer: otrotlConfig.issuer,
      subject,
      claims: {},
      upstreamSession: { upstreamSid, sid: newSessionId(), expiresAt: now + lifetime },
      now,
    })
  const heldBy = async (upstreamSid: string, now = NOON) => {
    const { issuer } = otrotlConfig
    const found = await users().findSignedOut({ issuer, subject: undefined, upstreamSid, now })
    return found.ok ? found.value : []
  }

  it('names whoever signs in, the first time and later', async () => {
    const first = await from('up')
    await from('later')
    const { id } = await signIn(otrotlConfig, 's')
    expect(first).toMatchObject({ value: { user: { id }, isNew: true } })
    expect(await heldBy('up')).toEqual([id])
    expect(await heldBy('later')).toEqual([id])
    expect([await heldBy('up', NOON + 99), await heldBy('up', NOON + 100)]).toEqual([[id], []])
  })

  it('holds several sessions of ours for one of theirs', async () => {
    await from('up')
    await from('up')
    expect(await count('upstream_sessions')).toBe(2)
  })

  it('names nobody who may not come in', async () => {
    const { id } = await signIn(otrotlConfig, 's')
    await disable(id)
    expect(await from('up')).toMatchObject({ refusal: { code: 'account_disabled' } })
    expect(await count('upstream_sessions')).toBe(0)
  })

  it('is not there where the sign-in names no session', async () => {
    await signIn(otrotlConfig, 's')
    expect(await count('upstream_sessions')).toBe(0)
  })

  it('drops rows that are over as others come', async () => {
    await from('one')
    await from('two', { now: NOON + 99 })
    expect(await count('upstream_sessions')).toBe(2)
    await from('three', { now: NOON + 100 })
    expect(await count('upstream_sessions')).toBe(2)
    expect(await heldBy('one')).toEqual([])
  })
})
