import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../src/config.ts'
import type { Config } from '../src/config.ts'
import { settings } from './world/settings.ts'

type Settings = Record<string, unknown>

const [otrotl, second] = settings.IDENTITY_PROVIDERS as Settings[] as [Settings, Settings]
const bindings = env as unknown as Settings

/** The problems of the test world's settings with some of them changed. */
function problemsOf(changes: Settings): readonly string[] {
  const parsed = parseConfig({ ...bindings, ...settings, ...changes })
  return parsed.ok ? [] : parsed.problems
}

const problemsOfProvider = (changes: Settings): readonly string[] =>
  problemsOf({ IDENTITY_PROVIDERS: [{ ...otrotl, ...changes }, second] })

function configOf(changes: Settings): Config {
  const parsed = parseConfig({ ...bindings, ...settings, ...changes })
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'))
  return parsed.config
}

/** A gateway and a provider on one machine, as in development. */
const development = {
  ISSUER: 'http://localhost:8787',
  ALLOWED_ORIGINS: ['http://localhost:3000'],
  IDENTITY_PROVIDERS: [{ ...otrotl, issuer: 'http://127.0.0.1:9080', allow_insecure_http: true }],
}

describe('a complete environment', () => {
  it('becomes one Config', () => {
    expect(configOf({})).toMatchObject({
      issuer: 'https://login.example',
      isHttps: true,
      allowedOrigins: ['https://app.example'],
      accessToken: { audience: 'https://api.example', lifetimeSeconds: 300, scope: '' },
      session: { idleSeconds: 3600, absoluteSeconds: 43_200 },
      identityProviders: [
        {
          id: 'otrotl',
          clientId: 'tuberaker',
          clientAuthentication: {
            method: 'client_secret_basic',
            clientSecret: settings.OTROTL_CLIENT_SECRET,
          },
          idTokenSigningAlgorithm: 'RS256',
          allowInsecureHttp: false,
        },
        { id: 'second', idTokenSigningAlgorithm: 'ES256' },
      ],
      secrets: { handleKey: [settings.HANDLE_KEY] },
    })
  })

  it('needs no more than what has no sensible default', () => {
    const { id, name, issuer, client_id } = otrotl
    const config = configOf({
      ALLOWED_ORIGINS: undefined,
      SESSION: undefined,
      ACCESS_TOKEN: { audience: 'api' },
      IDENTITY_PROVIDERS: [{ id, name, issuer, client_id }],
    })
    expect(config.allowedOrigins).toEqual([])
    expect(config.session).toEqual({ idleSeconds: 1800, absoluteSeconds: 43_200 })
    expect(config.accessToken.lifetimeSeconds).toBe(300)
    expect(config.identityProviders[0]).toMatchObject({
      scope: 'openid profile email',
      clientAuthentication: { method: 'client_secret_basic' },
      responseMode: 'query',
      idTokenSigningAlgorithm: 'RS256',
      backchannelLogoutScope: 'user',
      logoutTokenWithoutExp: false,
      logoutTokenTypRequired: false,
      linkByVerifiedEmail: false,
      authoritativeEmailDomains: [],
      allowedEmailDomains: [],
      nativeClientIds: [],
      allowInsecureHttp: false,
    })
  })

  it('may hold its lists and tables as JSON text, as the dashboard edits them', () => {
    const asText = Object.fromEntries(
      ['ALLOWED_ORIGINS', 'ACCESS_TOKEN', 'SESSION', 'IDENTITY_PROVIDERS'].map((key) => [
        key,
        JSON.stringify(settings[key as keyof typeof settings]),
      ]),
    )
    expect(configOf(asText)).toEqual(configOf({}))
  })

  it('is frozen to its leaves', () => {
    const notFrozen = (value: unknown): boolean =>
      typeof value === 'object' &&
      value !== null &&
      (!Object.isFrozen(value) || Object.values(value).some(notFrozen))
    expect(notFrozen(configOf({}))).toBe(false)
  })
})

