import { env } from 'cloudflare:workers'
import {
  CompactEncrypt,
  SignJWT,
  UnsecuredJWT,
  base64url,
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  importJWK,
} from 'jose'
import fc from 'fast-check'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createAccessTokens } from '../../../src/core/tokens/access-tokens.ts'
import type { IssueAccessToken } from '../../../src/core/tokens/access-token.ts'
import { createKeys } from '../../../src/core/tokens/keys.ts'
import type { Result } from '../../../src/platform/refusal.ts'
import { freezeClock } from '../../world/clock.ts'
import { configFor } from '../../world/config.ts'
import { settings } from '../../world/settings.ts'
import {
  createProver,
  goodClaims,
  keyRing,
  prepareKeyRing,
  signAsUs,
} from '../../world/signed-by-us.ts'

/** Far ahead of real time, so that no alarm comes by itself while a test runs. */
const NOON = 2_000_000_000

const config = configFor()

function isolate(changes: Parameters<typeof configFor>[0] = {}) {
  const keys = createKeys({
    keyRing: env.KEY_RING,
    published: env.REVOCATION,
    keyEncryptionKey: [settings.KEY_ENCRYPTION_KEY],
  })
  return { keys, tokens: createAccessTokens({ config: configFor(changes), keys }) }
}

const ada: IssueAccessToken = {
  sub: '0123456789abcdef0123456789abcdef',
  sid: 'fedcba9876543210fedcba9876543210',
  epoch: 7,
  authTime: NOON - 20,
  providerId: 'otrotl',
  acr: 'urn:example:gold',
  notAfter: NOON + 3600,
  now: NOON,
}

function valueOf<Value>(result: Result<Value>): Value {
  if (!result.ok) throw new Error(`refused: ${result.refusal.code}`)
  return result.value
}

const issue = async (changes: Partial<IssueAccessToken> = {}) =>
  valueOf(await isolate().tokens.issue({ ...ada, ...changes }))

/** What a cold isolate says of a token. */
const judge = async (token: string, now = NOON) => isolate().tokens.verify(token, now)

const checkOf = async (token: string, now = NOON) => {
  const answer = await judge(token, now)
  return answer.ok ? 'accepted' : answer.refusal.facts?.check
}

beforeEach(async () => {
  freezeClock(NOON)
  await prepareKeyRing(NOON)
})

describe('a token of an application for our API', () => {
  it('is taken with its client and its family', async () => {
    const claims = goodClaims(NOON, { client_id: 'shop', gid: 'a'.repeat(32) })
    expect(await judge(await signAsUs(claims, NOON))).toEqual({ ok: true, value: claims })
  })
})

describe('an issued access token (RFC 9068 §2)', () => {
  it('has the header and the claims of the profile, and no others', async () => {
    const { token, expiresIn, jti } = await issue()
    const { kid, ...header } = decodeProtectedHeader(token)
    expect(header).toEqual({ alg: 'ES256', typ: 'at+jwt' })
    expect(kid).toMatch(/^[\w-]{43}$/)
    expect(decodeJwt(token)).toEqual({
      iss: 'https://login.example',
      aud: 'https://api.example',
      sub: ada.sub,
      client_id: 'drawbridge',
      iat: NOON,
      exp: NOON + 300,
      jti,
      sid: ada.sid,
      epoch: 7,
      auth_time: NOON - 20,
      idp: 'otrotl',
      acr: 'urn:example:gold',
      scope: 'openid profile email',
    })
    expect(expiresIn).toBe(300)
    expect(jti).toMatch(/^[0-9a-f]{32}$/)
  })

  it('leaves out acr, scope and cnf when there is nothing to say', async () => {
    const { tokens } = isolate({ accessToken: { ...config.accessToken, scope: '' } })
    const { acr: _, ...plain } = ada
    const claims = decodeJwt(valueOf(await tokens.issue(plain)).token)
    for (const name of ['acr', 'scope', 'cnf']) expect(claims).not.toHaveProperty(name)
  })

  it('never has the same jti twice', async () => {
    const { tokens } = isolate()
    const issued = await Promise.all(Array.from({ length: 200 }, () => tokens.issue(ada)))
    expect(new Set(issued.map((answer) => valueOf(answer).jti)).size).toBe(200)
  })

  it('is bound to a DPoP key when one is named (RFC 9449 §6.1)', async () => {
    const jkt = 'j'.repeat(43)
    const { token } = await issue({ jkt })
    expect(decodeJwt(token).cnf).toEqual({ jkt })
    expect(valueOf(await judge(token)).cnf).toEqual({ jkt })
  })

  it('ends with the session, if that ends first', async () => {
    const { token, expiresIn } = await issue({ notAfter: NOON + 42 })
    expect(expiresIn).toBe(42)
    expect(decodeJwt(token).exp).toBe(NOON + 42)
  })

  it.each([NOON, NOON - 1, 0])(
    'is not issued for a session that is over (%i)',
    async (notAfter) => {
      expect(await isolate().tokens.issue({ ...ada, notAfter })).toMatchObject({
        refusal: { code: 'session_over' },
      })
    },
  )

  it('lives as long as configured, and never longer than 300 s', async () => {
    const lifetime = async (lifetimeSeconds: number) =>
      valueOf(
        await isolate({ accessToken: { ...config.accessToken, lifetimeSeconds } }).tokens.issue(
          ada,
        ),
      ).expiresIn
    expect(await lifetime(60)).toBe(60)
    expect(await lifetime(86_400)).toBe(300)
  })

  it('is verified in a cold isolate and says what was issued', async () => {
    const { token, jti } = await issue()
    expect(valueOf(await judge(token))).toMatchObject({ sub: ada.sub, sid: ada.sid, epoch: 7, jti })
  })
})

