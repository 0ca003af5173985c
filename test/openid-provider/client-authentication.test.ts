import { SignJWT, exportJWK, generateKeyPair } from 'jose'
import type { JWTHeaderParameters } from 'jose'
import fc from 'fast-check'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Claim } from '../../src/core/references/claimed-references.ts'
import { parseBasicCredentials } from '../../src/protocol/basic-credentials.ts'
import { applicationRegistry } from '../world/applications.ts'
import type { RegisteredApplication } from '../world/applications.ts'
import { NOON } from '../world/clock.ts'
import { countClaims, snapshot } from '../world/snapshot.ts'
import { expectError, expectUntouched } from './token/expect-answer.ts'
import { basic, registerShop, tokenWorld, tokenWorldWith, TOKEN_URL } from './token/token-world.ts'
import type { Answer, TokenWorld } from './token/token-world.ts'

let world: TokenWorld

beforeEach(async () => {
  world = await tokenWorld()
})

/** The cheapest thing to ask for once one is known. */
const own = { grant_type: 'client_credentials' }
const machine = (oauth: Parameters<typeof registerShop>[0] = {}) =>
  registerShop({
    name: 'Machine',
    ...oauth,
    oauth: {
      redirectUris: [],
      grantTypes: ['client_credentials'],
      scope: ['orders'],
      ...oauth.oauth,
    },
  })
const byBasic = ({ id }: { id: string }, secret: string, form: Record<string, string> = own) =>
  world.post('/oauth/token', form, { authorization: basic(id, secret) })

describe('a client secret (RFC 6749 §2.3.1)', () => {
  it('is taken by the registered method, and by no other', async () => {
    const basics = await machine()
    const posts = await machine({ oauth: { tokenEndpointAuthMethod: 'client_secret_post' } })
    const byPost = ({ id, secret }: RegisteredApplication) =>
      world.post('/oauth/token', { ...own, client_id: id, client_secret: secret })
    expect((await byBasic(basics, basics.secret)).status).toBe(200)
    expect((await byPost(posts)).status).toBe(200)
    await expectUntouched('invalid_client', () => byPost(basics), 401)
    await expectUntouched('invalid_client', () => byBasic(posts, posts.secret), 401)
  })

  it('is never taken from a URL, nor in two places at once', async () => {
    const { id, secret } = await machine()
    const authorization = basic(id, secret)
    const query = `/oauth/token?client_secret=${secret}`
    await expectUntouched('invalid_request', () => world.post(query, { ...own, client_id: id }))
    await expectUntouched('invalid_request', () => world.post(query, own, { authorization }))
    const both = { ...own, client_id: id, client_secret: secret }
    await expectUntouched('invalid_request', () =>
      world.post('/oauth/token', both, { authorization }),
    )
    const twice = new URLSearchParams([...Object.entries(both), ['client_secret', secret]])
    await expectUntouched('invalid_request', () => world.post('/oauth/token', twice))
  })

  it.each(['client_assertion', 'password', 'code', 'refresh_token', 'device_code', 'token'])(
    'goes with no %s in the URL',
    async (name) => {
      const { id, secret } = await machine()
      const authorization = basic(id, secret)
      await expectUntouched('invalid_request', () =>
        world.post(`/oauth/token?${name}=x`, own, { authorization }),
      )
    },
  )

  it('names one application: a client_id beside it is the same', async () => {
    const { id, secret } = await machine()
    const authorization = basic(id, secret)
    const same = await world.post('/oauth/token', { ...own, client_id: id }, { authorization })
    expect(same.status).toBe(200)
    await expectUntouched('invalid_request', () =>
      world.post('/oauth/token', { ...own, client_id: 'other' }, { authorization }),
    )
  })

  it('that is wrong, missing, over, or of nobody gets one and the same answer', async () => {
    const known = await machine()
    const disabled = await machine()
    await applicationRegistry().setStatus(disabled.id, 'disabled', NOON)
    const rotated = await machine()
    await applicationRegistry().rotateSecret({ id: rotated.id, overlapSeconds: 0 }, NOON)
    const open = await registerShop({ oauth: { tokenEndpointAuthMethod: 'none' } })
    const answers = await Promise.all([
      byBasic(known, 'wrong'),
      byBasic(known, ''),
      byBasic({ id: 'nobody' }, known.secret),
      byBasic({ id: '..' }, known.secret),
      byBasic({ id: '' }, ''),
      byBasic(disabled, disabled.secret),
      byBasic(rotated, rotated.secret),
      byBasic(open, 'x'),
      world.post('/oauth/token', own),
      world.post('/oauth/token', { ...own, client_id: known.id }),
      world.post('/oauth/token', { ...own, client_id: known.id, client_secret: '' }),
      world.post('/oauth/token', { ...own, client_id: 'x'.repeat(5000), client_secret: 'x' }),
    ])
    const seen = answers.map(({ status, headers, body }) => ({
      status,
      challenge: headers.get('www-authenticate'),
      body: { ...body, request_id: '' },
    }))
    for (const [at, answer] of answers.entries()) {
      expectError(answer, 'invalid_client', 401)
      expect(seen[at]).toEqual(seen[0])
    }
  })

  it('is compared even where there is nothing to compare it with', async () => {
    const queries: string[] = []
    const prepare = env.DIRECTORY.prepare.bind(env.DIRECTORY)
    vi.spyOn(env.DIRECTORY, 'prepare').mockImplementation((query) => {
      queries.push(query.trim().split(/\s+/).slice(0, 4).join(' '))
      return prepare(query)
    })
    const known = await machine()
    queries.length = 0
    await byBasic(known, 'wrong')
    const ofKnown = queries.splice(0)
    await byBasic({ id: 'nobody' }, 'wrong')
    expect(queries).toEqual(ofKnown)
  })
})

