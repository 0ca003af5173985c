import { env } from 'cloudflare:workers'
import { exportJWK, generateKeyPair } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config.ts'
import type { IdentityProviderConfig } from '../../src/config.ts'
import { settings } from '../world/settings.ts'

type Settings = Record<string, unknown>

const [otrotl, second] = settings.IDENTITY_PROVIDERS as Settings[] as [Settings, Settings]

function parse(changes: Settings, others: Settings = {}) {
  const IDENTITY_PROVIDERS = [{ ...otrotl, ...changes }, second]
  return parseConfig({
    ...(env as unknown as Settings),
    ...settings,
    IDENTITY_PROVIDERS,
    ...others,
  })
}

function problemsOf(changes: Settings, others: Settings = {}): readonly string[] {
  const parsed = parse(changes, others)
  return parsed.ok ? [] : parsed.problems
}

function providerOf(changes: Settings, others: Settings = {}): IdentityProviderConfig {
  const parsed = parse(changes, others)
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'))
  return parsed.config.identityProviders[0]!
}

describe('id and name', () => {
  it.each([
    '',
    'Otrotl',
    '1st',
    '-a',
    'a_b',
    'a/b',
    'a'.repeat(33),
    'otrotl\n',
    '__proto__',
    7,
    null,
  ])('the id %j is refused', (id) => expect(problemsOf({ id })).toHaveLength(1))

  it.each(['callback', 'login', 'logout', 'token', 'events', 'sessions', 'backchannel-logout'])(
    'the id "%s" is refused, since our routes have that word',
    (id) => {
      expect(problemsOf({ id })[0]).toBe(`IDENTITY_PROVIDERS[0].id: "${id}" is a word of our own`)
    },
  )

  it('two providers do not share an id', () => {
    expect(problemsOf({ id: 'second' })).toEqual([
      'IDENTITY_PROVIDERS[1].id: "second" is already IDENTITY_PROVIDERS[0].id',
    ])
  })

  it.each(['', ' OTROTL', 'a\nb', 'a\u202eb', 'x'.repeat(65), 5, undefined])(
    'the name %j is refused',
    (name) => expect(problemsOf({ name })).toHaveLength(1),
  )
})

describe('issuer (OpenID Connect Discovery 1.0 §3)', () => {
  it.each([
    'https://otrotl.example',
    'https://otrotl.example/',
    'https://otrotl.example/realms/one',
    'https://otrotl.example:8443/a/',
  ])('%s is kept character by character', (issuer) => {
    expect(providerOf({ issuer }).issuer).toBe(issuer)
  })

  it.each([
    undefined,
    '',
    'otrotl.example',
    'http://otrotl.example',
    'https://otrotl.example?x',
    'https://otrotl.example#x',
    'https://otrotl.example/?',
    'https://otrotl.example/#',
    'https://Otrotl.example',
    'https://otrotl.example:443',
    'https://otrotl.example/a/../b',
    'https://otrotl.example/a b',
    'https:otrotl.example',
    'https://otrotl.example.',
    'https://otrotl.example\t',
    'file:///etc/passwd',
    'data:text/plain,x',
  ])('%j is refused', (issuer) => expect(problemsOf({ issuer })).toHaveLength(1))

  it('with a password is refused without showing it', () => {
    expect(problemsOf({ issuer: 'https://a:hunter2@otrotl.example' })).toEqual([
      'IDENTITY_PROVIDERS[0].issuer: holds a user name or password; write only the issuer',
    ])
  })

  it.each([
    'https://10.0.0.1',
    'https://169.254.169.254',
    'https://192.168.1.1',
    'https://[fd00::1]',
    'https://[::ffff:10.0.0.1]',
    'https://intranet',
    'https://x.internal',
    'https://127.0.0.2',
    'https://localhost',
  ])('%s is refused: it is not on the public internet', (issuer) => {
    const problems = problemsOf({ issuer })
    expect(
      problems.filter((problem) => problem.startsWith('IDENTITY_PROVIDERS[0].issuer')),
    ).toHaveLength(1)
  })

  it.each(['https://login.example', 'https://login.example/', 'https://login.example:8443/realm'])(
    '%s is refused: it is this gateway',
    (issuer) => {
      expect(problemsOf({ issuer })).toEqual([
        `IDENTITY_PROVIDERS[0].issuer: "${issuer}" is this gateway itself`,
      ])
    },
  )

  it('two providers do not share an issuer, with or without a slash at its end', () => {
    expect(problemsOf({ issuer: 'https://second.example/' })).toEqual([
      'IDENTITY_PROVIDERS[1].issuer: "https://second.example" is already IDENTITY_PROVIDERS[0].issuer',
    ])
  })
})

