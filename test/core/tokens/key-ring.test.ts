import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { compactDecrypt, importJWK } from 'jose'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import {
  ANNOUNCED_SECONDS,
  PUBLISH_RETRY_SECONDS,
  RETIRING_SECONDS,
  ROTATION_SECONDS,
} from '../../../src/core/tokens/key-lifetimes.ts'
import type { KeyDescription } from '../../../src/core/tokens/key-ring.ts'
import { createPublishedRecord } from '../../../src/core/tokens/published-record.ts'
import { generateSigningKey, signingKeySeals } from '../../../src/core/tokens/sealed-private-key.ts'
import type { PublicKeyRecord } from '../../../src/core/tokens/signing-key.ts'
import { storageName } from '../../../src/platform/digest.ts'
import type { Result } from '../../../src/platform/refusal.ts'
import { freezeClock } from '../../world/clock.ts'
import { captureLog } from '../../world/log-lines.ts'
import { settings } from '../../world/settings.ts'

/** Far ahead of real time, so that no alarm comes by itself while a test runs. */
const NOON = 2_000_000_000

const keyEncryptionKey = [settings.KEY_ENCRYPTION_KEY] as const

const ringName = await storageName('key-ring')
const ring = () => env.KEY_RING.getByName(ringName)
const published = () => createPublishedRecord({ kv: env.REVOCATION, keyEncryptionKey }).read()

/** The value of an answer that must be a yes. */
function valueOf<Value>(result: Result<Value>): Value {
  if (!result.ok) throw new Error(`refused: ${result.refusal.code}`)
  return result.value
}

const keysIn = async (state: KeyDescription['state'], now = NOON) =>
  valueOf(await ring().list(now)).filter((key) => key.state === state)

const kidIn = async (state: KeyDescription['state'], now = NOON, alg = 'ES256') =>
  (await keysIn(state, now)).find((key) => key.alg === alg)?.kid

const kidsOf = (record: PublicKeyRecord) => record.keys.map(({ jwk }) => jwk.kid)

beforeEach(() => void freezeClock(NOON))

describe('the first use of the key ring', () => {
  it('makes one active and one announced key per algorithm, however many ask at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => ring().signingKey(i % 2 ? 'RS256' : 'ES256', NOON)),
    )
    const kids = new Set(answers.map((answer) => valueOf(answer).kid))
    expect(kids.size).toBe(2)
    const all = valueOf(await ring().list(NOON))
    expect(all.map(({ alg, state }) => `${alg} ${state}`).toSorted()).toEqual([
      'ES256 active',
      'ES256 announced',
      'RS256 active',
      'RS256 announced',
    ])
  })

  it('makes no more keys than there are to be, for whichever algorithm each of them asks', async () => {
    await runInDurableObject(ring(), async (instance) => {
      const made = vi.spyOn(crypto.subtle, 'generateKey')
      const asked = (['RS256', 'PS256', 'PS256', 'PS256', 'ES256'] as const).map((alg) =>
        instance.signingKey(alg, NOON),
      )
      expect((await Promise.all(asked)).every(({ ok }) => ok)).toBe(true)
      expect(made).toHaveBeenCalledTimes(6)
    })
  })

  it('throws away the keys of those who come second', async () => {
    // Without the single generation, every caller brings keys of its own to the transaction.
    await runInDurableObject(ring(), async (instance) => {
      const answers = await Promise.all(Array.from({ length: 5 }, () => instance.publicKeys(NOON)))
      expect(new Set(answers.map((answer) => JSON.stringify(valueOf(answer)))).size).toBe(1)
    })
    expect(valueOf(await ring().list(NOON))).toHaveLength(4)
  })

  it('publishes the record to KV, with states and a version', async () => {
    const record = valueOf(await ring().publicKeys(NOON))
    expect(record.version).toBe(1)
    expect(record.keys.map(({ state }) => state).toSorted()).toEqual([
      'active',
      'active',
      'announced',
      'announced',
    ])
    expect(await published()).toEqual(record)
  })

  it('makes keys for PS256 when the first signature is asked for, in an old ring too', async () => {
    await ring().publicKeys(NOON)
    const before = kidsOf(valueOf(await ring().publicKeys(NOON)))
    expect(before).toHaveLength(4)
    const later = NOON + 1000
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => ring().signingKey('PS256', later)),
    )
    expect(new Set(answers.map((answer) => valueOf(answer).kid)).size).toBe(1)
    const { keys, version } = (await published())!
    expect(version).toBe(2)
    expect(keys.map(({ jwk }) => jwk.kid)).toEqual(expect.arrayContaining(before))
    const added = keys.filter(({ jwk }) => jwk.alg === 'PS256')
    expect(added.map(({ state }) => state).toSorted()).toEqual(['active', 'announced'])
    expect(valueOf(await ring().publicKeys(later)).version).toBe(2)
  })

  it('turns and replaces the keys of PS256 like all others', async () => {
    const first = valueOf(await ring().signingKey('PS256', NOON)).kid
    const due = NOON + ROTATION_SECONDS
    const second = valueOf(await ring().signingKey('PS256', due)).kid
    expect(second).not.toBe(first)
    expect(await kidIn('retiring', due, 'PS256')).toBe(first)
    valueOf(await ring().compromise(second, due))
    const third = await kidIn('active', due, 'PS256')
    expect(third).not.toBe(second)
    expect(kidsOf((await published())!)).not.toContain(second)
    expect(valueOf(await ring().signingKey('PS256', due)).kid).toBe(third)
  })

  it('keeps its keys when the object is restarted', async () => {
    const before = valueOf(await ring().signingKey('ES256', NOON))
    await evictDurableObject(ring())
    expect(valueOf(await ring().signingKey('ES256', NOON)).kid).toBe(before.kid)
  })
})

