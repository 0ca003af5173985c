import fc from 'fast-check'
import { exportJWK, generateKeyPair } from 'jose'
import { describe, expect, it } from 'vitest'
import { judgeRegistration } from '../../../src/core/applications/registration.ts'
import type { OAuthRegistration } from '../../../src/core/applications/registration.ts'
import { payloads as openRedirectPayloads } from '../../sign-in/open-redirect-payloads.ts'

const ISSUER = 'https://login.example'
const good = { redirectUris: ['https://shop.example/cb'] } satisfies OAuthRegistration

/** The pointers of all problems, without `/oauth/`. */
async function problemsOf(oauth: OAuthRegistration, issuer = ISSUER): Promise<readonly string[]> {
  const judged = await judgeRegistration({ name: 'Shop', oauth: { ...good, ...oauth } }, { issuer })
  return judged.ok ? [] : judged.problems.map(({ pointer }) => pointer.replace('/oauth/', ''))
}

async function registered(oauth: OAuthRegistration) {
  const judged = await judgeRegistration(
    { name: 'Shop', oauth: { ...good, ...oauth } },
    { issuer: ISSUER },
  )
  if (!judged.ok) throw new Error(JSON.stringify(judged.problems))
  return judged.content.oauth!
}

const redirectProblems = (uri: string, oauth: OAuthRegistration = {}) =>
  problemsOf({ ...oauth, redirectUris: [uri] })

