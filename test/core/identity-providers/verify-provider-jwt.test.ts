import { base64url } from 'jose'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import type { IdentityProvider } from '../../../src/core/identity-providers/identity-provider.ts'
import type { KeySet } from '../../../src/core/identity-providers/key-set.ts'
import { verifyProviderJwt } from '../../../src/core/identity-providers/verify-provider-jwt.ts'
import { ok } from '../../../src/platform/refusal.ts'
import { freezeClock, NOON } from '../../world/clock.ts'
import { secondConfig } from '../../world/config.ts'
import {
  alteredPayload,
  publicKeyAsSecret,
  signedBy,
  signedWithClientSecret,
  signedWithSecret,
  unsigned,
  withSignature,
} from '../../world/forgeries.ts'
import type { Forgery } from '../../world/forgeries.ts'
import { createInternet } from '../../world/internet.ts'
import type { Internet } from '../../world/internet.ts'
import { createProvider } from '../../world/provider.ts'
import type { Provider } from '../../world/provider.ts'
import { providerKey } from '../../world/provider-keys.ts'
import { bytesOf, signJws } from '../../world/sign-jws.ts'
import { freshIsolate, signIn, verdict } from '../../world/upstream-sign-in.ts'

let internet: Internet
let otrotl: Provider
let identityProvider: IdentityProvider
let clock: ReturnType<typeof freezeClock>
beforeEach(async () => {
  clock = freezeClock()
  internet = createInternet()
  otrotl = await createProvider(internet)
  identityProvider = freshIsolate().find('otrotl')!
})

const keyRequests = () => internet.requestsTo('https://otrotl.example/keys').length

/** The verdict on a sign-in whose ID token is this forgery, with the keys known beforehand. */
async function judged(forgery: Forgery, provider = otrotl): Promise<string> {
  provider.behaviour.idToken = forgery
  return verdict(await signIn(identityProvider, provider))
}

describe('a JWT that talks of its algorithm (RFC 8725 §3.1, §3.2)', () => {
  it.each(['none', 'None', 'NONE', 'nOnE', '', undefined, null, ['RS256'], 'rs256', 'RS256 '])(
    'is refused under alg %j, with and without a signature',
    async (alg) => {
      expect(await judged(unsigned(alg))).toBe('id_token_invalid/form')
      expect(await judged(unsigned(alg, { keepSignature: true }))).toBe('id_token_invalid/alg')
    },
  )

  it('is refused under HS256 with the public key as secret, in every shape of it', async () => {
    const secrets = await publicKeyAsSecret(otrotl.key())
    expect(Object.keys(secrets)).toHaveLength(10)
    for (const secret of Object.values(secrets)) {
      expect(await judged(signedWithSecret(secret))).toBe('id_token_invalid/alg')
    }
  })

  it('is refused under HS256 with the client secret', async () => {
    expect(await judged(signedWithClientSecret)).toBe('id_token_invalid/alg')
  })

  it.each(['RS512', 'PS256', 'ES256', 'Ed25519'])(
    'is refused under %s, though that key is published',
    async (alg) => {
      const key = await providerKey(alg, `other-${alg}`)
      otrotl.behaviour.keySet = { keys: [otrotl.key().publicJwk, key.publicJwk] }
      expect(await judged(signedBy(key, { alg, kid: key.kid }))).toBe('id_token_invalid/alg')
    },
  )

  it('is refused when it says the right algorithm and is signed with another', async () => {
    const { alg: _, ...jwk } = otrotl.key().publicJwk
    otrotl.behaviour.keySet = { keys: [jwk] }
    const key = await providerKey('ES256', 'not-rsa')
    expect(await judged(signedBy(key, { alg: 'RS256' }))).toBe('id_token_invalid/signature')
  })
})

describe('a JWT that brings its own key (RFC 8725 §3.10)', () => {
  it('is refused, and nobody asks for the key', async () => {
    const key = await providerKey('RS256', 'foreign')
    const watched = 'https://watched.example'
    internet.serve(watched, () => Response.json({ keys: [key.publicJwk] }))
    const certificate = base64url.encode(bytesOf('a certificate'))
    for (const header of [
      { jwk: key.publicJwk },
      { jku: `${watched}/keys` },
      { x5u: `${watched}/chain` },
      { x5c: [certificate] },
      { jwk: key.publicJwk, jku: watched, x5u: watched, x5c: [certificate] },
    ]) {
      expect(await judged(signedBy(key, header))).toBe('id_token_invalid/signature')
      expect(await judged(signedBy(key, { ...header, kid: key.kid }))).toBe('id_token_invalid/key')
    }
    expect(internet.requestsTo(watched)).toEqual([])
  })

  it('is accepted when it is signed by the right key all the same', async () => {
    expect(await judged(signedBy(otrotl.key(), { jku: 'https://otrotl.example/keys' }))).toBe(
      'accepted',
    )
  })
})

