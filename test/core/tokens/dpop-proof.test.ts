import { SignJWT, UnsecuredJWT, base64url, exportJWK, generateKeyPair } from 'jose'
import { describe, expect, it } from 'vitest'
import { createDpopProofs } from '../../../src/core/tokens/dpop-proof.ts'
import { createProver } from '../../world/signed-by-us.ts'

const NOON = 2_000_000_000
const url = 'https://login.example/api/me'
const target = { method: 'GET', url, now: NOON }
const token = 'a.b.c'

type Changes = NonNullable<Parameters<Awaited<ReturnType<typeof createProver>>['prove']>[1]>

/** Which check refuses a proof; or the thumbprint it yields. */
async function judge(
  proof: string | undefined,
  request: {
    method?: string
    url?: string
    token?: { value: string; jkt: string }
    now?: number
  } = {},
  proofs = createDpopProofs(),
) {
  const { now = NOON, ...rest } = request
  const answer = await proofs.check({ proof, method: 'GET', url, ...rest }, now)
  return answer.ok ? answer.value.jkt : (answer.refusal.facts?.check ?? answer.refusal.code)
}

const changed = async (changes: Changes) => (await createProver()).prove(target, changes)

describe('a good proof (RFC 9449 §4.2)', () => {
  it.each(['ES256', 'ES384', 'EdDSA', 'Ed25519', 'RS256', 'PS256'])('may be by %s', async (alg) => {
    const prover = await createProver(alg)
    expect(await judge(await prover.prove(target))).toMatch(/^[\w-]{43}$/)
  })

  it('yields the thumbprint of its key, which extra members of the key do not change', async () => {
    const prover = await createProver()
    const plain = await judge(await prover.prove(target))
    const jwk = { ...prover.jwk, kid: 'mine', use: 'sig', ext: true }
    expect(await judge(await prover.prove(target, { header: { jwk } }))).toBe(plain)
  })

  it.each([
    ['its query and fragment', `${url}?a=b#c`],
    ['the case of scheme and host', 'HTTPS://LOGIN.example/api/me'],
    ['the default port', 'https://login.example:443/api/me'],
    ['escapes of plain characters', 'https://login.example/%61pi/me'],
    ['dot segments', 'https://login.example/api/x/../me'],
  ])('may differ from the URL in %s (§4.3 item 9)', async (_, htu) => {
    expect(await judge(await changed({ claims: { htu } }))).toMatch(/^[\w-]{43}$/)
  })

  it.each([-60, -0.5, 59.9, 60])('may be %d seconds off our clock', async (off) => {
    expect(await judge(await changed({ claims: { iat: NOON + off } }))).toMatch(/^[\w-]{43}$/)
  })

  it.each([
    { exp: NOON + 300 },
    { exp: NOON - 59 },
    { exp: NOON + 0.5 },
    { nbf: NOON },
    { nbf: NOON + 60 },
  ])('may say when it counts, by a clock that is a minute off: %j', async (claims) => {
    expect(await judge(await changed({ claims }))).toMatch(/^[\w-]{43}$/)
  })
})