describe('time', () => {
  it('ends a token at its exp, without tolerance', async () => {
    const { token } = await issue()
    expect(await checkOf(token, NOON + 299)).toBe('accepted')
    expect(await checkOf(token, NOON + 300)).toBe('exp')
  })

  it('is asked also of a token that was verified before', async () => {
    const { token } = await issue()
    const { tokens } = isolate()
    expect((await tokens.verify(token, NOON + 299)).ok).toBe(true)
    expect((await tokens.verify(token, NOON + 300)).ok).toBe(false)
  })

  it('lets iat be five seconds ahead, for our machines do not share a clock', async () => {
    expect(await checkOf(await signAsUs(goodClaims(NOON + 5), NOON))).toBe('accepted')
    expect(await checkOf(await signAsUs(goodClaims(NOON + 6), NOON))).toBe('iat')
  })

  it.each([
    ['longer than any token of ours', { exp: NOON + 301 }],
    ['milliseconds', { exp: (NOON + 300) * 1000 }],
    ['at its iat', { exp: NOON }],
    ['before its iat', { exp: NOON - 1 }],
  ])('refuses an exp that is %s', async (_, changes) => {
    expect(await checkOf(await signAsUs(goodClaims(NOON, changes), NOON))).toBe('lifetime')
  })
})