describe('what the key ring gives away', () => {
  it('is public members only, with alg, use and a thumbprint as kid (RFC 7517 §4, RFC 7638)', async () => {
    const { keys } = valueOf(await ring().publicKeys(NOON))
    for (const { jwk } of keys) {
      const members = jwk.kty === 'EC' ? ['crv', 'x', 'y'] : ['e', 'n']
      expect(Object.keys(jwk).toSorted()).toEqual(
        ['alg', 'kid', 'kty', 'use', ...members].toSorted(),
      )
      expect(jwk.use).toBe('sig')
      expect(jwk.kid).toMatch(/^[\w-]{43}$/)
    }
    expect(new Set(keys.map(({ jwk }) => jwk.kid)).size).toBe(keys.length)
  })

  it('is never a private key in the clear: not in storage, not over RPC, not in KV', async () => {
    const { record: _, ...answer } = valueOf(await ring().signingKey('RS256', NOON))
    const rows = await runInDurableObject(ring(), (__, state) =>
      state.storage.sql.exec('SELECT * FROM signing_keys').toArray(),
    )
    const stored = await env.REVOCATION.get(await storageName('public-keys'))
    const everything = JSON.stringify([answer, rows, stored])
    expect(everything).not.toContain('"d"')
    expect(everything).not.toMatch(/\\?"(p|q|dp|dq|qi|k)\\?":/)
    for (const row of rows) expect(row.sealed_private_key).toMatch(/^([\w-]*\.){4}[\w-]+$/)
  })

  it('is sealed under KEY_ENCRYPTION_KEY and nothing else', async () => {
    const { sealedPrivateKey } = valueOf(await ring().signingKey('ES256', NOON))
    const other = signingKeySeals(['another-key-encryption-key-0123456789-0123456789'])
    expect(await other.any.unseal(sealedPrivateKey)).toBeUndefined()
    await expect(compactDecrypt(sealedPrivateKey, new Uint8Array(32))).rejects.toThrow()
    const own = (await signingKeySeals(keyEncryptionKey).any.unseal(sealedPrivateKey)) as {
      jwk: JsonWebKey
    }
    expect(await importJWK(own.jwk as never, 'ES256')).toBeInstanceOf(CryptoKey)
  })
})