describe('allow_insecure_http', () => {
  const here = { ISSUER: 'http://localhost:8787', ALLOWED_ORIGINS: [] }
  const spelledOut = { allow_insecure_http: true }

  it.each(['http://127.0.0.1:9080', 'http://localhost:9080', 'http://[::1]:9080'])(
    'lets the issuer %s be http on this machine',
    (issuer) => {
      expect(providerOf({ issuer, ...spelledOut }, here).allowInsecureHttp).toBe(true)
      expect(problemsOf({ issuer }, here)).toEqual([
        `IDENTITY_PROVIDERS[0].issuer: "${issuer}" is not https; only a loopback host may use http, and only with allow_insecure_http = true`,
      ])
    },
  )

  it('opens nothing but this machine', () => {
    for (const issuer of ['http://otrotl.example', 'http://10.0.0.1', 'https://otrotl.example']) {
      expect(problemsOf({ issuer, ...spelledOut }, here)).toContain(
        'IDENTITY_PROVIDERS[0].allow_insecure_http: is only for a loopback issuer',
      )
    }
  })

  it('does not make the gateway its own provider', () => {
    expect(problemsOf({ issuer: 'http://localhost:8787', ...spelledOut }, here)).toEqual([
      'IDENTITY_PROVIDERS[0].issuer: "http://localhost:8787" is this gateway itself',
    ])
  })

  it.each(['true', 1, 'yes'])('%j is not true', (allow_insecure_http) => {
    expect(problemsOf({ allow_insecure_http })).toHaveLength(1)
  })
})

describe('protocol settings', () => {
  it.each(['none', 'HS256', 'RS1', 'rs256', '', ['RS256'], 'toString'])(
    'the ID token algorithm %j is refused',
    (id_token_signed_response_alg) => {
      expect(problemsOf({ id_token_signed_response_alg })).toHaveLength(1)
    },
  )

  it.each(['client_secret_jwt', 'tls_client_auth', 'None'])(
    'the client authentication %j is refused',
    (token_endpoint_auth_method) => {
      expect(problemsOf({ token_endpoint_auth_method })).toHaveLength(1)
    },
  )

  it.each(['email profile', 'openidx', '', 'openid  email', 'openid\temail'])(
    'the scope %j is refused',
    (scope) => expect(problemsOf({ scope })).toHaveLength(1),
  )

  it.each([
    { response_mode: 'fragment' },
    { backchannel_logout_scope: 'all' },
    { client_id: '' },
    { client_id: 'a b' },
    { client_id: undefined },
    { clientid: 'x' },
    { private_key: '{}' },
  ])('%j is refused', (changes) => expect(problemsOf(changes)).toHaveLength(1))

  it('a logout token needs exp unless that is waived in so many words', () => {
    expect(providerOf({})).toMatchObject({ logoutTokenWithoutExp: false })
    expect(providerOf({ logout_token_without_exp: true })).toMatchObject({
      logoutTokenWithoutExp: true,
    })
    expect(problemsOf({ logout_token_without_exp: 'yes' })).toHaveLength(1)
  })

  it('keeps what is chosen', () => {
    expect(
      providerOf({
        response_mode: 'form_post',
        backchannel_logout_scope: 'session',
        logout_token_typ_required: true,
      }),
    ).toMatchObject({
      responseMode: 'form_post',
      backchannelLogoutScope: 'session',
      logoutTokenTypRequired: true,
    })
  })
})

describe('e-mail domains', () => {
  it('linking by e-mail needs the domains that the provider vouches for', () => {
    expect(problemsOf({ link_by_verified_email: true })[0]).toMatch(
      /^IDENTITY_PROVIDERS\[0\]\.authoritative_email_domains: is empty/,
    )
    expect(
      providerOf({ link_by_verified_email: true, authoritative_email_domains: ['otrotl.example'] }),
    ).toMatchObject({ linkByVerifiedEmail: true, authoritativeEmailDomains: ['otrotl.example'] })
  })

  it.each([
    'Otrotl.example',
    '@otrotl.example',
    '*.otrotl.example',
    'example',
    '.a',
    'a..b',
    '-a.b',
    '',
  ])('the domain %j is refused', (domain) => {
    expect(problemsOf({ allowed_email_domains: [domain] })).toHaveLength(1)
    expect(problemsOf({ authoritative_email_domains: [domain] })).toHaveLength(1)
  })
})