describe('verification refuses, although the signature is good, a token', () => {
  it.each([
    ['alg', 'a kid that is not ours', { kid: 'A'.repeat(43) }, 'key'],
    ['header', 'typ JWT', { typ: 'JWT' }, 'header'],
    ['header', 'typ logout+jwt', { typ: 'logout+jwt' }, 'header'],
    ['header', 'typ dpop+jwt', { typ: 'dpop+jwt' }, 'header'],
    ['header', 'typ application/at+jwt', { typ: 'application/at+jwt' }, 'header'],
    ['header', 'no typ', { typ: undefined }, 'header'],
    ['header', 'no kid', { kid: undefined }, 'header'],
    ['header', 'a jku', { jku: 'https://evil.example/jwks' }, 'header'],
    ['header', 'an x5u', { x5u: 'https://evil.example/x' }, 'header'],
    ['header', 'an x5c', { x5c: ['AAAA'] }, 'header'],
    ['header', 'a jwk', { jwk: { kty: 'EC' } }, 'header'],
    ['header', 'a cty', { cty: 'JWT' }, 'header'],
  ])('%s: with %s', async (_, __, header, check) => {
    expect(await checkOf(await signAsUs(goodClaims(NOON), NOON, header))).toBe(check)
  })

  it.each([
    ['iss', { iss: 'https://login.example/' }],
    ['iss', { iss: 'https://otrotl.example' }],
    ['aud', { aud: 'https://other.example' }],
    ['aud', { aud: 'https://login.example' }],
  ])('whose %s is another: %o', async (check, changes) => {
    expect(await checkOf(await signAsUs(goodClaims(NOON, changes), NOON))).toBe(check)
  })

  const required = [
    'iss',
    'aud',
    'sub',
    'client_id',
    'iat',
    'exp',
    'jti',
    'sid',
    'epoch',
    'auth_time',
    'idp',
  ]
  const wrong = [undefined, null, '', {}, [], true, 1.5, -1, 1e300, 'x'.repeat(2000)]

  it.each(required)('whose %s is missing or of a wrong type', async (name) => {
    for (const value of wrong) {
      const token = await signAsUs(goodClaims(NOON, { [name]: value }), NOON)
      expect([value, await checkOf(token)]).toEqual([value, 'claims'])
    }
  })

  it.each([
    ['an array as aud', { aud: ['https://api.example'] }],
    ['numbers as text', { iat: String(NOON) }],
    ['an upper-case sub', { sub: 'A'.repeat(32) }],
    ['an epoch as text', { epoch: '1' }],
    ['a scope that is a list', { scope: ['openid'] }],
    ['an acr that is a number', { acr: 1 }],
    ['an application but no family', { client_id: 'shop' }],
    ['an application and a family of another form', { client_id: 'shop', gid: 'A'.repeat(32) }],
    ['a family that no application is named for', { gid: 'a'.repeat(32) }],
    ['a pairwise sub', { client_id: 'shop', gid: 'a'.repeat(32), sub: 'x'.repeat(43) }],
    [
      'no user, as a client of its own',
      { client_id: 'shop', sub: 'shop', sid: undefined, epoch: undefined, idp: undefined },
    ],
    ['a cnf that is empty', { cnf: {} }],
    ['a cnf that is null', { cnf: null }],
    ['a cnf of another kind', { cnf: { 'x5t#S256': 'x'.repeat(43) } }],
    ['a cnf with a short jkt', { cnf: { jkt: 'x' } }],
  ])('with %s', async (_, changes) => {
    expect(await checkOf(await signAsUs(goodClaims(NOON, changes), NOON))).toBe('claims')
  })

  it.each([
    ['text', 'hello'],
    ['null', 'null'],
    ['an array', '[]'],
    ['a number', '1e400'],
    ['nothing', ''],
    ['a byte order mark', `\ufeff${JSON.stringify(goodClaims(NOON))}`],
    ['two objects', '{}{}'],
    ['10,000 brackets', '['.repeat(5000)],
  ])('whose payload is %s', async (_, payload) => {
    expect(await checkOf(await signAsUs(payload, NOON))).toMatch(/^(claims|header)$/)
  })

  it('that an ID token key signed', async () => {
    const token = await signAsUs(goodClaims(NOON), NOON, {}, 'RS256')
    expect(await checkOf(token)).toBe('header')
    const asEs256 = await signAsUs(goodClaims(NOON), NOON)
    const [, rest] = [0, asEs256.slice(asEs256.indexOf('.'))]
    const { kid } = decodeProtectedHeader(token)
    const header = base64url.encode(JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid }))
    expect(await checkOf(header + rest)).toBe('key')
  })
})

describe('claims that we do not know', () => {
  it('are left out, and touch no prototype', async () => {
    const text = JSON.stringify(goodClaims(NOON))
    const token = await signAsUs(
      `${text.slice(0, -1)},"__proto__":{"admin":true},"constructor":{"admin":true},"admin":true}`,
      NOON,
    )
    const claims = valueOf(await judge(token)) as unknown as Record<string, unknown>
    expect(claims.admin).toBeUndefined()
    expect(Object.hasOwn(claims, '__proto__')).toBe(false)
    expect(({} as Record<string, unknown>).admin).toBeUndefined()
  })
})