describe('every problem is named at once', () => {
  it('lists all that is missing from an empty environment', () => {
    const parsed = parseConfig({})
    const named = parsed.ok ? [] : parsed.problems.map((problem) => problem.split(':')[0])
    expect(named).toEqual([
      'ISSUER',
      'IDENTITY_PROVIDERS',
      'ACCESS_TOKEN.audience',
      'HANDLE_KEY',
      'KEY_ENCRYPTION_KEY',
      'ADMIN_API_KEY',
      'USER_SESSIONS',
      'KEY_RING',
      'PROVIDER_METADATA',
      'ONE_TIME_REFERENCES',
      'CLAIMED_REFERENCES',
      'REVOCATION',
      'DIRECTORY',
      'SIGN_IN_LIMIT',
      'CALLBACK_LIMIT',
      'BRIDGE_LIMIT',
      'BACK_CHANNEL_LIMIT',
      'ADMIN_LIMIT',
      'TOKEN_LIMIT',
      'HANDOFF_LIMIT',
      'WIDGET_LIMIT',
      'DEVICE_LIMIT',
      'AUTHORIZE_LIMIT',
      'SESSION_ENDS',
    ])
  })

  it('lists problems of several tables and several providers together', () => {
    const problems = problemsOf({
      ISSUER: 'https://login.example/',
      SESSION: { idle_seconds: 5, absolute_seconds: 'long' },
      IDENTITY_PROVIDERS: [
        { ...otrotl, scope: 'email' },
        { ...second, issuer: 'not a URL' },
      ],
    })
    expect(problems).toEqual([
      'ISSUER: "https://login.example/" is not exactly an origin; write "https://login.example"',
      'IDENTITY_PROVIDERS[0].scope: "email" does not contain openid',
      'IDENTITY_PROVIDERS[1].issuer: "not a URL" is not an https URL',
      'SESSION.absolute_seconds: "long" is not a whole number',
      'SESSION.idle_seconds: 5 is less than 60',
    ])
  })
})

describe('AUDIT_RETENTION_DAYS', () => {
  it.each([
    [{}, 400],
    [{ AUDIT_RETENTION_DAYS: 90 }, 90],
    [{ AUDIT_RETENTION_DAYS: 3650 }, 3650],
  ])('%o is %i days', (settings, days) => {
    expect(configOf(settings).auditRetentionSeconds).toBe(days * 86_400)
  })

  it.each([
    [89, 'is less than 90'],
    [3651, 'is more than 3650'],
    [90.5, 'is not a whole number'],
  ])('%s %s', (days, problem) => {
    expect(problemsOf({ AUDIT_RETENTION_DAYS: days })).toEqual([
      `AUDIT_RETENTION_DAYS: ${days} ${problem}`,
    ])
  })
})

describe('ISSUER', () => {
  it.each(['https://login.example', 'https://login.example:8443', 'https://xn--bcher-kva.example'])(
    '%s is an origin',
    (issuer) => expect(configOf({ ISSUER: issuer }).issuer).toBe(issuer),
  )

  it.each(['http://localhost:8787', 'http://127.0.0.1', 'http://[::1]:8787'])(
    '%s may be http, since it is on this machine',
    (issuer) => expect(configOf({ ...development, ISSUER: issuer }).isHttps).toBe(false),
  )

  it.each([
    undefined,
    null,
    '',
    7,
    {},
    'login.example',
    'https://login.example/',
    'https://login.example/sso',
    'https://login.example?x=1',
    'https://login.example#top',
    'https://login.example:443',
    'https://LOGIN.example',
    'https://bücher.example',
    'https://login.example.',
    ' https://login.example',
    'https://login.example\n',
    'http://login.example',
    'http://localhost.example',
    'http://127.0.0.2',
    'http://2130706433',
    'ftp://login.example',
    'javascript:alert(1)',
  ])('%j is refused', (issuer) => {
    const problems = problemsOf({ ISSUER: issuer })
    expect(problems.filter((problem) => problem.startsWith('ISSUER: '))).toHaveLength(1)
  })

  it('with a password is refused without showing it', () => {
    const problems = problemsOf({ ISSUER: 'https://admin:hunter2@login.example' })
    expect(problems).toEqual(['ISSUER: holds a user name or password; write only the origin'])
  })
})

