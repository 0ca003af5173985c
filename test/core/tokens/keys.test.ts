import { env } from 'cloudflare:workers'
import { exportJWK } from 'jose'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import {
  ANNOUNCED_SECONDS,
  JWKS_MAX_AGE_SECONDS,
  PUBLISHED_SECONDS,
  RETIRING_SECONDS,
} from '../../../src/core/tokens/key-lifetimes.ts'
import { createKeys } from '../../../src/core/tokens/keys.ts'
import { storageName } from '../../../src/platform/digest.ts'
import type { Result } from '../../../src/platform/refusal.ts'
import { freezeClock } from '../../world/clock.ts'
import { settings } from '../../world/settings.ts'
import { keyRing, prepareKeyRing } from '../../world/signed-by-us.ts'

/** Far ahead of real time, so that no alarm comes by itself while a test runs. */
const NOON = 2_000_000_000

/** The view of one isolate; a new one is a cold isolate. */
const isolate = (changes: Partial<Parameters<typeof createKeys>[0]> = {}) =>
  createKeys({
    keyRing: env.KEY_RING,
    published: env.REVOCATION,
    keyEncryptionKey: [settings.KEY_ENCRYPTION_KEY],
    ...changes,
  })

const away = () => {
  throw new Error('away')
}

/** Counts the calls for a stub of the key ring; `isAway` makes them fail. */
function watchedRing(isAway = () => false) {
  const seen = { calls: 0 }
  const keyRing = Object.create(env.KEY_RING) as Env['KEY_RING']
  keyRing.getByName = (name) => {
    seen.calls++
    return isAway() ? away() : env.KEY_RING.getByName(name)
  }
  return { keyRing, seen }
}

function publishedAs(get: () => Promise<unknown>) {
  const published = Object.create(env.REVOCATION) as KVNamespace
  published.get = get as never
  return published
}
const publishedAway = () => publishedAs(() => Promise.reject(new Error('KV is away')))

function valueOf<Value>(result: Result<Value>): Value {
  if (!result.ok) throw new Error(`refused: ${result.refusal.code}`)
  return result.value
}

beforeEach(async () => {
  freezeClock(NOON)
  await prepareKeyRing(NOON)
})

