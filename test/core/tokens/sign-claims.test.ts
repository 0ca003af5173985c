import { env } from 'cloudflare:workers'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'
import { createKeys } from '../../../src/core/tokens/keys.ts'
import { createSignedClaims } from '../../../src/core/tokens/sign-claims.ts'
import type { SigningKeyAlgorithm } from '../../../src/core/tokens/signing-key.ts'
import type { Result } from '../../../src/platform/refusal.ts'
import { freezeClock, NOON } from '../../world/clock.ts'
import { configFor } from '../../world/config.ts'
import { settings } from '../../world/settings.ts'
import { keyRing, prepareKeyRing, signAsUs } from '../../world/signed-by-us.ts'

const isolate = () => {
  const keys = createKeys({
    keyRing: env.KEY_RING,
    published: env.REVOCATION,
    keyEncryptionKey: [settings.KEY_ENCRYPTION_KEY],
  })
  return { keys, signedClaims: createSignedClaims({ config: configFor(), keys }) }
}

const claims = { iss: settings.ISSUER, sub: 'ada', aud: 'shop', iat: NOON, exp: NOON + 60 }

function valueOf<Value>(result: Result<Value>): Value {
  if (!result.ok) throw new Error(`refused: ${result.refusal.code}`)
  return result.value
}

const idToken = async (alg: SigningKeyAlgorithm = 'RS256') =>
  valueOf(await isolate().signedClaims.sign({ type: 'JWT', alg, claims, now: NOON }))

/** What a cold isolate says of a token that came back; which check failed, or `accepted`. */
const checkOf = async (token: string, now = NOON) => {
  const read = await isolate().signedClaims.readIdToken(token, now)
  return read.ok ? 'accepted' : (read.refusal.facts?.check ?? read.refusal.code)
}

beforeEach(async () => {
  freezeClock()
  await prepareKeyRing(NOON)
})

describe('claims under our signature', () => {
  it.each(['RS256', 'ES256', 'PS256'] as const)('are signed with %s and read back', async (alg) => {
    const token = await idToken(alg)
    const { kid, ...header } = decodeProtectedHeader(token)
    expect(header).toEqual({ alg, typ: 'JWT' })
    expect(decodeJwt(token)).toEqual(claims)
    const { keys, signedClaims } = isolate()
    const published = valueOf(await keys.publicKeySet(NOON)).keys.find((key) => key.kid === kid)
    expect(published).toMatchObject({ alg, use: 'sig' })
    expect(valueOf(await signedClaims.readIdToken(token, NOON))).toEqual(claims)
  })

  it('carry the type of a logout token where they are one', async () => {
    const token = valueOf(
      await isolate().signedClaims.sign({ type: 'logout+jwt', alg: 'RS256', claims, now: NOON }),
    )
    expect(decodeProtectedHeader(token).typ).toBe('logout+jwt')
  })

  it('are not made while there is no key', async () => {
    const keys = createKeys({
      keyRing: env.KEY_RING,
      published: env.REVOCATION,
      keyEncryptionKey: ['another-key-encryption-key-0123456789-0123456789'],
    })
    const signedClaims = createSignedClaims({ config: configFor(), keys })
    const signed = await signedClaims.sign({ type: 'JWT', alg: 'RS256', claims, now: NOON })
    expect(signed).toMatchObject({ ok: false, refusal: { code: 'unavailable' } })
  })
})

describe('an ID token that comes back as a hint', () => {
  it('is read also when it has expired, as long as its key is public', async () => {
    expect(await checkOf(await idToken(), NOON + 3600)).toBe('accepted')
  })

  it('is not ours under another type, issuer, key, or with anything else in its header', async () => {
    expect(await checkOf(await signAsUs(claims, NOON, { typ: 'logout+jwt' }, 'RS256'))).toBe(
      'header',
    )
    expect(await checkOf(await signAsUs(claims, NOON, { typ: 'at+jwt' }))).toBe('header')
    const foreign = { ...claims, iss: 'https://otrotl.example' }
    expect(await checkOf(await signAsUs(foreign, NOON, { typ: 'JWT' }, 'RS256'))).toBe('iss')
    expect(await checkOf(await signAsUs(claims, NOON, { typ: 'JWT', cty: 'JWT' }))).toBe('header')
    const kid = 'k'.repeat(43)
    expect(await checkOf(await signAsUs(claims, NOON, { typ: 'JWT', kid }))).toBe('key')
  })

  it('is not ours when the header names the algorithm of another key', async () => {
    const [, ...rest] = (await idToken('RS256')).split('.')
    const { kid } = decodeProtectedHeader(await idToken('RS256'))
    const header = btoa(JSON.stringify({ alg: 'PS256', typ: 'JWT', kid })).replaceAll('=', '')
    expect(await checkOf([header, ...rest].join('.'))).toBe('key')
  })

  it.each(['', 'x', 'a.b', 'a.b.c', 'a.b.c.d.e', '..', 'é.b.c', 'x'.repeat(9000)])(
    'is not ours when it is no token at all: %s',
    async (text) => {
      expect(await checkOf(text)).toBe('header')
    },
  )

  it('is not ours once its key is compromised', async () => {
    const token = await idToken()
    await (await keyRing()).compromise(decodeProtectedHeader(token).kid!, NOON)
    expect(await checkOf(token)).toBe('key')
  })

  it('is not ours when a character of it has changed', async () => {
    const token = await idToken('ES256')
    const last = token.at(-1) === 'A' ? 'B' : 'A'
    expect(await checkOf(token.slice(0, -1) + last)).toBe('signature')
    const [header, , signature] = token.split('.')
    const other = btoa(JSON.stringify({ ...claims, sub: 'bob' })).replaceAll('=', '')
    expect(await checkOf(`${header}.${other}.${signature}`)).toBe('signature')
  })
})
