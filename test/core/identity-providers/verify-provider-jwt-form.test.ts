import { base64url, CompactEncrypt } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'
import type { IdentityProvider } from '../../../src/core/identity-providers/identity-provider.ts'
import { freezeClock, NOON } from '../../world/clock.ts'
import { signedBy, signedBytes } from '../../world/forgeries.ts'
import type { Forgery } from '../../world/forgeries.ts'
import { createInternet } from '../../world/internet.ts'
import { createProvider } from '../../world/provider.ts'
import type { Provider } from '../../world/provider.ts'
import { bytesOf } from '../../world/sign-jws.ts'
import { freshIsolate, signIn, verdict } from '../../world/upstream-sign-in.ts'

let otrotl: Provider
let identityProvider: IdentityProvider
beforeEach(async () => {
  freezeClock()
  otrotl = await createProvider(createInternet())
  identityProvider = freshIsolate().find('otrotl')!
})

/** The verdict on a sign-in whose ID token is this forgery, with the keys known beforehand. */
async function judged(forgery: Forgery, provider = otrotl): Promise<string> {
  provider.behaviour.idToken = forgery
  return verdict(await signIn(identityProvider, provider))
}

describe('the header of a JWT (RFC 7515 §4)', () => {
  it.each([
    { crit: ['x'], x: 1 },
    { crit: [] },
    { crit: 'exp' },
    { crit: ['alg'] },
    { crit: ['exp'], exp: NOON },
    { crit: ['b64'], b64: false },
    { crit: ['b64'], b64: true },
    { crit: null },
    { b64: false },
    { b64: true },
  ])('is refused with %j', async (header) => {
    expect(await judged(signedBy(otrotl.key(), header))).toBe('id_token_invalid/crit')
  })

  it.each([
    'at+jwt',
    'logout+jwt',
    'application/at+jwt',
    'dpop+jwt',
    'secevent+jwt',
    'jose',
    '',
    null,
    7,
    ['JWT'],
  ])('is refused with typ %j', async (typ) =>
    expect(await judged(signedBy(otrotl.key(), { typ }))).toBe('id_token_invalid/typ'),
  )

  it.each(['JWT', 'jwt', 'application/jwt', undefined])('is accepted with typ %j', async (typ) => {
    expect(await judged(signedBy(otrotl.key(), { typ }))).toBe('accepted')
  })

  it.each(['JWT', 'json', ''])('is refused with cty %j', async (cty) => {
    expect(await judged(signedBy(otrotl.key(), { cty }))).toBe('id_token_invalid/cty')
  })

  it.each([
    ['x\u0000y', 'kid'],
    ['', 'kid'],
    ['x'.repeat(257), 'kid'],
    ['x'.repeat(5000), 'kid'],
    ['é', 'kid'],
    [7, 'kid'],
    [null, 'kid'],
    [['otrotl-1'], 'kid'],
    [{ kid: 'otrotl-1' }, 'kid'],
    [true, 'kid'],
    ['../../etc/passwd', 'key'],
    ["' OR 1=1--", 'key'],
    ['__proto__', 'key'],
    ['constructor', 'key'],
  ])('is refused with kid %j', async (kid, check) => {
    expect(await judged(signedBy(otrotl.key(), { kid }))).toBe(`id_token_invalid/${check}`)
  })

  it.each<[string, string | Uint8Array]>([
    ['no JSON', '{'],
    ['a JSON text', '"x"'],
    ['a JSON number', '1'],
    ['null', 'null'],
    ['a JSON list', '[{"alg":"RS256"}]'],
    ['invalid UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['a byte order mark', '\ufeff{"alg":"RS256"}'],
  ])('is refused when it is %s', async (_, header) => {
    expect(await judged(signedBytes(header))).toBe('id_token_invalid/header')
  })

  it.each<[string, string | Uint8Array]>([
    ['no JSON', '{'],
    ['a JSON text', '"x"'],
    ['null', 'null'],
    ['a JSON list', '[]'],
    ['invalid UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['a byte order mark', '\ufeff{"sub":"sub-alice"}'],
  ])('is refused over a payload that is %s', async (_, payload) => {
    expect(await judged(signedBytes(undefined, payload))).toBe('id_token_invalid/payload')
  })
})

describe('the form of a JWT (RFC 7515 §7.1)', () => {
  it.each<[string, (token: string) => unknown]>([
    ['two segments', (token) => token.split('.').slice(0, 2).join('.')],
    ['four segments', (token) => `${token}.x`],
    ['five segments', (token) => `${token}.x.x`],
    ['six segments', (token) => `${token}.x.x.x`],
    ['an empty header', (token) => `.${token.split('.').slice(1).join('.')}`],
    ['an empty payload', (token) => token.replace(/\.[^.]+\./, '..')],
    ['an empty signature', (token) => token.replace(/[^.]+$/, '')],
    ['padding', (token) => `${token}=`],
    ['white space around it', (token) => ` ${token}\n`],
    ['base64 of the other alphabet', (token) => token.replace(/^./, '+')],
    ['nothing in it', () => ''],
    ['no text', () => 7],
    ['a list', (token) => [token]],
  ])('is refused with %s', async (_, change) => {
    expect(await judged(({ token }) => change(token) as string)).toBe('id_token_invalid/form')
  })

  it('is refused when it is encrypted, whatever work that would be', async () => {
    const jwe = await new CompactEncrypt(bytesOf('{}'))
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .encrypt(new Uint8Array(32))
    const header = base64url.encode(
      bytesOf({
        alg: 'PBES2-HS256+A128KW',
        enc: 'A128GCM',
        p2c: 1_000_000_000,
        p2s: 'AAAAAAAAAAA',
        zip: 'DEF',
      }),
    )
    for (const token of [
      jwe,
      `${header}.a.a.a.a`,
      `${header}.${base64url.encode(bytesOf('{}'))}.a`,
    ]) {
      expect(await judged(() => token)).toMatch(/^id_token_invalid\/(form|alg)$/)
    }
  })

  it('is refused above 8 KB before anything is decoded', async () => {
    const large =
      (length: number): Forgery =>
      ({ token }) => {
        const [header, payload, signature] = token.split('.')
        return `${header}.${payload}${'A'.repeat(length - token.length)}.${signature}`
      }
    expect(await judged(large(8193))).toBe('id_token_invalid/size')
    expect(await judged(large(300_000))).toBe('id_token_invalid/size')
    expect(await judged(large(8192))).toBe('id_token_invalid/signature')
  })
})