describe('rotation', () => {
  const due = NOON + ROTATION_SECONDS

  it('is done by the alarm when the period is over, and the announced key takes over', async () => {
    const next = await kidIn('announced')
    const last = await kidIn('active')
    vi.setSystemTime((due - 1) * 1000)
    await runDurableObjectAlarm(ring())
    expect(await kidIn('active', due - 1)).toBe(last)
    vi.setSystemTime(due * 1000)
    await runDurableObjectAlarm(ring())
    expect(await kidIn('active', due)).toBe(next)
    expect(await kidIn('retiring', due)).toBe(last)
    expect(kidsOf((await published())!)).toEqual(
      expect.arrayContaining([next, last, await kidIn('announced', due)]),
    )
  })

  it('keeps the old key public until its tokens are gone, then drops it', async () => {
    const last = (await kidIn('active'))!
    valueOf(await ring().publicKeys(due))
    expect(kidsOf(valueOf(await ring().publicKeys(due + RETIRING_SECONDS - 1)))).toContain(last)
    expect(kidsOf(valueOf(await ring().publicKeys(due + RETIRING_SECONDS)))).not.toContain(last)
    expect(await kidIn('gone', due + RETIRING_SECONDS)).toBe(last)
  })

  it('erases the private half as soon as a key signs no more', async () => {
    const last = (await kidIn('active'))!
    valueOf(await ring().publicKeys(due))
    const [row] = await runInDurableObject(ring(), (_, state) =>
      state.storage.sql
        .exec('SELECT state, sealed_private_key FROM signing_keys WHERE kid = ?', last)
        .toArray(),
    )
    expect(row).toEqual({ state: 'retiring', sealed_private_key: null })
  })

  it('happens once when the alarm is months late, and shortens no state', async () => {
    const next = await kidIn('announced')
    const late = due + 3 * ROTATION_SECONDS
    expect(await kidIn('active', late)).toBe(next)
    expect(await keysIn('retiring', late)).toHaveLength(2)
    expect(await keysIn('gone', late)).toHaveLength(0)
    const [announced] = await keysIn('announced', late)
    expect(announced?.announcedAt).toBe(late)
  })

  it('does two transitions that are due at once in one turn', async () => {
    await keysIn('active')
    const second = due + ROTATION_SECONDS
    const first = (await kidIn('active', due))!
    const before = valueOf(await ring().publicKeys(due))
    // At `second` the key retired at `due` is to go, and the one that took over then is to retire.
    const after = valueOf(await ring().publicKeys(second))
    expect(await kidIn('retiring', second)).toBe(first)
    expect(await keysIn('gone', second)).toHaveLength(2)
    expect(after.version).toBeGreaterThan(before.version)
  })

  it('does nothing when the clock goes back', async () => {
    const before = valueOf(await ring().list(NOON))
    expect(valueOf(await ring().list(NOON - 10 * ROTATION_SECONDS))).toEqual(before)
    expect(valueOf(await ring().list(0))).toEqual(before)
  })

  it('on request is refused while the next key is not known everywhere, and changes nothing', async () => {
    const before = valueOf(await ring().list(NOON))
    const answer = await ring().rotate(NOON + ANNOUNCED_SECONDS - 1)
    expect(answer).toEqual({
      ok: false,
      refusal: {
        code: 'announced_too_recently',
        facts: { ready_at: NOON + ANNOUNCED_SECONDS },
      },
    })
    expect(valueOf(await ring().list(NOON))).toEqual(before)
  })

  it('on request, twice at once, turns the keys once', async () => {
    const next = await kidIn('announced')
    const now = NOON + ANNOUNCED_SECONDS
    await Promise.all([ring().rotate(now), ring().rotate(now), ring().rotate(now)])
    expect(await kidIn('active', now)).toBe(next)
    expect(await keysIn('retiring', now)).toHaveLength(2)
    expect(valueOf(await ring().list(now))).toHaveLength(6)
  })
})