describe('ALLOWED_ORIGINS', () => {
  it('may repeat itself and name ISSUER, which changes nothing', () => {
    const origins = ['https://app.example', 'https://login.example', 'https://app.example']
    expect(configOf({ ALLOWED_ORIGINS: origins }).allowedOrigins).toEqual(['https://app.example'])
  })

  it.each(['*', 'null', 'https://*.example', 'https://app.example/', 'http://app.example', '', 5])(
    '%j is refused and found by its place',
    (origin) => {
      const problems = problemsOf({ ALLOWED_ORIGINS: ['https://app.example', origin] })
      expect(problems).toHaveLength(1)
      expect(problems[0]).toMatch(/^ALLOWED_ORIGINS\[1\]: /)
    },
  )

  it.each([
    ['a string', 'https://app.example'],
    ['a table', { a: 1 }],
    ['a number', 7],
  ])('%s is not a list', (kind, value) => {
    expect(problemsOf({ ALLOWED_ORIGINS: value })).toEqual([
      `ALLOWED_ORIGINS: is ${kind}, not a list`,
    ])
  })
})

describe('ACCESS_TOKEN and SESSION', () => {
  it.each([29, 301, 60.5, '60', null, Number.NaN])(
    'a lifetime of %j seconds is refused, unless it is absent',
    (lifetime_seconds) => {
      const problems = problemsOf({ ACCESS_TOKEN: { audience: 'api', lifetime_seconds } })
      expect(problems).toHaveLength(lifetime_seconds === null ? 0 : 1)
    },
  )

  it.each([30, 300])('a lifetime of %i seconds is accepted', (lifetime_seconds) => {
    expect(problemsOf({ ACCESS_TOKEN: { audience: 'api', lifetime_seconds } })).toEqual([])
  })

  it.each(['', ' ', 'two words', 'a\nb', ['https://api.example']])(
    'the audience %j is refused',
    (audience) => expect(problemsOf({ ACCESS_TOKEN: { audience } })).toHaveLength(1),
  )

  it.each([' read', 'read  write', 'read\twrite', 'say "hi"', ''])(
    'the scope %j is refused',
    (scope) => expect(problemsOf({ ACCESS_TOKEN: { audience: 'api', scope } })).toHaveLength(1),
  )

  it('keeps the scope that access tokens carry', () => {
    const ACCESS_TOKEN = { audience: 'api', scope: 'read write' }
    expect(configOf({ ACCESS_TOKEN }).accessToken.scope).toBe('read write')
  })

  it.each([
    { idle_seconds: 59 },
    { idle_seconds: 601, absolute_seconds: 600 },
    { absolute_seconds: 30 * 86_400 + 1 },
    { absolute_seconds: -1 },
    { idle_seconds: '3600' },
  ])('the session deadlines %j are refused', (SESSION) => {
    expect(problemsOf({ SESSION })).toHaveLength(1)
  })

  it.each([
    { idle_seconds: 60, absolute_seconds: 60 },
    { idle_seconds: 30 * 86_400, absolute_seconds: 30 * 86_400 },
    { absolute_seconds: 600 },
  ])('the session deadlines %j are accepted', (SESSION) => {
    expect(problemsOf({ SESSION })).toEqual([])
  })

  it('a misspelt key is refused, since it would silently not apply', () => {
    expect(problemsOf({ SESSION: { idle_second: 60 } })).toEqual([
      'SESSION.idle_second: is not a setting; known here are absolute_seconds, idle_seconds',
    ])
    expect(problemsOf({ ACCESS_TOKEN: { audience: 'api', aud: 'x' } })).toHaveLength(1)
  })
})

describe('bindings', () => {
  it.each(['USER_SESSIONS', 'KEY_RING', 'REVOCATION', 'DIRECTORY', 'SIGN_IN_LIMIT'])(
    'a missing %s is a problem',
    (binding) => {
      expect(problemsOf({ [binding]: undefined })).toEqual([`${binding}: the binding is missing`])
      expect(problemsOf({ [binding]: null })).toEqual([`${binding}: the binding is missing`])
      expect(problemsOf({ [binding]: 'text' })).toEqual([`${binding}: the binding is missing`])
    },
  )
})