describe('a redirect URI (M09, RFC 9700 §2.1)', () => {
  it.each([
    'https://shop.example/cb',
    'https://shop.example',
    'https://shop.example:8443/a/b?tenant=1',
    'https://xn--mnchen-3ya.example/cb',
    'https://localhost.emobix.co.uk:8443/test/a/drawbridge/callback',
    'http://localhost:3000/cb',
    'http://127.0.0.1/cb',
    'http://[::1]:8080/cb',
    'https://shop.example/a%20b',
    'https://shop.example/...',
  ])('%s is taken as it stands', async (uri) => {
    expect((await registered({ redirectUris: [uri] })).redirectUris).toEqual([uri])
  })

  it.each([
    'http://shop.example/cb',
    'http://127.0.0.2/cb',
    'http://localhost.shop.example/cb',
    'http://0.0.0.0/cb',
    'javascript:alert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
    'ftp://shop.example/',
    'com.example.shop:/cb',
    '/cb',
    'shop.example/cb',
    '//shop.example/cb',
    '',
    'https:///cb',
    'https:shop.example/cb',
    'https://',
    'https://*.shop.example/cb',
    'https://shop.example/*',
    'https://shop.example/cb#',
    'https://shop.example/cb#x',
    'https://user@shop.example/cb',
    'https://user:pass@shop.example/cb',
    'https://@shop.example/cb',
    'https://shop.example./cb',
    'HTTPS://shop.example/cb',
    'https://Shop.example/cb',
    'https://shop.example:443/cb',
    'https://shop.example/a/../cb',
    'https://shop.example/./cb',
    'https://shop.example/%2e%2e/cb',
    'https://shop.example/a%2f..%2fcb',
    'https://shop.example/cb%00',
    'https://shop.example/cb%0d%0aLocation:x',
    'https://shop.example\\cb',
    'https://shop.example/%5ccb',
    'https://shop.example/c b',
    'https://shop.example/\u00fc',
    'https://m\u00fcnchen.example/cb',
    'https://0x7f.1/cb',
    'https://shop.example/cb?code=x',
    'https://shop.example/cb?a=1&state=x',
    'https://shop.example/cb?iss=x',
    `https://shop.example/${'a'.repeat(1000)}`,
  ])('%j is refused', async (uri) => {
    expect(await redirectProblems(uri)).toEqual(['redirect_uris/0'])
  })

  it.each(['\t', '\n', '\r', '\0', '\x7f', '\u200b', '\ufeff', '\u2028', ' '])(
    'is refused with %j anywhere in it',
    async (character) => {
      for (let at = 0; at <= 'https://shop.example/cb'.length; at++) {
        const uri =
          `https://shop.example/cb`.slice(0, at) + character + `https://shop.example/cb`.slice(at)
        expect(await redirectProblems(uri), `at ${at}`).toEqual(['redirect_uris/0'])
      }
    },
  )

  it('that has led browsers astray somewhere is refused, or leads where it says and nowhere else', async () => {
    expect(openRedirectPayloads.length).toBeGreaterThan(150)
    const taken: string[] = []
    for (const payload of openRedirectPayloads) {
      for (const applicationType of ['web', 'native'] as const) {
        if ((await redirectProblems(payload, { applicationType })).length === 0) taken.push(payload)
      }
    }
    for (const uri of taken) {
      const url = new URL(uri)
      expect([uri, `${uri}/`]).toContain(url.href)
      expect(url.protocol).toBe('https:')
      expect(url.username + url.password + url.hash).toBe('')
    }
    expect(new Set(taken).size).toBeLessThan(25)
  })

  it('of any text is read the same way by every parser, if it is taken', async () => {
    const parts = fc.constantFrom(
      'https:',
      'http:',
      'com.a:',
      '//',
      '/',
      '\\',
      '@',
      ':',
      '..',
      '.',
      '%2e',
      '#',
      '?',
      '*',
      'a.example',
      'localhost',
      '[::1]',
      '\t',
      '%00',
      ';',
      'ü',
      '=',
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(parts, { maxLength: 8 }),
        fc.constantFrom('web', 'native'),
        async (words, applicationType) => {
          const uri = words.join('')
          if ((await redirectProblems(uri, { applicationType })).length > 0) return
          const url = new URL(uri)
          expect([uri, `${uri}/`]).toContain(url.href)
          expect(uri).toMatch(/^[\x21-\x7e]+$/)
          expect(uri).not.toMatch(/[#*\\]|\/\.\.?(\/|$)/)
          // In a path it is a character as any other (RFC 3986 §3.3).
          expect(/^[a-z.]+:\/\/([^/?]*)/.exec(uri)?.[1] ?? '').not.toContain('@')
          const isWeb =
            url.protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)
          expect(isWeb || applicationType === 'native').toBe(true)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('of a native application may have a scheme of its own: a reversed domain name (RFC 8252 §7.1)', async () => {
    const native = { applicationType: 'native', tokenEndpointAuthMethod: 'none' } as const
    for (const uri of [
      'com.example.shop:/cb',
      'com.example.shop://cb',
      'https://shop.example/cb',
      'http://127.0.0.1/cb',
    ]) {
      expect(await redirectProblems(uri, native), uri).toEqual([])
    }
    for (const uri of [
      'shop:/cb',
      'myapp://cb',
      'javascript:alert(1)',
      'com.example.shop:/a/../b',
      'com.example.shop:/cb#x',
      'com.example.shop:cb',
      'com.example.shop:\\cb',
      'com.example.shop://u@h/',
      'http://shop.example/',
    ]) {
      expect(await redirectProblems(uri, native), uri).toEqual(['redirect_uris/0'])
    }
  })

  it('stands there once, is needed, and the default is one of them', async () => {
    const [uri] = good.redirectUris
    expect(await problemsOf({ redirectUris: [uri!, uri!] })).toEqual(['redirect_uris/1'])
    expect(await problemsOf({ redirectUris: [] })).toEqual(['redirect_uris'])
    expect(
      await problemsOf({
        redirectUris: Array.from({ length: 51 }, (_, i) => `https://a.example/${i}`),
      }),
    ).toEqual(['redirect_uris'])
    expect(await problemsOf({ defaultRedirectUri: uri })).toEqual([])
    for (const wrong of [
      'https://shop.example/CB',
      'https://shop.example/cb/',
      'javascript:x',
      '',
    ]) {
      expect(await problemsOf({ defaultRedirectUri: wrong }), wrong).toEqual([
        'default_redirect_uri',
      ])
    }
  })
})

describe('grants and response types', () => {
  it.each<[string, OAuthRegistration, readonly string[]]>([
    ['code', {}, []],
    ['no grant', { grantTypes: [] }, ['grant_types']],
    ['token without implicit (O11)', { responseTypes: ['code', 'token'] }, ['response_types/1']],
    [
      'id_token without implicit',
      { responseTypes: ['id_token'] },
      ['response_types/0', 'grant_types'],
    ],
    ['implicit without a response type', { grantTypes: ['implicit'] }, ['grant_types']],
    [
      'implicit',
      { grantTypes: ['implicit'], responseTypes: ['id_token token', 'id_token', 'token'] },
      [],
    ],
    [
      'a response type in another order',
      { grantTypes: ['implicit'], responseTypes: ['token id_token'] },
      [],
    ],
    ['a hybrid response type', { responseTypes: ['code', 'code id_token'] }, ['response_types']],
    ['none', { responseTypes: ['none'] }, ['response_types', 'grant_types']],
    [
      'code without authorization_code',
      { grantTypes: ['password'], responseTypes: ['code'] },
      ['response_types/0'],
    ],
    ['refresh_token alone', { grantTypes: ['refresh_token'] }, ['grant_types']],
    [
      'refresh_token after implicit alone',
      { grantTypes: ['implicit', 'refresh_token'], responseTypes: ['token'] },
      ['grant_types'],
    ],
    [
      'client_credentials alone, without a redirect URI',
      { grantTypes: ['client_credentials'], redirectUris: [] },
      [],
    ],
    ['offline_access without refresh_token', { scope: ['openid', 'offline_access'] }, ['scope']],
    [
      'id_token without openid',
      { grantTypes: ['implicit'], responseTypes: ['id_token'], scope: ['profile'] },
      ['scope'],
    ],
    ['a scope with a quote', { scope: ['openid', 'a"b'] }, ['scope/1']],
    ['an empty scope value', { scope: ['openid', ''] }, ['scope/1']],
    [
      'more scope than a request may name',
      { scope: Array.from({ length: 50 }, (_, place) => `${place}`.padStart(128, 's')) },
      ['scope'],
    ],
    ['a negative max age', { defaultMaxAge: -1 }, ['default_max_age']],
    [
      'tokens bound to a key that come through the browser, or stand in a URL (RFC 9449)',
      {
        grantTypes: ['authorization_code', 'implicit'],
        responseTypes: ['code', 'token', 'id_token', 'id_token token'],
        dpopBoundAccessTokens: true,
        userinfoQueryToken: true,
      },
      ['response_types/1', 'response_types/3', 'userinfo_query_token'],
    ],
    [
      'tokens bound to a key, by code, and an ID token by the browser',
      {
        grantTypes: ['authorization_code', 'implicit'],
        responseTypes: ['code', 'id_token'],
        dpopBoundAccessTokens: true,
      },
      [],
    ],
  ])('%s', async (_, oauth, problems) => {
    expect(await problemsOf(oauth)).toEqual(problems)
  })

  it('implicit and password are never on by themselves (C16)', async () => {
    const { grantTypes, responseTypes } = await registered({})
    expect([grantTypes, responseTypes]).toEqual([['authorization_code'], ['code']])
  })

  it('are kept under their standard names', async () => {
    const oauth = await registered({
      grantTypes: ['authorisation_code', 'openid_code', 'authorization_code', 'implicit'],
      responseTypes: ['code', 'token id_token', 'id_token token'],
      scope: ['profile', 'email', 'profile'],
    })
    expect(oauth.grantTypes).toEqual(['authorization_code', 'implicit'])
    expect(oauth.responseTypes).toEqual(['code', 'id_token token'])
    expect(oauth.scope).toEqual(['openid', 'profile', 'email'])
    expect(
      (await registered({ grantTypes: ['authorisation_code'], scope: ['profile'] })).scope,
    ).toEqual(['profile'])
  })
})

describe('how an application proves who it is', () => {
  const none = { tokenEndpointAuthMethod: 'none' } as const

  it('not at all: then always with PKCE, and without the grants that need a proof', async () => {
    expect((await registered(none)).requirePkce).toBe(true)
    expect(await problemsOf({ ...none, requirePkce: false })).toEqual(['require_pkce'])
    expect(await problemsOf({ ...none, grantTypes: ['client_credentials', 'password'] })).toEqual([
      'grant_types',
      'grant_types',
    ])
  })

  it('by a key: with public keys that are fit for it (N25)', async () => {
    const byKey = { tokenEndpointAuthMethod: 'private_key_jwt' } as const
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
    const key = await exportJWK(publicKey)
    expect(await problemsOf(byKey)).toEqual(['jwks'])
    const kept = await registered({ ...byKey, jwks: { keys: [{ ...key, kid: 'a', extra: 'x' }] } })
    expect(kept.jwks).toEqual({ keys: [{ ...key, kid: 'a' }] })
    for (const wrong of [
      { ...(await exportJWK(privateKey)) },
      { kty: 'oct', k: 'AAAA' },
      { ...key, use: 'enc' },
      { ...key, x: key.y },
      { ...key, alg: 'HS256' },
      { kty: 'RSA', n: 'AQAB', e: 'AQAB' },
      'key',
      null,
    ]) {
      expect(await problemsOf({ ...byKey, jwks: { keys: [wrong] } })).toEqual(['jwks/keys/0'])
    }
    expect(await problemsOf({ ...byKey, jwks: { keys: [] } })).toEqual(['jwks'])
    const twins = [{ ...key, kid: 'a' }, { ...key, kid: 'a' }, key]
    expect(await problemsOf({ ...byKey, jwks: { keys: twins } })).toEqual([
      'jwks/keys/1',
      'jwks/keys/2',
    ])
  })
})

describe('pairwise subjects (OpenID Connect Core 1.0 §8.1)', () => {
  const pairwise = { subjectType: 'pairwise' } as const
  const two = { ...pairwise, redirectUris: ['https://a.example/', 'https://b.example/'] }

  it('belong to the one host of the redirect URIs, or to the one that is named', async () => {
    expect((await registered(pairwise)).sectorIdentifier).toBe('shop.example')
    expect(await problemsOf(two)).toEqual(['sector_identifier'])
    expect((await registered({ ...two, sectorIdentifier: 'b.example' })).sectorIdentifier).toBe(
      'b.example',
    )
  })

  it.each<[string, OAuthRegistration, string]>([
    [
      'a host that is none of them',
      { ...pairwise, sectorIdentifier: 'elsewhere.example' },
      'sector_identifier',
    ],
    [
      'loopback addresses, which are everybody’s',
      { ...pairwise, redirectUris: ['http://127.0.0.1/'] },
      'subject_type',
    ],
    [
      'private-use schemes',
      { ...pairwise, applicationType: 'native', redirectUris: ['com.a.b:/'] },
      'subject_type',
    ],
    ['a sector, without being pairwise', { sectorIdentifier: 'shop.example' }, 'sector_identifier'],
  ])('do not belong to %s', async (_, oauth, problem) => {
    expect(await problemsOf(oauth)).toEqual([problem])
  })
})

describe('URIs of logout', () => {
  it.each(['https://shop.example/bcl', 'https://other.example:8443/bcl?x=1'])(
    '%s may be told by the back channel',
    async (uri) => {
      expect(await problemsOf({ backchannelLogoutUri: uri })).toEqual([])
    },
  )

  it.each([
    'http://shop.example/bcl',
    'http://localhost/bcl',
    'https://localhost/bcl',
    'https://10.0.0.1/bcl',
    'https://169.254.169.254/latest/meta-data',
    'https://[::1]/bcl',
    'https://intranet/bcl',
    'https://login.example/auth/sso/backchannel-logout',
    'https://shop.example/bcl#x',
    'https://u:p@shop.example/bcl',
    'https://shop.example/../bcl',
    'ftp://shop.example/',
    'com.example.shop:/bcl',
    '',
  ])('%j may not (D: no way into a private network)', async (uri) => {
    expect(await problemsOf({ backchannelLogoutUri: uri })).toEqual(['backchannel_logout_uri'])
  })

  it('may be http and local where the gateway itself is', async () => {
    const local = {
      backchannelLogoutUri: 'http://localhost:4000/bcl',
      redirectUris: ['http://localhost:4000/cb'],
      frontchannelLogoutUri: 'http://localhost:4000/fcl',
    }
    expect(await problemsOf(local, 'http://localhost:8787')).toEqual([])
    expect(await problemsOf(local)).toEqual(['backchannel_logout_uri', 'frontchannel_logout_uri'])
    const foreign = { backchannelLogoutUri: 'http://shop.example/bcl' }
    expect(await problemsOf(foreign, 'http://localhost:8787')).toEqual(['backchannel_logout_uri'])
  })

  it('in a frame are on the origin of a redirect URI (Front-Channel Logout 1.0 §2)', async () => {
    const at = (frontchannelLogoutUri: string) => problemsOf({ frontchannelLogoutUri })
    expect(await at('https://shop.example/fcl?x=1')).toEqual([])
    for (const uri of [
      'https://other.example/fcl',
      'https://shop.example:8443/fcl',
      'https://sub.shop.example/fcl',
      'https://shop.example/fcl?sid=x',
    ]) {
      expect(await at(uri), uri).toEqual(['frontchannel_logout_uri'])
    }
  })

  it('after it are as redirect URIs are; a session is required only where there is a URI', async () => {
    expect(
      await problemsOf({ postLogoutRedirectUris: ['https://shop.example/bye', 'javascript:x'] }),
    ).toEqual(['post_logout_redirect_uris/1'])
    const twice = 'https://shop.example/bye?state=x'
    expect(await problemsOf({ postLogoutRedirectUris: [twice] })).toEqual([
      'post_logout_redirect_uris/0',
    ])
    expect(
      await problemsOf({
        backchannelLogoutSessionRequired: true,
        frontchannelLogoutSessionRequired: true,
      }),
    ).toEqual(['backchannel_logout_session_required', 'frontchannel_logout_session_required'])
  })
})

describe('resources (RFC 8707 §2)', () => {
  it.each([
    ['https://api.example/v1', true],
    ['urn:example:api', true],
    ['api', false],
    ['https://api.example/#x', false],
    ['https://api.example/a b', false],
    ['', false],
  ])('%j is one: %s', async (resource, isOne) => {
    expect(await problemsOf({ resources: [resource] })).toEqual(isOne ? [] : ['resources/0'])
  })

  it('are never UserInfo, for which all applications have tokens that this one could then look into', async () => {
    const resources = [`${ISSUER}/oauth/userinfo`]
    expect(await problemsOf({ resources })).toEqual(['resources/0'])
  })

  it('are never the gateway itself, whose name stands in tokens that are for no API', async () => {
    expect(await problemsOf({ resources: [ISSUER] })).toEqual(['resources/0'])
  })
})

describe('request adapters (Q01, Q06)', () => {
  const scope = ['openid', 'profile', 'email']
  const adapted = (
    rule: NonNullable<OAuthRegistration['requestAdapter']>[number],
    more: OAuthRegistration = {},
  ) => problemsOf({ scope, requestAdapter: [rule], ...more })

  it.each([
    'redirect_uri',
    'client_id',
    'client_secret',
    'client_assertion',
    'client_assertion_type',
    'code',
    'code_verifier',
    'code_challenge',
    'code_challenge_method',
    'password',
    'username',
    'request',
    'request_uri',
    'refresh_token',
    'state',
    'nonce',
    'grant_type',
    'device_code',
    'Redirect_URI',
    '__proto__',
    '',
    'a b',
  ])('never touch %j', async (name) => {
    const refused = ['request_adapter/0']
    expect(await adapted({ rule: 'parameter_set', name, value: 'x' })).toEqual(refused)
    expect(await adapted({ rule: 'parameter_drop', name })).toEqual(refused)
    expect(await adapted({ rule: 'parameter_rename', from: name, to: 'other' })).toEqual(refused)
    expect(await adapted({ rule: 'parameter_rename', from: 'other', to: name })).toEqual(refused)
  })

  it('never lead outside the registered scope, resources and grants', async () => {
    const refused = ['request_adapter/0']
    expect(await adapted({ rule: 'scope_add', scope: 'admin' })).toEqual(refused)
    expect(await adapted({ rule: 'scope_map', from: 'x', to: ['email', 'admin'] })).toEqual(refused)
    expect(await adapted({ rule: 'parameter_set', name: 'scope', value: 'openid admin' })).toEqual(
      refused,
    )
    expect(
      await adapted({ rule: 'parameter_set', name: 'resource', value: 'https://api.example' }),
    ).toEqual(refused)
    expect(await adapted({ rule: 'grant_alias', from: 'magic', to: 'password' })).toEqual(refused)
    expect(
      await adapted({ rule: 'grant_alias', from: 'password', to: 'authorization_code' }),
    ).toEqual(refused)
    expect(await adapted({ rule: 'parameter_set', name: 'display', value: 'a\nb' })).toEqual(
      refused,
    )
    expect(await adapted({ rule: 'scope_drop', scope: 'a b' })).toEqual(refused)
  })

  it('do what Sharetribe’s own strategy needs', async () => {
    const google = 'https://www.googleapis.com/auth'
    const oauth = await registered({
      scope,
      alwaysIssueIdToken: true,
      userinfoQueryToken: true,
      tokenEndpointAuthMethod: 'client_secret_post',
      requestAdapter: [
        { rule: 'scope_map', from: `${google}/userinfo.profile`, to: ['profile'] },
        { rule: 'scope_map', from: `${google}/plus.login`, to: [] },
        { rule: 'scope_add', scope: 'openid' },
        { rule: 'parameter_drop', name: 'access_type' },
        { rule: 'parameter_rename', from: 'approval_prompt', to: 'prompt' },
        { rule: 'grant_alias', from: 'rebelmouse_code', to: 'authorization_code' },
      ],
    })
    expect(oauth.requestAdapter).toHaveLength(6)
  })
})

describe('a name (Q11)', () => {
  it.each([
    ['Marketplace', true],
    ['<script>alert(1)</script>', true],
    ['مارکت\u200cپلیس', true],
    ['', false],
    [' Shop', false],
    ['Shop\n', false],
    ['Sh\u202eop', false],
    ['Sh\u2066op', false],
    ['Sh\u0000op', false],
    ['Sh\u2028op', false],
    ['x'.repeat(101), false],
  ])('%j is taken: %s', async (name, isTaken) => {
    expect((await judgeRegistration({ name }, { issuer: ISSUER })).ok).toBe(isTaken)
  })
})