describe('a proof is refused (RFC 9449 §4.3)', () => {
  it('when there is none, when there are two, and when it is huge', async () => {
    const prover = await createProver()
    const [a, b] = [await prover.prove(target), await prover.prove(target)]
    expect(await judge(undefined)).toBe('missing')
    expect(await judge('')).toBe('missing')
    expect(await judge(`${a}, ${b}`)).toBe('count')
    expect(await judge(`${a},`)).toBe('count')
    expect(await judge(`${a}${'A'.repeat(8192)}`)).toBe('size')
  })

  it.each(['x', 'a.b', 'a.b.c', '..', 'e30.e30.', `${base64url.encode('[]')}.e30.AA`])(
    'when it is no JWT: %s',
    async (proof) => expect(await judge(proof)).toMatch(/^(form|typ)$/),
  )

  it.each(['JWT', 'at+jwt', 'DPoP+JWT', 'application/dpop+jwt', undefined, 1])(
    'when its typ is %s',
    async (typ) => expect(await judge(await changed({ header: { typ } }))).toBe('typ'),
  )

  it('when it is symmetric or not signed', async () => {
    const { jwk } = await createProver()
    const secret = new TextEncoder().encode('k'.repeat(32))
    for (const key of [jwk, { kty: 'oct', k: base64url.encode(secret) }]) {
      const proof = await new SignJWT({ htm: 'GET', htu: url, iat: NOON, jti: 'x' })
        .setProtectedHeader({ alg: 'HS256', typ: 'dpop+jwt', jwk: key })
        .sign(secret)
      expect(await judge(proof)).toBe('alg')
    }
    const unsigned = new UnsecuredJWT({ htm: 'GET', htu: url, iat: NOON, jti: 'x' }).encode()
    expect(await judge(unsigned)).toBe('typ')
    const header = base64url.encode(JSON.stringify({ alg: 'none', typ: 'dpop+jwt', jwk }))
    expect(await judge(unsigned.replace(/^[^.]*/, header))).toBe('alg')
  })

  it('when its algorithm is strong but not on the list', async () => {
    const prover = await createProver('ES512')
    expect(await judge(await prover.prove(target))).toBe('alg')
  })

  it('when it carries a private or symmetric key', async () => {
    for (const alg of ['ES256', 'RS256', 'EdDSA']) {
      const prover = await createProver(alg)
      const withPrivate = await prover.prove(target, { header: { jwk: prover.privateJwk } })
      expect(await judge(withPrivate)).toBe('jwk')
      const withSecret = { ...prover.jwk, k: 'AAAA' }
      expect(await judge(await prover.prove(target, { header: { jwk: withSecret } }))).toBe('jwk')
      const withEmpty = { ...prover.jwk, d: '' }
      expect(await judge(await prover.prove(target, { header: { jwk: withEmpty } }))).toBe('jwk')
    }
  })

  it.each([
    undefined,
    null,
    {},
    [],
    'text',
    { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' },
    { kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: 'A'.repeat(43) },
    { kty: 'EC', crv: 'P-384', x: 'A'.repeat(64), y: 'A'.repeat(64) },
    { kty: 'EC', crv: 'P-256', x: 1, y: 2 },
    { kty: 'RSA', n: 'AQAB', e: 'AQAB' },
    { kty: 'oct', k: 'AAAA' },
    { kid: 'a' },
  ])('when its key is %j', async (jwk) => {
    expect(await judge(await changed({ header: { jwk } }))).toMatch(/^(jwk|form)$/)
  })

  it('when its RSA key is weak, monstrous or has a strange exponent', async () => {
    const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true })
    const jwk = await exportJWK(publicKey)
    for (const changes of [
      { n: 'A'.repeat(171) },
      { n: 'x'.repeat(2000) },
      { e: 'AQ' },
      { e: 'Aw' },
    ]) {
      const proof = await new SignJWT({ htm: 'GET', htu: url, iat: NOON, jti: 'x' })
        .setProtectedHeader({ alg: 'RS256', typ: 'dpop+jwt', jwk: { ...jwk, ...changes } })
        .sign(privateKey)
      expect(await judge(proof)).toBe('jwk')
    }
  })

  it('when another key signed it, or it was changed after signing', async () => {
    const [a, b] = [await createProver(), await createProver()]
    expect(await judge(await a.prove(target, { header: { jwk: b.jwk } }))).toBe('signature')
    const [header, , signature] = (await a.prove(target)).split('.')
    const payload = base64url.encode(
      JSON.stringify({ htm: 'GET', htu: url, iat: NOON, jti: 'other' }),
    )
    expect(await judge(`${header}.${payload}.${signature}`)).toBe('signature')
  })

  it('when it names an extension', async () => {
    const proof = await changed({ header: { crit: ['b64'], b64: true } })
    expect(await judge(proof)).toBe('crit')
  })

  it.each(['POST', 'get', 'HEAD', '', undefined, 1])('when its htm is %s', async (htm) => {
    expect(await judge(await changed({ claims: { htm } }))).toBe('htm')
  })

  it.each([
    'https://login.example/api/me/',
    'https://login.example/api/you',
    'https://login.example/api%2Fme',
    'https://login.example/API/me',
    'https://login.example//api/me',
    'https://evil.example/api/me',
    'https://login.example.evil.example/api/me',
    'https://login.example:444/api/me',
    'https://user@login.example/api/me',
    'http://login.example/api/me',
    '/api/me',
    'login.example/api/me',
    '',
    undefined,
    1,
    [url],
  ])('when its htu is %s', async (htu) => {
    expect(await judge(await changed({ claims: { htu } }))).toBe('htu')
  })

  it.each([
    NOON - 61,
    NOON - 60.1,
    NOON + 60.1,
    0,
    String(NOON),
    undefined,
    null,
    1e300,
    NOON * 1000,
  ])('when its iat is %s', async (iat) =>
    expect(await judge(await changed({ claims: { iat } }))).toBe('iat'),
  )

  it.each([
    { exp: NOON - 60 },
    { exp: 0 },
    { exp: String(NOON + 300) },
    { exp: null },
    { nbf: NOON + 61 },
    { nbf: NOON * 1000 },
    { nbf: 'now' },
  ])('when it says itself that it does not count now (RFC 7519 §4.1): %j', async (claims) => {
    expect(await judge(await changed({ claims }))).toBe(Object.keys(claims)[0])
  })

  it.each(['', 'x'.repeat(257), undefined, 1, {}, null])('when its jti is %j', async (jti) => {
    expect(await judge(await changed({ claims: { jti } }))).toBe('jti')
  })

  it('when its ath is missing, of another token, or of another hash', async () => {
    const prover = await createProver()
    const jkt = String(await judge(await prover.prove(target)))
    const request = { token: { value: token, jkt } }
    const ath = async (value: unknown) =>
      judge(await prover.prove({ ...target, token }, { claims: { ath: value } }), request)
    expect(await judge(await prover.prove(target), request)).toBe('ath')
    expect(await judge(await prover.prove({ ...target, token: 'x.y.z' }), request)).toBe('ath')
    expect(await ath('')).toBe('ath')
    expect(await ath(1)).toBe('ath')
    expect(await ath(token)).toBe('ath')
    expect(await judge(await prover.prove({ ...target, token }), request)).toBe(jkt)
  })

  it('as the wrong key when the token is bound to another', async () => {
    const prover = await createProver()
    const proof = await prover.prove({ ...target, token })
    const request = { method: 'GET', url, token: { value: token, jkt: 'x'.repeat(43) } }
    expect(await createDpopProofs().check({ proof, ...request }, NOON)).toMatchObject({
      refusal: { code: 'wrong_dpop_key' },
    })
  })
})