describe('a deployed gateway takes nothing that was made for development', () => {
  it('the same settings are fine on this machine', () => {
    expect(
      problemsOf({ ...development, HANDLE_KEY: `development-${settings.HANDLE_KEY}` }),
    ).toEqual([])
  })

  it('refuses loopback providers, the flag, loopback origins and development secrets', () => {
    const problems = problemsOf({
      ALLOWED_ORIGINS: ['http://localhost:3000'],
      IDENTITY_PROVIDERS: development.IDENTITY_PROVIDERS,
      HANDLE_KEY: `${settings.HANDLE_KEY} development-${settings.HANDLE_KEY}`,
      OTROTL_CLIENT_SECRET: 'development-client-secret',
    })
    expect(problems).toEqual([
      'IDENTITY_PROVIDERS[0].allow_insecure_http: is only for development, but ISSUER is https',
      'ALLOWED_ORIGINS[0]: "http://localhost:3000" is a loopback host, but ISSUER is https',
      'HANDLE_KEY: was made for development, but ISSUER is https',
      'OTROTL_CLIENT_SECRET: was made for development, but ISSUER is https',
    ])
  })

  it.each(['https://localhost:9443', 'https://127.0.0.1', 'https://[::1]'])(
    'refuses the loopback issuer %s even over https',
    (issuer) => expect(problemsOfProvider({ issuer })).toHaveLength(1),
  )
})

describe('no problem shows a secret', () => {
  const badSecret = fc.oneof(
    fc.string({ minLength: 12, maxLength: 31 }),
    fc.string({ minLength: 40, unit: 'grapheme' }),
    fc.constantFrom('changeme-changeme-changeme-changeme-', 'x'.repeat(40)),
    fc
      .record({ kty: fc.constant('RSA'), d: fc.string({ minLength: 12 }) })
      .map((jwk) => JSON.stringify(jwk)),
    fc.record({ secret: fc.string({ minLength: 12 }) }),
  )

  it('whatever is wrong with it', () => {
    fc.assert(
      fc.property(badSecret, (secret) => {
        const problems = problemsOf({
          HANDLE_KEY: secret,
          KEY_ENCRYPTION_KEY: secret,
          ADMIN_API_KEY: secret,
          OTROTL_CLIENT_SECRET: secret,
          OTROTL_PRIVATE_KEY: secret,
          SECOND_PRIVATE_KEY: secret,
          IDENTITY_PROVIDERS: [
            otrotl,
            { ...second, token_endpoint_auth_method: 'private_key_jwt' },
          ],
        }).join('\n')
        const parts = typeof secret === 'string' ? secret.split(/\s+/) : Object.values(secret)
        for (const part of parts) {
          if (part.length >= 12) expect(problems).not.toContain(part.slice(0, 12))
        }
        expect(problems).not.toBe('')
      }),
    )
  })

  it('nor does a provider table that was given its secret by mistake', () => {
    expect(problemsOfProvider({ client_secret: 'hunter2' })).toEqual([
      'IDENTITY_PROVIDERS[0].client_secret: is a secret; set it with "npx wrangler secret put OTROTL_CLIENT_SECRET --env production", for development in .dev.vars',
    ])
  })

  it('nor what stands where a list of providers belongs, as one table or as broken JSON', () => {
    const provider = { client_secret: 'hunter2', ...otrotl }
    const text = JSON.stringify([provider]).slice(0, -1)
    for (const IDENTITY_PROVIDERS of [provider, text, [text], [[provider]]]) {
      expect(problemsOf({ IDENTITY_PROVIDERS })[0]).toMatch(
        /^IDENTITY_PROVIDERS.*: is a .*, not a /,
      )
      expect(problemsOf({ IDENTITY_PROVIDERS }).join()).not.toContain('hunter2')
    }
  })
})

it('parsing never throws, whatever the environment holds', () => {
  const anything = fc.anything({ withNullPrototype: true })
  fc.assert(
    fc.property(
      fc.record({
        ISSUER: anything,
        ALLOWED_ORIGINS: anything,
        ACCESS_TOKEN: anything,
        SESSION: anything,
        IDENTITY_PROVIDERS: fc.oneof(
          anything,
          fc.array(fc.dictionary(fc.constantFrom('id', 'issuer', 'scope', 'client_id'), anything)),
        ),
        HANDLE_KEY: anything,
        OTROTL_CLIENT_SECRET: anything,
      }),
      (changes) => {
        expect(problemsOf(changes)).not.toEqual([])
      },
    ),
  )
})