describe('a signing key in an isolate', () => {
  it('cannot be exported', async () => {
    const { key } = valueOf(await isolate().signingKey('ES256', NOON))
    expect(key.extractable).toBe(false)
    expect(key.usages).toEqual(['sign'])
    for (const format of ['jwk', 'pkcs8']) {
      await expect(crypto.subtle.exportKey(format, key)).rejects.toThrow()
    }
    await expect(exportJWK(key)).rejects.toThrow()
  })

  it('is asked for once, and again after thirty seconds', async () => {
    const { keyRing, seen } = watchedRing()
    const keys = isolate({ keyRing })
    for (let i = 0; i < 30; i++) valueOf(await keys.signingKey('ES256', NOON + i))
    expect(seen.calls).toBe(1)
    valueOf(await keys.signingKey('ES256', NOON + 30))
    expect(seen.calls).toBe(2)
  })

  it('stops signing at the next look after it was compromised', async () => {
    const keys = isolate()
    const { kid } = valueOf(await keys.signingKey('ES256', NOON))
    valueOf(await (await keyRing()).compromise(kid, NOON + 1))
    expect(valueOf(await keys.signingKey('ES256', NOON + 29)).kid).toBe(kid)
    expect(valueOf(await keys.signingKey('ES256', NOON + 30)).kid).not.toBe(kid)
  })

  it('is asked for anew when the isolate has already heard that it does not count', async () => {
    const keys = isolate()
    const { kid } = valueOf(await keys.signingKey('ES256', NOON))
    valueOf(await (await keyRing()).compromise(kid, NOON + 1))
    await keys.publicKey('A'.repeat(43), 'ES256', NOON + 2)
    expect(valueOf(await keys.signingKey('ES256', NOON + 3)).kid).not.toBe(kid)
  })

  it('still serves while the key ring is away, as long as KV calls it active, and for five minutes at most', async () => {
    let isAway = false
    const { keyRing } = watchedRing(() => isAway)
    const keys = isolate({ keyRing })
    const { kid } = valueOf(await keys.signingKey('ES256', NOON))
    isAway = true
    expect(valueOf(await keys.signingKey('ES256', NOON + 60)).kid).toBe(kid)
    expect(valueOf(await keys.signingKey('ES256', NOON + 299)).kid).toBe(kid)
    expect(await keys.signingKey('ES256', NOON + 300)).toMatchObject({
      refusal: { code: 'unavailable' },
    })
  })

  it('that another has taken over from does not serve while the key ring is away', async () => {
    let isAway = false
    const watched = watchedRing(() => isAway)
    const keys = isolate({ keyRing: watched.keyRing })
    const due = NOON + ANNOUNCED_SECONDS
    const { kid } = valueOf(await keys.signingKey('ES256', due))
    valueOf(await (await keyRing()).rotate(due + 1))
    isAway = true
    const { keys: listed } = valueOf(await keys.publicKeySet(due + 60))
    expect(listed.map((key) => key.kid)).toContain(kid)
    expect(await keys.signingKey('ES256', due + 60)).toMatchObject({ ok: false })
  })

  it('still serves while the key ring does not answer at all', async () => {
    let isSilent = false
    const keyRing = Object.create(env.KEY_RING) as Env['KEY_RING']
    const silent = { signingKey: () => new Promise(() => {}) }
    keyRing.getByName = (name) => (isSilent ? (silent as never) : env.KEY_RING.getByName(name))
    const keys = isolate({ keyRing })
    const { kid } = valueOf(await keys.signingKey('ES256', NOON))
    isSilent = true
    expect(valueOf(await keys.signingKey('ES256', NOON + 60)).kid).toBe(kid)
  }, 8000)

  it('that is compromised does not serve while the key ring is away', async () => {
    let isAway = false
    const watched = watchedRing(() => isAway)
    const keys = isolate({ keyRing: watched.keyRing })
    const { kid } = valueOf(await keys.signingKey('ES256', NOON))
    valueOf(await (await keyRing()).compromise(kid, NOON + 1))
    isAway = true
    expect(await keys.signingKey('ES256', NOON + 31)).toMatchObject({ ok: false })
  })

  it('is unavailable in a cold isolate when the key ring is away', async () => {
    const { keyRing } = watchedRing(() => true)
    expect(await isolate({ keyRing }).signingKey('ES256', NOON)).toMatchObject({
      refusal: { code: 'unavailable' },
    })
  })

  it('that KEY_ENCRYPTION_KEY no longer opens is unavailable, and nothing is minted in its place', async () => {
    valueOf(await isolate().signingKey('ES256', NOON))
    const before = await (await keyRing()).list(NOON)
    const keyEncryptionKey = ['a-new-value-and-no-older-0123456789-0123456789-0'] as const
    const answer = await isolate({ keyEncryptionKey }).signingKey('ES256', NOON)
    expect(answer).toMatchObject({ refusal: { code: 'unavailable' } })
    expect(await (await keyRing()).list(NOON)).toEqual(before)
  })
})