describe('the signature of a JWT (RFC 7515 §5.2)', () => {
  it('is refused when the payload was altered', async () => {
    expect(await judged(alteredPayload({ sub: 'sub-bob' }))).toBe('id_token_invalid/signature')
  })

  it('is refused by a foreign key of the same id', async () => {
    const key = await providerKey('RS256', 'foreign')
    expect(await judged(signedBy(key, {}))).toBe('id_token_invalid/signature')
  })

  it('is refused under an id that is known without a look for newer keys', async () => {
    await signIn(identityProvider, otrotl)
    clock.advance(60)
    const key = await providerKey('RS256', 'foreign')
    expect(await judged(signedBy(key, {}))).toBe('id_token_invalid/signature')
    expect(keyRequests()).toBe(1)
  })

  it('is refused by a key that is not published, after one look for newer keys', async () => {
    await signIn(identityProvider, otrotl)
    clock.advance(60)
    const key = await providerKey('RS256', 'foreign')
    for (let i = 0; i < 5; i += 1) {
      expect(await judged(signedBy(key, { kid: 'foreign' }))).toBe('id_token_invalid/key')
    }
    expect(keyRequests()).toBe(2)
  })

  it('is refused under ES256 when it is zero, the order of the curve, or DER', async () => {
    const second = await createProvider(internet, secondConfig)
    identityProvider = freshIsolate().find('second')!
    const order = Uint8Array.from(
      'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'.match(/../g)!,
      (byte) => Number.parseInt(byte, 16),
    )
    const der = new Uint8Array([
      0x30,
      0x44,
      2,
      32,
      ...order.slice(0, 32).fill(1),
      2,
      32,
      ...new Uint8Array(32).fill(1),
    ])
    for (const signature of [
      new Uint8Array(64),
      new Uint8Array([...order, ...order]),
      new Uint8Array([...order, ...new Uint8Array(32).fill(1)]),
      der,
      new Uint8Array(63),
      new Uint8Array(65),
    ]) {
      expect(await judged(withSignature(signature), second)).toBe('id_token_invalid/signature')
    }
    second.behaviour.idToken = undefined
    expect(verdict(await signIn(identityProvider, second))).toBe('accepted')
  })
})

describe('a JWT without key id (OpenID Connect Core 1.0 §10.1)', () => {
  const withoutKeyId = { idTokenHeader: { kid: undefined } }

  it('is accepted when the provider publishes one key', async () => {
    Object.assign(otrotl.behaviour, withoutKeyId)
    expect(verdict(await signIn(identityProvider, otrotl))).toBe('accepted')
  })

  it.each([
    [1, 'accepted'],
    [3, 'accepted'],
    [4, 'id_token_invalid/signature'],
  ])('behind %i other keys is %s, since four are tried', async (count, expected) => {
    const others = await Promise.all(
      Array.from({ length: count }, (_, i) => providerKey('RS256', `decoy-${i}`)),
    )
    otrotl.behaviour.keySet = ({ keys }) => ({
      keys: [...others.map(({ publicJwk }) => publicJwk), ...(keys as unknown[])],
    })
    Object.assign(otrotl.behaviour, withoutKeyId)
    expect(verdict(await signIn(identityProvider, otrotl))).toBe(expected)
  })

  it('does not count keys that cannot be meant', async () => {
    const others = await Promise.all(
      Array.from({ length: 5 }, (_, i) => providerKey('ES256', `other-curve-${i}`)),
    )
    otrotl.behaviour.keySet = ({ keys }) => ({
      keys: [...others.map(({ publicJwk }) => publicJwk), ...(keys as unknown[])],
    })
    Object.assign(otrotl.behaviour, withoutKeyId)
    expect(verdict(await signIn(identityProvider, otrotl))).toBe('accepted')
  })

  it('is accepted under a new key after the cool-down', async () => {
    Object.assign(otrotl.behaviour, withoutKeyId)
    await signIn(identityProvider, otrotl)
    await otrotl.rotateKey('otrotl-2')
    clock.advance(31)
    expect(verdict(await signIn(identityProvider, otrotl))).toBe('accepted')
  })
})

describe('verification of a provider JWT', () => {
  it('accepts nothing but the very token that the key signed', async () => {
    const key = await providerKey('ES256', 'second-1')
    const keys: KeySet = [
      { keyId: key.kid, algorithms: ['ES256'], jwk: key.publicJwk as KeySet[0]['jwk'] },
    ]
    const rules = {
      algorithm: 'ES256' as const,
      keys: { current: async () => ok(keys), refreshed: async () => ok(keys) },
      types: ['jwt'],
      isTypeRequired: false,
    }
    const token = await signJws({ alg: 'ES256', kid: key.kid }, { sub: 'alice' }, key)
    expect(await verifyProviderJwt(token, rules, NOON)).toEqual(ok({ sub: 'alice' }))
    const mutation = fc.record({
      at: fc.nat({ max: token.length - 1 }),
      drop: fc.nat({ max: 2 }),
      put: fc.string({ unit: fc.constantFrom('A', 'e', '.', '-', '=', '\n', 'é'), maxLength: 2 }),
    })
    // The last character of a base64url segment holds bits that stand for nothing.
    const meaning = (text: string) =>
      text
        .split('.')
        .map((part) => Buffer.from(part, 'base64url').toString('hex'))
        .join('.')
    await fc.assert(
      fc.asyncProperty(mutation, async ({ at, drop, put }) => {
        const mutant = token.slice(0, at) + put + token.slice(at + drop)
        const verified = await verifyProviderJwt(mutant, rules, NOON)
        if (verified.ok) expect(meaning(mutant)).toBe(meaning(token))
      }),
      { numRuns: 500 },
    )
  })
})