describe('a Basic header', () => {
  it('may carry any characters, form-encoded (RFC 6749 appendix B)', () => {
    const text = fc.string({
      unit: fc.oneof(
        fc.constantFrom(':', '%', '+', ' ', '&', '=', 'é', '😀', '\0'),
        fc.string({ minLength: 1, maxLength: 1 }),
      ),
    })
    fc.assert(
      fc.property(text, text, (id, secret) => {
        fc.pre(id.isWellFormed() && secret.isWellFormed())
        expect(parseBasicCredentials(basic(id, secret))).toEqual({ id, secret })
      }),
    )
    fc.assert(
      fc.property(fc.string(), fc.string(), (scheme, rest) => {
        const parsed = parseBasicCredentials(`${scheme} ${rest}`)
        expect([undefined, 'absent', 'object']).toContain(
          typeof parsed === 'object' ? 'object' : parsed,
        )
      }),
    )
  })

  it.each(['BASIC', 'basic', 'bAsIc'])('is known as %s', async (scheme) => {
    const { id, secret } = await machine()
    const authorization = basic(id, secret).replace('Basic', scheme)
    expect((await world.post('/oauth/token', own, { authorization })).status).toBe(200)
  })

  it.each([
    'Basic',
    'Basic ',
    'Basic !!!',
    `Basic ${btoa('no-colon')}`,
    `Basic ${btoa('\xff\xfe:x')}`,
    `Basic ${btoa('%zz:x')}`,
    `Basic ${btoa('a:b')}, Basic ${btoa('a:b')}`,
    `Basic ${'A'.repeat(5000)}`,
    'Bearer abc',
    'DPoP abc',
    'Digest x',
    'x',
  ])('that cannot be read proves nothing: %#', async (authorization) => {
    const { id } = await machine()
    await expectUntouched(
      'invalid_client',
      () => world.post('/oauth/token', { ...own, client_id: id }, { authorization }),
      401,
    )
  })
})