describe('a compromised key', () => {
  it('is dropped at once, and the announced key signs in its place', async () => {
    const bad = (await kidIn('active'))!
    const next = await kidIn('announced')
    expect(await ring().compromise(bad, NOON + 1)).toEqual({ ok: true, value: { published: true } })
    expect(kidsOf(valueOf(await ring().publicKeys(NOON + 1)))).not.toContain(bad)
    expect(kidsOf((await published())!)).not.toContain(bad)
    expect(await kidIn('active', NOON + 1)).toBe(next)
    expect(await keysIn('announced', NOON + 1)).toHaveLength(2)
  })

  it('stands in the log with the change itself, and so does a cut-off: an answer may be lost', async () => {
    const bad = (await kidIn('active'))!
    const log = captureLog()
    await ring().compromise(bad, NOON)
    await ring().compromise(bad, NOON)
    const cutOff = { scope: 'everyone', id: '', at: NOON * 1000, cause: 'operator' } as const
    await ring().cutOff(cutOff)
    expect(log.lines.filter(({ level }) => level === 'warn')).toEqual([
      expect.objectContaining({ event: 'key.withdrawn', kid: bad, was: 'active' }),
      expect.objectContaining({ event: 'cut_off.in_force', ...cutOff }),
    ])
  })

  it('leaves the keys of the other algorithm alone', async () => {
    const other = await kidIn('active', NOON, 'RS256')
    await ring().compromise((await kidIn('active'))!, NOON)
    expect(await kidIn('active', NOON, 'RS256')).toBe(other)
  })

  it('stays compromised, and naming it again changes nothing', async () => {
    const bad = (await kidIn('active'))!
    await ring().compromise(bad, NOON)
    const before = valueOf(await ring().list(NOON))
    const { version } = valueOf(await ring().publicKeys(NOON))
    await ring().compromise(bad, NOON + 5)
    expect(valueOf(await ring().list(NOON))).toEqual(before)
    expect(valueOf(await ring().publicKeys(NOON)).version).toBe(version)
  })

  it('may be any key: announced, retiring, and all of them one after the other', async () => {
    for (let i = 0; i < 3; i++) {
      for (const { kid } of valueOf(await ring().publicKeys(NOON)).keys.map(({ jwk }) => jwk)) {
        valueOf(await ring().compromise(kid, NOON))
      }
    }
    expect(await keysIn('active')).toHaveLength(2)
    expect(await keysIn('announced')).toHaveLength(2)
    expect((await keysIn('compromised')).length).toBeGreaterThanOrEqual(12)
  })

  it('is out of the record in KV at once, also when it signed no more and nothing takes its place', async () => {
    const bad = (await kidIn('active'))!
    const due = NOON + ROTATION_SECONDS
    expect(await kidIn('retiring', due)).toBe(bad)
    expect(await ring().compromise(bad, due)).toEqual({ ok: true, value: { published: true } })
    expect(kidsOf((await published())!)).not.toContain(bad)
  })

  it('is out of the record in KV although no other can be made in its place', async () => {
    const bad = (await kidIn('announced'))!
    await runInDurableObject(ring(), async (instance) => {
      vi.spyOn(crypto.subtle, 'generateKey').mockRejectedValue(new Error('no keys today'))
      expect(await instance.compromise(bad, NOON)).toMatchObject({
        refusal: { code: 'unavailable' },
      })
    })
    expect(kidsOf((await published())!)).not.toContain(bad)
  })

  it('that nobody knows is refused, and changes nothing', async () => {
    const before = valueOf(await ring().publicKeys(NOON))
    expect(await ring().compromise('A'.repeat(43), NOON)).toMatchObject({
      refusal: { code: 'unknown_key' },
    })
    expect(await ring().compromise(`' OR 1=1--`, NOON)).toMatchObject({ ok: false })
    expect(valueOf(await ring().publicKeys(NOON))).toEqual(before)
  })
})

describe('the published record', () => {
  it('is tried again by the alarm when KV did not take it', async () => {
    const { compromised } = await runInDurableObject(ring(), async (instance) => {
      valueOf(await instance.publicKeys(NOON))
      const put = vi.spyOn(env.REVOCATION, 'put').mockRejectedValue(new Error('KV is away'))
      const bad = valueOf(await instance.signingKey('ES256', NOON)).kid
      expect(await instance.compromise(bad, NOON)).toEqual({
        ok: true,
        value: { published: false },
      })
      put.mockRestore()
      return { compromised: bad }
    })
    const alarmAt = await runInDurableObject(ring(), (_, state) => state.storage.getAlarm())
    expect(alarmAt).toBeLessThanOrEqual((NOON + 10) * 1000)
    expect(kidsOf((await published())!)).toContain(compromised)
    await runDurableObjectAlarm(ring())
    expect(kidsOf((await published())!)).not.toContain(compromised)
  })

  it('keeps nobody waiting who withdraws a key while KV does not answer, and is tried again', async () => {
    const { bad, answer } = await runInDurableObject(ring(), async (instance) => {
      const { kid } = valueOf(await instance.signingKey('ES256', NOON))
      const put = vi.spyOn(env.REVOCATION, 'put').mockReturnValue(new Promise(() => {}))
      const withdrawn = await instance.compromise(kid, NOON)
      put.mockRestore()
      return { bad: kid, answer: withdrawn }
    })
    expect(answer).toEqual({ ok: true, value: { published: false } })
    expect(kidsOf((await published())!)).toContain(bad)
    await runDurableObjectAlarm(ring())
    expect(kidsOf((await published())!)).not.toContain(bad)
  }, 15_000)

  it('is tried again soon after a heartbeat whose write KV did not take', async () => {
    valueOf(await ring().publicKeys(NOON))
    await runInDurableObject(ring(), async (instance, state) => {
      const put = vi.spyOn(env.REVOCATION, 'put').mockRejectedValue(new Error('KV is away'))
      await instance.alarm()
      put.mockRestore()
      expect(await state.storage.getAlarm()).toBe((NOON + PUBLISH_RETRY_SECONDS) * 1000)
    })
  })

  it('is written again by every heartbeat, so that KV may forget it in between', async () => {
    const record = valueOf(await ring().publicKeys(NOON))
    await env.REVOCATION.delete(await storageName('public-keys'))
    expect(await published()).toBeUndefined()
    const put = vi.spyOn(env.REVOCATION, 'put')
    await runDurableObjectAlarm(ring())
    expect(await published()).toEqual(record)
    // It does: a copy that KV could not replace by a newer one is not believed for longer than this.
    expect(put.mock.lastCall?.[2]).toEqual({ expirationTtl: 900 })
    const nextAlarm = await runInDurableObject(ring(), (_, state) => state.storage.getAlarm())
    expect(nextAlarm).toBe((NOON + 600) * 1000)
  })

  it('is believed only under our seal', async () => {
    const record = valueOf(await ring().publicKeys(NOON))
    await env.REVOCATION.put(await storageName('public-keys'), JSON.stringify(record))
    expect(await published()).toBeUndefined()
  })
})