describe('replay (RFC 9449 §11.1)', () => {
  it('is refused for as long as the proof would be fresh', async () => {
    const proofs = createDpopProofs()
    const proof = await changed({ claims: { iat: NOON + 60 } })
    expect(await judge(proof, {}, proofs)).toMatch(/^[\w-]{43}$/)
    for (const now of [NOON, NOON + 1, NOON + 60, NOON + 120]) {
      expect(await judge(proof, { now }, proofs)).toBe('replay')
    }
    expect(await judge(proof, { now: NOON + 121 }, proofs)).toBe('iat')
    const fraction = await changed({ claims: { iat: NOON + 59.5 } })
    expect(await judge(fraction, {}, proofs)).toMatch(/^[\w-]{43}$/)
    expect(await judge(fraction, { now: NOON + 119 }, proofs)).toBe('replay')
  })

  it('is refused also when both come at once', async () => {
    const proofs = createDpopProofs()
    const proof = await changed({})
    const answers = await Promise.all(Array.from({ length: 20 }, () => judge(proof, {}, proofs)))
    expect(answers.filter((answer) => answer === 'replay')).toHaveLength(19)
  })

  it('is of one key: another holder may use the same jti', async () => {
    const proofs = createDpopProofs()
    const same = { claims: { jti: 'same' } }
    expect(await judge(await changed(same), {}, proofs)).toMatch(/^[\w-]{43}$/)
    expect(await judge(await changed(same), {}, proofs)).toMatch(/^[\w-]{43}$/)
  })

  it('is not what a refused proof becomes: it has not been used up', async () => {
    const proofs = createDpopProofs()
    const prover = await createProver()
    const proof = await prover.prove({ ...target, token })
    const jkt = String(await judge(await prover.prove(target)))
    expect(await judge(proof, { method: 'POST' }, proofs)).toBe('htm')
    expect(await judge(proof, { url: 'https://login.example/' }, proofs)).toBe('htu')
    expect(await judge(proof, { token: { value: 'x', jkt } }, proofs)).toBe('ath')
    expect(await judge(proof, { token: { value: token, jkt: 'x'.repeat(43) } }, proofs)).toBe(
      'binding',
    )
    expect(await judge(proof, { token: { value: token, jkt } }, proofs)).toBe(jkt)
  })
})