describe('public keys in an isolate', () => {
  it('come from KV in a cold isolate, without asking the key ring', async () => {
    const { kid } = valueOf(await isolate().signingKey('ES256', NOON))
    const { keyRing, seen } = watchedRing()
    const key = valueOf(await isolate({ keyRing }).publicKey(kid, 'ES256', NOON))
    expect(key.usages).toEqual(['verify'])
    expect(seen.calls).toBe(0)
  })

  it('come from the key ring when KV throws, has nothing, or has garbage', async () => {
    const { kid } = valueOf(await isolate().signingKey('ES256', NOON))
    expect((await isolate({ published: publishedAway() }).publicKey(kid, 'ES256', NOON)).ok).toBe(
      true,
    )
    for (const garbage of ['', '{', 'null', '{"version":9,"keys":[]}', 'a.b.c.d.e']) {
      await env.REVOCATION.put(await storageName('public-keys'), garbage)
      expect((await isolate().publicKey(kid, 'ES256', NOON)).ok).toBe(true)
    }
    await env.REVOCATION.delete(await storageName('public-keys'))
    expect((await isolate().publicKey(kid, 'ES256', NOON)).ok).toBe(true)
  })

  it('come from the key ring when KV does not answer, and are unavailable when that does not either', async () => {
    const silent = () => new Promise<never>(() => {})
    const { kid } = valueOf(await isolate().signingKey('ES256', NOON))
    const published = publishedAs(silent)
    const found = await isolate({ published }).publicKey(kid, 'ES256', NOON)
    expect(found).toMatchObject({ ok: true })
    const getByName = () => ({ publicKeys: silent })
    const keyRing = { getByName } as unknown as Env['KEY_RING']
    expect(await isolate({ published, keyRing }).cutOffs(NOON)).toMatchObject({
      refusal: { code: 'unavailable' },
    })
  })

  it('are held thirty seconds, whatever happens meanwhile', async () => {
    const keys = isolate()
    const { kid } = valueOf(await keys.signingKey('ES256', NOON))
    valueOf(await (await keyRing()).compromise(kid, NOON + 1))
    expect((await keys.publicKey(kid, 'ES256', NOON + 29)).ok).toBe(true)
    expect(await keys.publicKey(kid, 'ES256', NOON + 30)).toMatchObject({
      refusal: { code: 'unknown_key' },
    })
  })

  it('of a withdrawn key are believed for 15½ minutes at most where KV takes no writes', async () => {
    const { kid } = valueOf(await isolate().signingKey('ES256', NOON))
    const copy = await env.REVOCATION.get(await storageName('public-keys'))
    valueOf(await (await keyRing()).compromise(kid, NOON))
    let now = NOON
    const keys = isolate({
      published: publishedAs(async () => (now < NOON + PUBLISHED_SECONDS ? copy : null)),
    })
    const isGoodAfter = async (seconds: number) =>
      (await keys.publicKey(kid, 'ES256', (now = NOON + seconds))).ok
    expect(await isGoodAfter(899)).toBe(true)
    expect(await isGoodAfter(928)).toBe(true)
    expect(await isGoodAfter(930)).toBe(false)
  })

  it('do not go back to an older copy that KV still has', async () => {
    const keys = isolate()
    const name = await storageName('public-keys')
    const { kid } = valueOf(await keys.signingKey('ES256', NOON))
    const older = (await env.REVOCATION.get(name))!
    valueOf(await (await keyRing()).compromise(kid, NOON + 1))
    await env.REVOCATION.put(name, older)
    valueOf(await keys.signingKey('ES256', NOON + 31))
    expect((await keys.publicKey(kid, 'ES256', NOON + 70)).ok).toBe(false)
  })

  it('do not go back to what the key ring said before it was told better', async () => {
    let answered = () => {}
    const isTold = new Promise<void>((resolve) => (answered = resolve))
    const keyRing = Object.create(env.KEY_RING) as Env['KEY_RING']
    keyRing.getByName = (name) => {
      const object = env.KEY_RING.getByName(name)
      const signingKey = async (...asked: Parameters<typeof object.signingKey>) => {
        const answer = await object.signingKey(...asked)
        await isTold
        return answer
      }
      return { signingKey, publicKeys: (now: number) => object.publicKeys(now) } as never
    }
    const keys = isolate({ keyRing })
    const { kid } = valueOf(await isolate().signingKey('ES256', NOON))
    const underWay = keys.signingKey('ES256', NOON)
    await scheduler.wait(50)
    valueOf(await env.KEY_RING.getByName(await storageName('key-ring')).compromise(kid, NOON))
    await keys.refresh(NOON + 1)
    answered()
    await underWay
    expect((await keys.publicKey(kid, 'ES256', NOON + 1)).ok).toBe(false)
  })

  it('are unavailable in a cold isolate when neither KV nor the key ring answers', async () => {
    const { keyRing } = watchedRing(() => true)
    const keys = isolate({ keyRing, published: publishedAway() })
    expect(await keys.publicKey('A'.repeat(43), 'ES256', NOON)).toMatchObject({
      refusal: { code: 'unavailable' },
    })
    expect(await keys.publicKeySet(NOON)).toMatchObject({ refusal: { code: 'unavailable' } })
  })

  it('serve from memory for five minutes when neither answers, and not a second more', async () => {
    const { kid } = valueOf(await isolate().signingKey('ES256', NOON))
    let isAway = false
    const { keyRing, seen } = watchedRing(() => isAway)
    const keys = isolate({ keyRing, published: publishedAway() })
    valueOf(await keys.publicKey(kid, 'ES256', NOON))
    isAway = true
    seen.calls = 0
    expect((await keys.publicKey(kid, 'ES256', NOON + 299)).ok).toBe(true)
    expect((await keys.publicKey(kid, 'ES256', NOON + 299)).ok).toBe(true)
    expect(seen.calls).toBe(1)
    expect(await keys.publicKey(kid, 'ES256', NOON + 300)).toMatchObject({
      refusal: { code: 'unavailable' },
    })
    isAway = false
    expect((await keys.publicKey(kid, 'ES256', NOON + 310)).ok).toBe(true)
  })

  it('are looked for anew when the clock goes back', async () => {
    const { keyRing, seen } = watchedRing()
    const keys = isolate({ keyRing, published: publishedAway() })
    valueOf(await keys.publicKeySet(NOON))
    valueOf(await keys.publicKeySet(NOON - 3600))
    expect(seen.calls).toBe(2)
  })

  it('with an unknown id cost one call to the key ring per half minute, whoever sends them', async () => {
    const { keyRing, seen } = watchedRing()
    const keys = isolate({ keyRing })
    valueOf(await isolate().publicKeySet(NOON))
    for (let i = 0; i < 100; i++) {
      const kid = String(i).padStart(43, 'x')
      expect(await keys.publicKey(kid, 'ES256', NOON)).toMatchObject({
        refusal: { code: 'unknown_key' },
      })
    }
    expect(seen.calls).toBe(1)
    await keys.publicKey('B'.repeat(43), 'ES256', NOON + 30)
    expect(seen.calls).toBe(2)
  })

  it('with an unknown id are found if the key ring has made them since', async () => {
    const keys = isolate()
    valueOf(await keys.publicKeySet(NOON))
    const stub = await keyRing()
    for (const { jwk } of valueOf(await stub.publicKeys(NOON)).keys) {
      if (jwk.alg === 'ES256') valueOf(await stub.compromise(jwk.kid, NOON))
    }
    const { kid } = valueOf(await isolate().signingKey('ES256', NOON + 1))
    expect((await keys.publicKey(kid, 'ES256', NOON + 1)).ok).toBe(true)
  })

  it.each([
    ['a path', '../../etc/passwd'],
    ['SQL', `' OR 1=1--`],
    ['a NUL', 'x\u0000y'],
    ['10,000 characters', 'x'.repeat(10_000)],
    ['a number', 1],
    ['an array', ['a']],
    ['an object', {}],
    ['__proto__', '__proto__'],
    ['constructor', 'constructor'],
    ['nothing', undefined],
  ])('are not looked for under %s', async (_, kid) => {
    const { keyRing, seen } = watchedRing()
    const keys = isolate({ keyRing })
    expect(await keys.publicKey(kid, 'ES256', NOON)).toEqual({
      ok: false,
      refusal: { code: 'unknown_key' },
    })
    expect(seen.calls).toBe(0)
  })

  it('are not found for an algorithm that is not theirs', async () => {
    const keys = isolate()
    const { kid } = valueOf(await keys.signingKey('RS256', NOON))
    expect((await keys.publicKey(kid, 'RS256', NOON)).ok).toBe(true)
    expect((await keys.publicKey(kid, 'ES256', NOON)).ok).toBe(false)
  })
})