describe('the client ids of applications of ours', () => {
  it('are any but the gateway’s own', () => {
    expect(problemsOf({ native_client_ids: ['on-phones', 'on-desks'] })).toEqual([])
    expect(problemsOf({ native_client_ids: ['on-phones', otrotl.client_id] })).toHaveLength(1)
    expect(problemsOf({ native_client_ids: ['on phones'] })).toHaveLength(1)
  })
})

describe('client authentication', () => {
  let ec: Settings
  let rsa: Settings

  beforeAll(async () => {
    const keyOf = async (algorithm: string) => {
      const { privateKey } = await generateKeyPair(algorithm, { extractable: true })
      return { ...(await exportJWK(privateKey)), alg: algorithm }
    }
    ec = await keyOf('ES256')
    rsa = await keyOf('PS256')
  })

  const byKey = { id: 'acme-eu', token_endpoint_auth_method: 'private_key_jwt' }
  const problemsOfKey = (jwk: Settings) =>
    problemsOf(byKey, { ACME_EU_PRIVATE_KEY: JSON.stringify(jwk) })

  it('takes the secret that is named for the provider', () => {
    const provider = providerOf({ id: 'acme-eu' }, { ACME_EU_CLIENT_SECRET: 's3cret' })
    expect(provider.clientAuthentication).toEqual({
      method: 'client_secret_basic',
      clientSecret: 's3cret',
    })
    expect(problemsOf({ id: 'acme-eu' })).toEqual([
      'ACME_EU_CLIENT_SECRET: is missing; set it with "npx wrangler secret put ACME_EU_CLIENT_SECRET --env production", for development in .dev.vars',
    ])
  })

  it.each(['pasted\n', 'two words', 'schlüssel'])('the client secret %j is refused', (secret) => {
    expect(problemsOf({}, { OTROTL_CLIENT_SECRET: secret })).toHaveLength(1)
  })

  it('a public client has no secret', () => {
    const provider = providerOf({ id: 'open', token_endpoint_auth_method: 'none' })
    expect(provider.clientAuthentication).toEqual({ method: 'none' })
  })

  it('takes a private key with the algorithm that it names', () => {
    const key = { ...ec, kid: 'key-1' }
    expect(
      providerOf(byKey, { ACME_EU_PRIVATE_KEY: JSON.stringify(key) }).clientAuthentication,
    ).toEqual({ method: 'private_key_jwt', privateKey: key, algorithm: 'ES256', keyId: 'key-1' })
    expect(problemsOfKey(rsa)).toEqual([])
  })

  it('refuses a key that could not sign, or not as it says', () => {
    const { d: _d, ...publicKey } = ec
    const { p: _p, ...incompleteRsa } = rsa
    const { alg: _alg, ...unnamed } = ec
    const shortRsa = { ...rsa, n: (rsa.n as string).slice(0, 171) }
    const rsaOf2047Bits = { ...rsa, n: `f${(rsa.n as string).slice(1)}` }
    for (const jwk of [
      publicKey,
      incompleteRsa,
      unnamed,
      shortRsa,
      rsaOf2047Bits,
      { ...ec, alg: 'HS256' },
      { ...rsa, kty: 'EC' },
      { ...ec, alg: 'RS256' },
      { ...ec, alg: 'ES384' },
      { ...ec, use: 'enc' },
      { ...ec, key_ops: ['verify'] },
      { ...ec, key_ops: 7 },
      { ...ec, kid: 7 },
      { kty: 'oct', k: 'c2VjcmV0', alg: 'HS256' },
    ]) {
      expect(problemsOfKey(jwk), JSON.stringify(jwk)).toHaveLength(1)
    }
    for (const text of ['-----BEGIN PRIVATE KEY-----', '[]', 'null', '"text"']) {
      expect(problemsOf(byKey, { ACME_EU_PRIVATE_KEY: text })).toEqual([
        'ACME_EU_PRIVATE_KEY: is not a JWK in JSON',
      ])
    }
  })
})