describe('private_key_jwt (RFC 7523 §3)', () => {
  async function signer(alg = 'ES256', kid = 'key-1') {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
    const jwk = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' }
    const sign = (claims: Record<string, unknown>, header: Partial<JWTHeaderParameters> = {}) =>
      new SignJWT(claims).setProtectedHeader({ alg, kid, ...header }).sign(privateKey)
    return { jwk, sign, privateKey }
  }
  type Signer = Awaited<ReturnType<typeof signer>>

  const client = (key: Signer) =>
    machine({
      oauth: { tokenEndpointAuthMethod: 'private_key_jwt', jwks: { keys: [key.jwk] } },
    })
  let jti = 0
  const good = (id: string) => ({
    iss: id,
    sub: id,
    aud: 'https://login.example',
    jti: `jti-${(jti += 1)}`,
    exp: NOON + 60,
    iat: NOON,
  })
  const present = (assertion: string, form: Record<string, string> = {}): Promise<Answer> =>
    world.post('/oauth/token', {
      ...own,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
      ...form,
    })

  it.each(['RS256', 'PS256', 'ES256', 'EdDSA'])('proves who calls, under %s', async (alg) => {
    const key = await signer(alg)
    const { id } = await client(key)
    expect((await present(await key.sign(good(id)))).status).toBe(200)
    expect((await present(await key.sign(good(id)), { client_id: id })).status).toBe(200)
    expect((await present(await key.sign({ ...good(id), aud: TOKEN_URL }))).status).toBe(200)
  })

  it.each(['JWT', 'jwt', 'client-authentication+jwt', 'application/client-authentication+jwt'])(
    'may call itself %s',
    async (typ) => {
      const key = await signer()
      const { id } = await client(key)
      expect((await present(await key.sign(good(id), { typ }))).status).toBe(200)
    },
  )

  it('forgives a clock that is a minute off, and counts once all the same', async () => {
    const key = await signer()
    const { id } = await client(key)
    const times = { exp: NOON - 59, nbf: 0, iat: NOON + 60 }
    const assertion = await key.sign({ ...good(id), ...times })
    expect((await present(assertion)).status).toBe(200)
    await expectUntouched('invalid_client', () => present(assertion), 401)
  })

  it('counts once, also of twenty at the same time', async () => {
    const key = await signer()
    const { id } = await client(key)
    const assertion = await key.sign(good(id))
    const answers = await Promise.all(Array.from({ length: 20 }, () => present(assertion)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    world.clock.advance(100)
    await expectUntouched('invalid_client', () => present(assertion), 401)
  })

  it('whose claim was made, and not answered, is not told that it was used before', async () => {
    let isLost = false
    const getByName = (name: string) => ({
      async claim(input: Claim) {
        const claimed = await env.CLAIMED_REFERENCES.getByName(name).claim(input)
        if (!isLost) return claimed
        isLost = false
        throw new Error('lost on the way')
      },
    })
    world = await tokenWorldWith({ CLAIMED_REFERENCES: { getByName } as never })
    const key = await signer()
    const { id } = await client(key)
    expect((await present(await key.sign(good(id)))).status).toBe(200)
    isLost = true
    const answer = await present(await key.sign(good(id)))
    expectError(answer, 'temporarily_unavailable', 503)
  })

  it('needs no kid, whatever other kinds of keys there are', async () => {
    const others = await Promise.all([1, 2, 3, 4].map((n) => signer('ES256', `other-${n}`)))
    const key = await signer('RS256')
    const keys = [...others, key].map(({ jwk }) => jwk)
    const { id } = await machine({
      oauth: { tokenEndpointAuthMethod: 'private_key_jwt', jwks: { keys } },
    })
    const assertion = await key.sign(good(id), { kid: undefined } as never)
    expect((await present(assertion)).status).toBe(200)
  })

  it('is tried with four keys at most where it has no kid', async () => {
    const keys = await Promise.all([1, 2, 3, 4, 5].map((n) => signer('ES256', `key-${n}`)))
    const { id } = await machine({
      oauth: {
        tokenEndpointAuthMethod: 'private_key_jwt',
        jwks: { keys: keys.map(({ jwk }) => jwk) },
      },
    })
    const statuses = keys.map(async (key) => {
      const assertion = await key.sign(good(id), { kid: undefined } as never)
      return (await present(assertion)).status
    })
    expect(await Promise.all(statuses)).toEqual([200, 200, 200, 200, 401])
  })

  it.each<[string, (id: string) => Record<string, unknown>]>([
    ['several audiences', () => ({ aud: ['https://login.example'] })],
    ['another audience', () => ({ aud: 'https://other.example' })],
    ['an audience with a slash', () => ({ aud: 'https://login.example/' })],
    ['our authorization endpoint', () => ({ aud: 'https://login.example/oauth/authorize' })],
    ['no audience', () => ({ aud: undefined })],
    ['an hour of life', () => ({ exp: NOON + 3600 })],
    ['milliseconds', () => ({ exp: NOON * 1000 })],
    ['no end', () => ({ exp: undefined })],
    ['its end behind it', () => ({ exp: NOON - 60 })],
    ['its end as a text', () => ({ exp: String(NOON + 60) })],
    ['its beginning to come', () => ({ nbf: NOON + 61 })],
    ['its issue to come', () => ({ iat: NOON + 61 })],
    ['another issuer', () => ({ iss: 'other' })],
    ['another subject', () => ({ sub: 'other' })],
    ['no id', () => ({ jti: undefined })],
    ['an empty id', () => ({ jti: '' })],
    ['an endless id', () => ({ jti: 'x'.repeat(257) })],
    ['endless content', () => ({ more: 'x'.repeat(8192) })],
  ])('with %s proves nothing', async (_, change) => {
    const key = await signer()
    const { id } = await client(key)
    const assertion = await key.sign({ ...good(id), ...change(id) })
    const claimed = await countClaims()
    await expectUntouched('invalid_client', () => present(assertion), 401)
    expect(await claimed()).toBe(0)
  })

  it('is signed by a key of that very application, under that key’s own algorithm', async () => {
    const [mine, theirs] = await Promise.all([signer('RS256'), signer('RS256')])
    const { id } = await client(mine)
    const other = await client(theirs)
    const refused = async (assertion: string) =>
      expectUntouched('invalid_client', () => present(assertion), 401)
    await refused(await theirs.sign(good(id)))
    await refused(await theirs.sign(good(id), { jwk: theirs.jwk as never }))
    await refused(await mine.sign(good(other.id)))
    await refused(await mine.sign({ ...good(id), iss: other.id }))
    const ps256 = await crypto.subtle.importKey(
      'jwk',
      { ...(await exportJWK(mine.privateKey)), alg: 'PS256' } as JsonWebKey,
      { name: 'RSA-PSS', hash: 'SHA-256' },
      true,
      ['sign'],
    )
    await refused(
      await new SignJWT(good(id)).setProtectedHeader({ alg: 'PS256', kid: 'key-1' }).sign(ps256),
    )
    const hmac = new TextEncoder().encode(JSON.stringify(mine.jwk))
    await refused(
      await new SignJWT(good(id)).setProtectedHeader({ alg: 'HS256', kid: 'key-1' }).sign(hmac),
    )
    const part = (value: unknown) => btoa(JSON.stringify(value)).replaceAll('=', '')
    await refused(`${part({ alg: 'none' })}.${part(good(id))}.`)
    await refused(`${part({ alg: 'none' })}.${part(good(id))}.x`)
    expect((await present(await mine.sign(good(id)))).status).toBe(200)
  })

  it.each([
    ['of another kind', { typ: 'dpop+jwt' }],
    ['that is an access token', { typ: 'at+jwt' }],
    ['under another kid', { kid: 'key-2' }],
    ['with another token in it', { cty: 'JWT' }],
  ])('%s proves nothing', async (_, header) => {
    const key = await signer()
    const { id } = await client(key)
    const assertion = await key.sign(good(id), header)
    await expectUntouched('invalid_client', () => present(assertion), 401)
  })

  it.each(['', 'x', 'a.b.c', '..', `${'a'.repeat(9000)}.b.c`])(
    'that is no JWT proves nothing: %#',
    async (text) => {
      const answer = await present(text)
      expect([400, 401]).toContain(answer.status)
    },
  )

  it('stands alone, is of the one type, and is of the client that is named', async () => {
    const key = await signer()
    const { id } = await client(key)
    const authorization = basic(id, 'x')
    const assertion = await key.sign(good(id))
    const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
    const form = { ...own, client_assertion: assertion, client_assertion_type: type }
    await expectUntouched('invalid_request', () =>
      world.post('/oauth/token', form, { authorization }),
    )
    await expectUntouched('invalid_request', () =>
      present(assertion, { client_assertion_type: 'x' }),
    )
    await expectUntouched('invalid_request', () => present(assertion, { client_secret: 'x' }))
    const typeAlone = { ...own, client_assertion_type: type }
    await expectUntouched('invalid_request', () =>
      world.post('/oauth/token', typeAlone, { authorization }),
    )
    await expectUntouched('invalid_client', () => present(assertion, { client_id: 'other' }), 401)
    await expectUntouched(
      'invalid_client',
      () => world.post('/oauth/token', { ...own, client_id: id }),
      401,
    )
    expect((await present(assertion)).status).toBe(200)
  })
})

describe('every endpoint of applications', () => {
  const paths = ['/oauth/token', '/oauth/introspect', '/oauth/revoke']

  it.each(paths)('%s takes one form by POST, and nothing else', async (path) => {
    const { id, secret } = await machine()
    const authorization = basic(id, secret)
    const before = await snapshot()
    for (const type of [
      'application/json',
      'text/plain',
      'multipart/form-data; boundary=x',
      'application/json, application/x-www-form-urlencoded',
      'application/x-www-form-urlencoded; charset=utf-7',
    ]) {
      const answer = await world.post(path, '{}', { authorization, 'content-type': type })
      expectError(answer, 'invalid_request')
    }
    const form = 'application/x-www-form-urlencoded'
    const broken = await world.post(path, 'a=%zz', { authorization, 'content-type': form })
    expectError(broken, 'invalid_request')
    const big = await world.post(path, `a=${'x'.repeat(70_000)}`, {
      authorization,
      'content-type': form,
    })
    expectError(big, 'invalid_request', 413)
    for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS']) {
      const answer = await world.send(new Request(`https://login.example${path}`, { method }))
      expect(answer.status).toBe(method === 'OPTIONS' ? 204 : 405)
      expect(answer.headers.get('allow')).toBe('POST, OPTIONS')
      expect(answer.headers.get('access-control-allow-origin')).toBeNull()
    }
    expect(await snapshot()).toEqual(before)
  })

  it.each(paths)('%s looks at no cookie, and shares nothing with other origins', async (path) => {
    const { cookie } = await world.person()
    const answer = await world.post(
      path,
      { token: 'x', ...own },
      { cookie: `__Host-drawbridge_session=${cookie}`, origin: 'https://app.example' },
    )
    expectError(answer, 'invalid_client', 401)
  })

  it.each(paths)('%s is closed to an address that knocks too often', async (path) => {
    const TOKEN_LIMIT = { limit: async () => ({ success: false }) } as RateLimit
    const closed = await tokenWorldWith({ TOKEN_LIMIT })
    const answer = await closed.post(path, own)
    expect(answer.status).toBe(429)
    expect(answer.headers.get('retry-after')).toBe('60')
    expect(answer.headers.get('cache-control')).toBe('no-store')
  })

  it.each(paths)('%s asks to come again when the directory is away', async (path) => {
    const { id, secret } = await machine()
    const prepare = () => {
      throw new Error('D1 is down')
    }
    const down = await tokenWorldWith({ DIRECTORY: { prepare } as unknown as D1Database })
    const answer = await down.post(path, own, { authorization: basic(id, secret) })
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toBe('5')
    expect(answer.body.error).toBe('temporarily_unavailable')
  })
})