describe('key rotation as a client with a ten-minute JWKS cache sees it', () => {
  const CLIENT_CACHE_SECONDS = 600

  it('never meets a signature by a key that it does not know, nor drops one too soon', async () => {
    const keys = isolate()
    const stub = await keyRing()
    let cached: { kids: Set<string>; at: number } | undefined
    const signed: { kid: string; at: number }[] = []
    let rotations = 0
    const kids = new Set<string>()
    for (let now = NOON; now < NOON + 6 * 3600; now += 20) {
      // An operator who rotates whenever it is allowed.
      if ((now - NOON) % 1200 === 0 && (await stub.rotate(now)).ok) rotations++
      const { kid } = valueOf(await keys.signingKey('ES256', now))
      signed.push({ kid, at: now })
      kids.add(kid)
      // The client fetches through a cache that may be as old as our max-age allows.
      if (cached === undefined || now >= cached.at + CLIENT_CACHE_SECONDS + JWKS_MAX_AGE_SECONDS) {
        const set = valueOf(await keys.publicKeySet(now))
        cached = { kids: new Set(set.keys.map((jwk) => jwk.kid)), at: now }
      }
      // It verifies every token that has not expired.
      while (signed[0] !== undefined && signed[0].at + 300 <= now) signed.shift()
      for (const token of signed) expect(cached.kids).toContain(token.kid)
    }
    expect(rotations).toBe(5)
    expect(kids.size).toBe(6)
  }, 30_000)

  it('can rely on an overlap that is longer than every cache between', () => {
    expect(ANNOUNCED_SECONDS).toBeGreaterThan(CLIENT_CACHE_SECONDS + JWKS_MAX_AGE_SECONDS + 120)
    expect(RETIRING_SECONDS).toBeGreaterThan(300 + CLIENT_CACHE_SECONDS + JWKS_MAX_AGE_SECONDS)
  })
})

it('looks at KV with the shortest cacheTtl there is', async () => {
  valueOf(await isolate().publicKeySet(NOON))
  const get = vi.spyOn(env.REVOCATION, 'get')
  valueOf(await isolate().publicKeySet(NOON))
  expect(get).toHaveBeenCalledWith(expect.stringMatching(/^v1:public-keys:/), { cacheTtl: 30 })
})
