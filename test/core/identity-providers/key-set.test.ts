import { describe, expect, it } from 'vitest'
import { candidateKeys, parseKeySet } from '../../../src/core/identity-providers/key-set.ts'
import { providerKey } from '../../world/provider-keys.ts'
import type { ProviderKeyPair } from '../../world/provider-keys.ts'

const rsa = () => providerKey('RS256', 'otrotl-1')
const ec = () => providerKey('ES256', 'second-1')

const count = async (keys: unknown) => (await parseKeySet({ keys }))?.length ?? 0

describe('a key of a provider (RFC 7517 §4, RFC 7518 §6)', () => {
  it.each(['RS256', 'PS384', 'ES256', 'ES384', 'ES512', 'Ed25519'])(
    'of %s is usable',
    async (alg) => {
      const { publicJwk } = await providerKey(alg, 'usable')
      expect(await count([publicJwk])).toBe(1)
    },
  )

  it('is usable without kid, alg, use and key_ops', async () => {
    const { kid: _k, alg: _a, use: _u, ...jwk } = (await rsa()).publicJwk
    const keys = await parseKeySet({ keys: [jwk] })
    expect(keys?.[0]?.algorithms).toEqual(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'])
  })

  it('keeps none of the members that nobody asked for', async () => {
    const keys = await parseKeySet({
      keys: [{ ...(await rsa()).publicJwk, x5u: 'https://x.example', x5c: ['AA'] }],
    })
    expect(Object.keys(keys![0]!.jwk).toSorted()).toEqual(['alg', 'e', 'kid', 'kty', 'n'])
  })

  it.each<[string, (rsaKey: ProviderKeyPair, ecKey: ProviderKeyPair) => unknown]>([
    ['null', () => null],
    ['text', () => 'key'],
    ['a list', (key) => [key.publicJwk]],
    ['empty', () => ({})],
    ['of no type', ({ publicJwk: { kty: _kty, ...jwk } }) => jwk],
    ['of an unknown type', (key) => ({ ...key.publicJwk, kty: 'rsa' })],
    ['for encryption', (key) => ({ ...key.publicJwk, use: 'enc' })],
    ['for signing only', (key) => ({ ...key.publicJwk, key_ops: ['sign'] })],
    ['for operations that are no list', (key) => ({ ...key.publicJwk, key_ops: 'verify' })],
    ['for another algorithm than its type has', (key) => ({ ...key.publicJwk, alg: 'ES256' })],
    ['for HS256', (key) => ({ ...key.publicJwk, alg: 'HS256' })],
    ['for none', (key) => ({ ...key.publicJwk, alg: 'none' })],
    ['for RSA-OAEP', (key) => ({ ...key.publicJwk, alg: 'RSA-OAEP' })],
    ['for an algorithm that is no text', (key) => ({ ...key.publicJwk, alg: ['RS256'] })],
    [
      'symmetric',
      () => ({ kty: 'oct', k: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', alg: 'HS256' }),
    ],
    ['symmetric in disguise', (key) => ({ ...key.publicJwk, k: 'AAAA' })],
    ['an RSA key with its private half', (key) => key.privateJwk],
    ['an EC key with its private half', (_, key) => key.privateJwk],
    ['under an id that is a number', (key) => ({ ...key.publicJwk, kid: 7 })],
    ['under an empty id', (key) => ({ ...key.publicJwk, kid: '' })],
    ['of an exponent of 1', (key) => ({ ...key.publicJwk, e: 'AQ' })],
    ['of an exponent of 0', (key) => ({ ...key.publicJwk, e: 'AA' })],
    ['of an even exponent', (key) => ({ ...key.publicJwk, e: 'AQAA' })],
    ['of an exponent of 40 bits', (key) => ({ ...key.publicJwk, e: 'AQAAAAE' })],
    ['of no exponent', ({ publicJwk: { e: _e, ...jwk } }) => jwk],
    ['of a modulus that is no text', (key) => ({ ...key.publicJwk, n: 7 })],
    ['of a modulus that is not base64url', (key) => ({ ...key.publicJwk, n: '!'.repeat(342) })],
    [
      'of a modulus of 1024 bits in 2048',
      (key) => ({ ...key.publicJwk, n: `AAAA${String(key.publicJwk.n).slice(0, 170)}` }),
    ],
    ['of an even modulus', () => ({ kty: 'RSA', e: 'AQAB', n: `gA${'A'.repeat(340)}` })],
    [
      'of a modulus of a megabit',
      () => ({ kty: 'RSA', e: 'AQAB', n: `gA${'A'.repeat(170_000)}B` }),
    ],
    ['of a point off the curve', (_, key) => ({ ...key.publicJwk, y: key.publicJwk.x })],
    [
      'of the point at infinity',
      (_, key) => ({ ...key.publicJwk, x: 'A'.repeat(43), y: 'A'.repeat(43) }),
    ],
    ['of a point of half its length', (_, key) => ({ ...key.publicJwk, x: 'AAAA' })],
    ['of no y', (_, { publicJwk: { y: _y, ...jwk } }) => jwk],
    [
      'of another curve than its point',
      (_, key) => ({ ...key.publicJwk, alg: 'ES384', crv: 'P-384' }),
    ],
    ['of an unknown curve', (_, key) => ({ ...key.publicJwk, alg: undefined, crv: 'secp256k1' })],
    ['of a curve that is a list', (_, key) => ({ ...key.publicJwk, crv: ['P-256'] })],
    ['for key agreement', () => ({ kty: 'OKP', crv: 'X25519', x: 'A'.repeat(43) })],
  ])('is left out when it is %s, and the good one beside it is usable', async (_, broken) => {
    const good = await providerKey('PS256', 'good')
    const keys = await parseKeySet({ keys: [broken(await rsa(), await ec()), good.publicJwk] })
    expect(keys?.map(({ keyId }) => keyId)).toEqual(['good'])
  })

  it('of 1024 bits is left out', async () => {
    const { publicJwk } = await providerKey('RS256', 'weak', 1024)
    expect(await count([publicJwk])).toBe(0)
  })
})

describe('a key set (RFC 7517 §5)', () => {
  it.each([undefined, null, 'keys', 7, {}, [], [null], [{}]])(
    'of %j is no key set',
    async (keys) => {
      expect(await parseKeySet({ keys })).toBeUndefined()
    },
  )

  it('is looked at up to its fiftieth key', async () => {
    const { publicJwk } = await ec()
    expect(await count(Array.from({ length: 1000 }, () => publicJwk))).toBe(50)
  })

  it('offers a token the keys of its id and algorithm only', async () => {
    const keys = await parseKeySet({
      keys: [(await rsa()).publicJwk, { ...(await ec()).publicJwk, kid: 'otrotl-1' }],
    })
    const offered = candidateKeys(keys!, 'RS256', 'otrotl-1')
    expect(offered.map(({ jwk }) => jwk.kty)).toEqual(['RSA'])
    expect(candidateKeys(keys!, 'RS256', 'otrotl-2')).toEqual([])
    expect(candidateKeys(keys!, 'RS256', '__proto__')).toEqual([])
    expect(candidateKeys(keys!, 'PS256', 'otrotl-1')).toEqual([])
  })

  it('offers at most four keys, also under one id', async () => {
    const { publicJwk } = await ec()
    const keys = await parseKeySet({ keys: Array.from({ length: 10 }, () => publicJwk) })
    expect(candidateKeys(keys!, 'ES256', undefined)).toHaveLength(4)
    expect(candidateKeys(keys!, 'ES256', 'second-1')).toHaveLength(4)
  })
})