describe('rotation of KEY_ENCRYPTION_KEY', () => {
  const older = 'older-key-encryption-key-0123456789-0123456789-0'

  /** Puts a key into the ring that was sealed with another value of the secret. */
  async function sealActiveKeyWith(secret: string): Promise<string> {
    const { kid } = valueOf(await ring().signingKey('ES256', NOON))
    const seals = signingKeySeals([settings.KEY_ENCRYPTION_KEY])
    const { sealedPrivateKey } = valueOf(await ring().signingKey('ES256', NOON))
    const value = await seals.any.unseal(sealedPrivateKey)
    const resealed = await signingKeySeals([secret]).any.seal(value)
    await runInDurableObject(ring(), (_, state) =>
      state.storage.sql.exec(
        'UPDATE signing_keys SET sealed_private_key = ? WHERE kid = ?',
        resealed,
        kid,
      ),
    )
    return kid
  }

  it('is finished by the heartbeat: what an older value sealed is sealed anew', async () => {
    const kid = await sealActiveKeyWith(older)
    const secret = env.KEY_ENCRYPTION_KEY
    await evictDurableObject(ring())
    await runInDurableObject(ring(), async (instance) => {
      Object.assign(env, { KEY_ENCRYPTION_KEY: `${secret} ${older}` })
      await instance.alarm()
      Object.assign(env, { KEY_ENCRYPTION_KEY: secret })
    })
    const answer = valueOf(await ring().signingKey('ES256', NOON))
    expect(answer.kid).toBe(kid)
    const value = await signingKeySeals(keyEncryptionKey).any.unseal(answer.sealedPrivateKey)
    expect(value).toMatchObject({ alg: 'ES256' })
  })

  it('seals nothing that was withdrawn meanwhile, and goes on to the other keys', async () => {
    const kid = await sealActiveKeyWith(older)
    const secret = env.KEY_ENCRYPTION_KEY
    const error = vi.spyOn(console, 'error')
    await evictDurableObject(ring())
    await runInDurableObject(ring(), async (instance) => {
      Object.assign(env, { KEY_ENCRYPTION_KEY: `${secret} ${older}` })
      const encrypt = crypto.subtle.encrypt.bind(crypto.subtle)
      vi.spyOn(crypto.subtle, 'encrypt').mockImplementationOnce(async (...sealing) => {
        valueOf(await instance.compromise(kid, NOON))
        return encrypt(...sealing)
      })
      await instance.alarm()
      Object.assign(env, { KEY_ENCRYPTION_KEY: secret })
    })
    expect(await kidIn('compromised')).toBe(kid)
    expect(error).not.toHaveBeenCalled()
  })

  it('that lost the older value leaves the key as it is and mints nothing in its place', async () => {
    const kid = await sealActiveKeyWith('a-value-that-nobody-has-any-more-0123456789-0123')
    const error = vi.spyOn(console, 'error')
    await runDurableObjectAlarm(ring())
    expect(error.mock.calls.flat().join()).toContain('key_ring.key_not_readable')
    expect(valueOf(await ring().signingKey('ES256', NOON)).kid).toBe(kid)
    expect(valueOf(await ring().list(NOON))).toHaveLength(4)
  })
})

it('generates RSA keys of 2048 bits', async () => {
  const key = await generateSigningKey('RS256', signingKeySeals(keyEncryptionKey).current)
  const { n } = JSON.parse(key.publicJwk) as { n: string }
  expect(n).toHaveLength(342)
})