describe('JOSE attacks (RFC 8725)', () => {
  const parts = (token: string) => token.split('.') as [string, string, string]
  const reheader = (token: string, header: unknown) => {
    const [, payload, signature] = parts(token)
    return `${base64url.encode(JSON.stringify(header))}.${payload}.${signature}`
  }

  it.each(['none', 'None', 'NONE', 'nOnE', '', undefined])(
    'alg %s is refused, with and without a signature',
    async (alg) => {
      const { token } = await issue()
      const { kid } = decodeProtectedHeader(token)
      const forged = reheader(token, { alg, typ: 'at+jwt', kid })
      expect(await checkOf(forged)).toBe('header')
      expect(await checkOf(forged.slice(0, forged.lastIndexOf('.') + 1))).toBe('header')
      expect(await checkOf(new UnsecuredJWT(goodClaims(NOON)).encode())).toBe('header')
    },
  )

  it('HS256 under any spelling of our public key is refused', async () => {
    const record = valueOf(await (await keyRing()).publicKeys(NOON))
    for (const { jwk } of record.keys) {
      const key = (await importJWK({ ...jwk }, jwk.alg, { extractable: true })) as CryptoKey
      const spki = await exportSPKI(key)
      const der = new Uint8Array((await crypto.subtle.exportKey('spki', key)) as ArrayBuffer)
      const texts = [spki, spki.trim(), `${spki}\n`, JSON.stringify(jwk)]
      const more = jwk.kty === 'RSA' ? [jwk.n] : [jwk.x, jwk.y]
      const secrets = [der, ...[...texts, ...more].map((text) => new TextEncoder().encode(text))]
      for (const secret of secrets) {
        const forged = await new SignJWT(goodClaims(NOON))
          .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: jwk.kid })
          .sign(secret)
        expect((await judge(forged)).ok).toBe(false)
        expect(
          (await judge(reheader(forged, { alg: 'ES256', typ: 'at+jwt', kid: jwk.kid }))).ok,
        ).toBe(false)
      }
    }
  })

  it('a key that the token brings along is not used', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
    const jwk = await exportJWK(publicKey)
    const kid = String(decodeProtectedHeader((await issue()).token).kid)
    for (const header of [{ kid }, { kid, jwk }, { kid: 'A'.repeat(43), jwk }, { jwk }]) {
      const forged = await new SignJWT(goodClaims(NOON))
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', ...header })
        .sign(privateKey)
      expect((await judge(forged)).ok).toBe(false)
    }
  })

  it('no address in a token is ever fetched', async () => {
    const fetch = vi.spyOn(globalThis, 'fetch')
    const { token } = await issue()
    const { kid } = decodeProtectedHeader(token)
    for (const header of [{ jku: 'https://evil.example/' }, { x5u: 'https://evil.example/' }]) {
      await judge(reheader(token, { alg: 'ES256', typ: 'at+jwt', kid, ...header }))
    }
    expect(fetch).not.toHaveBeenCalled()
  })

  it.each([[['x']], [[]], ['exp'], [['alg']], [['b64']]])('crit %o is refused', async (crit) => {
    const { token } = await issue()
    const header = decodeProtectedHeader(token)
    expect(await checkOf(reheader(token, { ...header, crit, b64: false }))).toBe('header')
    expect(await checkOf(reheader(token, { ...header, crit }))).toBe('header')
    expect(await checkOf(reheader(token, { ...header, b64: false }))).toBe('header')
  })

  it('a signature that is zero, at the order, or DER is refused', async () => {
    const { token } = await issue()
    const [header, payload, signature] = parts(token)
    const order = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'
    const n = Uint8Array.from(order.match(/../g)!, (byte) => Number.parseInt(byte, 16))
    const raw = base64url.decode(signature)
    const der = new Uint8Array([0x30, 0x44, 2, 32, ...raw.slice(0, 32), 2, 32, ...raw.slice(32)])
    const forgeries = [new Uint8Array(64), new Uint8Array([...n, ...n]), der, new Uint8Array(0)]
    for (const bytes of [...forgeries, raw.slice(1), new Uint8Array([...raw, 0])]) {
      const forged = `${header}.${payload}.${base64url.encode(bytes)}`
      expect(await checkOf(forged)).toBe('signature')
    }
  })

  it('anything but three segments is refused, a JWE is not opened', async () => {
    const { token } = await issue()
    const [header, payload, signature] = parts(token)
    const jwe = await new CompactEncrypt(new TextEncoder().encode(token))
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', typ: 'at+jwt' })
      .encrypt(new Uint8Array(32))
    const shapes = [
      '',
      '.',
      '..',
      '...',
      header,
      `${header}.${payload}`,
      `${token}.`,
      `${token}.${signature}`,
      `.${payload}.${signature}`,
      `${header}..${signature}`,
      jwe,
    ]
    for (const shape of shapes) expect((await judge(shape)).ok).toBe(false)
  })

  it.each(['{', '"text"', '[]', 'null', '1', '', '\ufeff{}', '\u0000'])(
    'a header of %j is refused',
    async (text) => {
      const { token } = await issue()
      expect(await checkOf(token.replace(/^[^.]*/, base64url.encode(text)))).toBe('header')
    },
  )

  it('a header that is not UTF-8 is refused', async () => {
    const { token } = await issue()
    expect(await checkOf(token.replace(/^[^.]*/, '__79'))).toBe('header')
  })

  it('a token over 8 KB is refused before anything of it is decoded', async () => {
    const { token } = await issue()
    expect(await checkOf(token + 'A'.repeat(8192))).toBe('size')
    expect(await checkOf('.'.repeat(16 * 1024 * 1024))).toBe('size')
  })

  it('any one character changed, added or left out makes a token worthless', async () => {
    const { token } = await issue()
    const { tokens } = isolate()
    valueOf(await tokens.verify(token, NOON))
    const character = fc.constantFrom(
      ...Array.from(
        'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. \n\u0000é',
      ),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.nat(token.length - 1), fc.constantFrom(token.length - 1, token.length - 2)),
        character,
        fc.constantFrom('replace', 'insert', 'remove'),
        async (at, put, how) => {
          const kept = how === 'insert' ? at : at + 1
          const changed = token.slice(0, at) + (how === 'remove' ? '' : put) + token.slice(kept)
          fc.pre(changed !== token)
          expect((await tokens.verify(changed, NOON)).ok).toBe(false)
        },
      ),
      { numRuns: 1000 },
    )
    // The last character carries two bits that decode to nothing: each other spelling, one by one.
    for (const put of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_') {
      if (put !== token.at(-1))
        expect((await tokens.verify(token.slice(0, -1) + put, NOON)).ok).toBe(false)
    }
  })

  it('arbitrary text is refused and never throws', async () => {
    const { tokens } = isolate()
    const segment = fc.oneof(
      fc.string(),
      fc.json().map((json) => base64url.encode(json)),
      fc.base64String(),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(segment, { maxLength: 6 }), async (segments) => {
        expect((await tokens.verify(segments.join('.'), NOON)).ok).toBe(false)
      }),
      { numRuns: 500 },
    )
  })
})

