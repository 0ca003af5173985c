import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkIdTokenClaims } from '../../../src/core/identity-providers/id-token.ts'
import { NOON } from '../../world/clock.ts'
import type { Members } from '../../world/provider-behaviour.ts'
import { verdict } from '../../world/upstream-sign-in.ts'

describe('the claims check', () => {
  const expected = {
    issuer: 'https://otrotl.example',
    clientId: 'tuberaker',
    nonce: 'the-nonce',
    accessToken: 'the-access-token',
    algorithm: 'RS256',
    maxAge: undefined,
    reauthenticationAskedAt: undefined,
    acrValues: undefined,
  } as const
  const right: Members = {
    iss: expected.issuer,
    aud: expected.clientId,
    sub: 'sub-alice',
    nonce: expected.nonce,
    iat: NOON,
    exp: NOON + 300,
  }

  it.each(['RS256', 'ES384', 'EdDSA'] as const)(
    'takes the hash of %s for at_hash (§3.1.3.6)',
    async (algorithm) => {
      const name = { RS256: 'SHA-256', ES384: 'SHA-384', EdDSA: 'SHA-512' }[algorithm]
      const digest = await crypto.subtle.digest(name, new TextEncoder().encode('the-access-token'))
      const half = new Uint8Array(digest.slice(0, digest.byteLength / 2))
      const hash = btoa(String.fromCharCode(...half))
        .replaceAll('+', '-')
        .replaceAll('/', '_')
        .replaceAll('=', '')
      const check = (at_hash: string) =>
        checkIdTokenClaims({ ...right, at_hash }, { ...expected, algorithm }, NOON)
      expect(verdict(await check(hash))).toBe('accepted')
      expect(verdict(await check(hash.slice(1)))).toBe('id_token_invalid/at_hash')
      expect(verdict(await check(`${hash}=`))).toBe('id_token_invalid/at_hash')
    },
  )

  it('refuses a token hash when there is no access token', async () => {
    const checked = await checkIdTokenClaims(
      { ...right, at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' },
      { ...expected, accessToken: undefined },
      NOON,
    )
    expect(verdict(checked)).toBe('id_token_invalid/at_hash')
  })

  it('accepts no claim set that says something else of issuer, audience, nonce or time', async () => {
    const anything = fc.oneof(
      fc.jsonValue(),
      fc.integer({ min: NOON - 1000, max: NOON + 1000 }),
      fc.constantFrom(undefined, ...Object.values(right), ['tuberaker']),
    )
    const name = fc.constantFrom(
      'iss',
      'aud',
      'azp',
      'sub',
      'nonce',
      'iat',
      'exp',
      'nbf',
      'events',
      'at_hash',
      'auth_time',
      'sid',
    )
    await fc.assert(
      fc.asyncProperty(fc.dictionary(name, anything, { maxKeys: 3 }), async (changes) => {
        const claims: Members = { ...right, ...changes }
        const checked = await checkIdTokenClaims(claims, expected, NOON)
        if (!checked.ok) return
        expect(claims.iss).toBe(expected.issuer)
        expect([claims.aud].flat().every((each) => each === expected.clientId)).toBe(true)
        expect(claims.azp ?? expected.clientId).toBe(expected.clientId)
        expect(claims.nonce).toBe(expected.nonce)
        expect(claims.exp as number).toBeGreaterThan(NOON - 60)
        expect(Math.abs((claims.iat as number) - NOON)).toBeLessThanOrEqual(600)
        expect(typeof checked.value.subject).toBe('string')
        expect(Object.hasOwn(claims, 'events')).toBe(false)
      }),
      { numRuns: 2000 },
    )
  })
})
