import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import {
  createLocalCredentials,
  parseNewCredential,
} from '../../../src/core/users/local-credentials.ts'
import { parseProfileClaims } from '../../../src/core/users/profile-claims.ts'
import { createUsers } from '../../../src/core/users/users.ts'
import { NOON } from '../../world/clock.ts'
import { captureLog } from '../../world/log-lines.ts'
import { snapshot } from '../../world/snapshot.ts'

const credentials = () => createLocalCredentials(env.DIRECTORY)

const PASSWORD = 'correct horse battery'

async function newCredential(username: string, password = PASSWORD) {
  const parsed = await parseNewCredential(username, password)
  if (!parsed.ok) throw new Error(parsed.refusal.code)
  return parsed.value
}

async function createUser(username: string, claims: object = {}) {
  const credential = await newCredential(username)
  return createUsers(env.DIRECTORY).create(
    {
      profile: parseProfileClaims(claims),
      credential: (id) => credentials().insertion(id, credential, NOON),
    },
    NOON,
  )
}

async function userId(username = 'alice') {
  const created = await createUser(username)
  if (!created.ok) throw new Error(created.refusal.code)
  return created.value
}

const check = async (username: string, password: string) => {
  const checked = await credentials().check(username, password)
  return checked.ok ? checked.value.userId : checked.refusal.code
}

beforeEach(() => {
  captureLog()
})

describe('a local credential', () => {
  it('lets in who knows it, and nobody else', async () => {
    const id = await userId()
    expect(await check('alice', PASSWORD)).toBe(id)
    expect(await check('ALICE', PASSWORD)).toBe(id)
    expect(await check('alice', `${PASSWORD} `)).toBe('wrong_credentials')
    expect(await check('bob', PASSWORD)).toBe('wrong_credentials')
    expect(await check("' OR 1=1 --", PASSWORD)).toBe('wrong_credentials')
    expect(await credentials().findByUsername('Alice')).toEqual({ ok: true, value: id })
    expect(await credentials().findByUsername('bob')).toEqual({ ok: true, value: undefined })
  })

  it('is never found by a name that stands for nobody', async () => {
    await userId()
    for (const name of [
      '',
      ' ',
      'alice ',
      'a\u200blice',
      '\u{1d4aa}lice',
      '\ud800',
      'x'.repeat(200),
    ]) {
      expect(await credentials().findByUsername(name)).toEqual({ ok: true, value: undefined })
      expect(await check(name, PASSWORD)).toBe('wrong_credentials')
    }
  })

  it('is kept so that neither password nor anything like it is there (X01)', async () => {
    await userId()
    const text = JSON.stringify(await snapshot())
    expect(text).not.toContain(PASSWORD.slice(0, 8))
    expect(text).toContain('scrypt-sha512$32768$8$3$')
  })

  it('of one name belongs to one person; the other is not created', async () => {
    await userId('alice')
    const before = await snapshot()
    expect(await createUser('Alice')).toMatchObject({ refusal: { code: 'username_taken' } })
    expect(await snapshot()).toEqual(before)
  })

  it('does not bring an address along that somebody else has verified', async () => {
    const claims = { email: 'a@corp.test', email_verified: true }
    expect((await createUser('alice', claims)).ok).toBe(true)
    const before = await snapshot()
    expect(await createUser('bob', claims)).toMatchObject({ refusal: { code: 'email_taken' } })
    expect(await snapshot()).toEqual(before)
    expect((await createUser('bob', { email: 'a@corp.test' })).ok).toBe(true)
  })

  it('that is set anew makes the old one worthless, and says so to who has checked it before', async () => {
    const id = await userId()
    const checked = await credentials().check('alice', PASSWORD)
    const version = checked.ok ? checked.value.version : ''
    expect(await credentials().isCurrent(id, version)).toEqual({ ok: true, value: true })
    await credentials().set(id, await newCredential('alice', 'another password'), NOON + 1)
    expect(await credentials().isCurrent(id, version)).toEqual({ ok: true, value: false })
    expect(await check('alice', PASSWORD)).toBe('wrong_credentials')
    expect(await check('alice', 'another password')).toBe(id)
    expect(await credentials().find(id)).toEqual({
      username: 'alice',
      createdAt: NOON,
      updatedAt: NOON + 1,
    })
  })

  it('is not set to a name that is taken', async () => {
    await userId('alice')
    const bob = await userId('bob')
    const before = await snapshot()
    const set = await credentials().set(bob, await newCredential('alice'), NOON)
    expect(set).toMatchObject({ refusal: { code: 'username_taken' } })
    expect(await snapshot()).toEqual(before)
  })

  it('that is removed is gone', async () => {
    const id = await userId()
    expect([await credentials().remove(id), await credentials().remove(id)]).toEqual([true, false])
    expect(await check('alice', PASSWORD)).toBe('wrong_credentials')
  })

  it.each([
    ['an empty name', '', PASSWORD, 'invalid_username'],
    ['a blank in it', 'a b', PASSWORD, 'invalid_username'],
    ['a mark that turns text around', 'a\u202eb', PASSWORD, 'invalid_username'],
    ['a letter of which nothing is to be seen', 'alice\u115f', PASSWORD, 'invalid_username'],
    ['a joiner of nothing', 'al\u034fice', PASSWORD, 'invalid_username'],
    ['a vowel that is never written', 'al\u17b4ice', PASSWORD, 'invalid_username'],
    ['a choice of form', 'alice\ufe0f', PASSWORD, 'invalid_username'],
    ['a blank in Braille', 'al\u2800ice', PASSWORD, 'invalid_username'],
    ['a name that Unicode would rewrite', '\ufb01', PASSWORD, 'invalid_username'],
    ['a name of 129 characters', 'x'.repeat(129), PASSWORD, 'invalid_username'],
    ['a password of 7 characters', 'alice', 'short12', 'invalid_password'],
    ['no password', 'alice', '', 'invalid_password'],
    ['a password of 1025 bytes', 'alice', 'x'.repeat(1025), 'invalid_password'],
    ['a password that is not Unicode', 'alice', '12345678\ud800', 'invalid_password'],
  ])('is not made with %s', async (_, username, password, code) => {
    expect(await parseNewCredential(username, password)).toMatchObject({ refusal: { code } })
  })

  it('is unavailable, not wrong, while the directory is away', async () => {
    const away = createLocalCredentials({
      prepare: () => {
        throw new Error('away')
      },
    } as never)
    const unavailable = { ok: false, refusal: { code: 'unavailable' } }
    expect(await away.check('alice', PASSWORD)).toEqual(unavailable)
    expect(await away.findByUsername('alice')).toEqual(unavailable)
  })
})