describe('a token of another role (RFC 8725 §3.12)', () => {
  it('is worthless as an access token', async () => {
    const prover = await createProver()
    const { iss, aud, sub, sid, iat, exp, jti } = goodClaims(NOON)
    const idToken = { iss, aud, sub, sid, iat, exp, jti, nonce: 'n', auth_time: NOON }
    const events = { 'http://schemas.openid.net/event/backchannel-logout': {} }
    const others = [
      await signAsUs(idToken, NOON, { typ: 'JWT' }, 'RS256'),
      await signAsUs(idToken, NOON, { typ: 'JWT' }),
      await signAsUs({ iss, aud, sub, sid, iat, exp, jti, events }, NOON, { typ: 'logout+jwt' }),
      await new SignJWT(goodClaims(NOON))
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
        .sign(new TextEncoder().encode('a-widget-secret-of-32-characters!')),
      await prover.prove({ url: 'https://api.example/', now: NOON }),
    ]
    for (const token of others) expect((await judge(token)).ok).toBe(false)
  })
})

describe('the memory of verified signatures', () => {
  it('verifies a token once', async () => {
    const { token } = await issue()
    const { tokens } = isolate()
    const verify = vi.spyOn(crypto.subtle, 'verify')
    for (let i = 0; i < 10; i++) valueOf(await tokens.verify(token, NOON + i))
    expect(verify).toHaveBeenCalledTimes(1)
  })

  it('does not outlive the key: a compromise takes all of its tokens along', async () => {
    const { keys, tokens } = isolate()
    const { token } = valueOf(await tokens.issue(ada))
    valueOf(await tokens.verify(token, NOON))
    const { kid } = decodeProtectedHeader(token)
    valueOf(await (await keyRing()).compromise(kid!, NOON + 1))
    // Within the bound of the isolate's copy, and at once where a newer copy has arrived.
    expect(await tokens.verify(token, NOON + 31)).toMatchObject({
      refusal: { code: 'invalid_token', facts: { check: 'key' } },
    })
    const renewed = valueOf(await tokens.issue({ ...ada, now: NOON + 31 }))
    expect(decodeProtectedHeader(renewed.token).kid).not.toBe(kid)
    expect((await tokens.verify(renewed.token, NOON + 31)).ok).toBe(true)
    expect((await keys.publicKeySet(NOON + 31)).ok).toBe(true)
  })

  it('keeps nothing of a token that was refused', async () => {
    const early = await signAsUs(goodClaims(NOON + 60), NOON)
    const { tokens } = isolate()
    expect((await tokens.verify(early, NOON)).ok).toBe(false)
    expect((await tokens.verify(early, NOON + 60)).ok).toBe(true)
  })
})

it('the answer is unavailable, and neither yes nor no, when no key can be had', async () => {
  const { token } = await issue()
  const keys = createKeys({
    keyRing: { getByName: () => Promise.reject(new Error('away')) } as never,
    published: { get: () => Promise.reject(new Error('away')) } as never,
    keyEncryptionKey: [settings.KEY_ENCRYPTION_KEY],
  })
  const tokens = createAccessTokens({ config, keys })
  expect(await tokens.verify(token, NOON)).toEqual({ ok: false, refusal: { code: 'unavailable' } })
  expect(await tokens.issue(ada)).toEqual({ ok: false, refusal: { code: 'unavailable' } })
})
