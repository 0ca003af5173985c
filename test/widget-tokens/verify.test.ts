import fc from 'fast-check'
import { base64url } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'
import { verifyWidgetToken } from '../../src/widget-tokens/verify-widget-token.ts'
import { applicationRegistry, widgetSecrets } from '../world/applications.ts'
import { freezeClock } from '../world/clock.ts'
import { captureLog, decisions } from '../world/log-lines.ts'
import { snapshot } from '../world/snapshot.ts'
import { makeToken, signAs } from './made-token.ts'
import {
  SITE,
  ask,
  askToken,
  cookieOf,
  present,
  registerWidget,
  signedInPerson,
} from './widget-site.ts'
import type { WidgetSite } from './widget-site.ts'

const now = 2_700_000_000

beforeEach(() => void freezeClock(now))

/** As Moodle's plugin writes them. */
const claimsOf = (site: WidgetSite, changes: Record<string, unknown> = {}) => ({
  jti: '7',
  name: 'Ada Lovelace',
  email: 'ada@example.com',
  photoUrl: '',
  iss: site.id,
  exp: now + 1200,
  scope: 'user',
  ...changes,
})

const refusal = async (site: WidgetSite, token: unknown) => {
  const { status, body, headers } = await present(site, token)
  expect(body.success).toBe(false)
  const challenge = headers.get('www-authenticate')
  expect(challenge).toBe(status === 401 ? 'Bearer error="invalid_token"' : null)
  expect(body.user).toBeUndefined()
  return [status, body.error]
}

describe('a token that was made elsewhere', () => {
  it('says who somebody is', async () => {
    const site = await registerWidget()
    const answer = await present(site, await makeToken(site.secret, claimsOf(site)))
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({
      success: true,
      user: { id: '7', name: 'Ada Lovelace', email: 'ada@example.com', scope: 'user' },
      expires_in: 1200,
    })
    expect(answer.headers.get('set-cookie')).toBeNull()
    expect(answer.headers.get('cache-control')).toBe('no-store')
  })

  it.each([
    ['a number as its id', { jti: 7 }, { id: '7' }],
    ['the number 0 as its id', { jti: 0 }, { id: '0' }],
    ['no scope', { scope: undefined }, { scope: 'user' }],
    ['super-mod', { scope: 'super-mod' }, { scope: 'super-mod' }],
    ['no address', { email: undefined }, {}],
    ['an empty address', { email: '' }, {}],
    ['an address that is none', { email: 'ada@@example' }, {}],
    [
      'a picture',
      { photoUrl: 'https://cdn.example/a.png' },
      { photoUrl: 'https://cdn.example/a.png' },
    ],
    ['a picture by plain http', { photoUrl: 'http://cdn.example/a.png' }, {}],
    ['a picture that is a script', { photoUrl: 'javascript:alert(1)' }, {}],
    ['the documented audience', { aud: 'http://annoto.net' }, {}],
    ['the documented audience among others', { aud: ['x', 'http://annoto.net'] }, {}],
    ['iat, nbf and sub', { iat: now, nbf: now, sub: 'x' }, {}],
    ['a clock that is somewhat ahead', { iat: now + 60, nbf: now + 60, exp: now + 1260 }, {}],
    ['an exp with a fraction', { exp: now + 10.5 }, {}],
    ['claims of its own', { groupId: 'g', __proto__x: 1 }, {}],
    ['marks in its name that turn text', { name: 'A\u202eda' }, { name: 'Ada' }],
  ])('is taken with %s', async (_, changes, user) => {
    const site = await registerWidget()
    const { status, body } = await present(
      site,
      await makeToken(site.secret, claimsOf(site, changes)),
    )
    expect(status).toBe(200)
    expect(body.user).toMatchObject(user)
    if (!('photoUrl' in user)) expect(body.user).not.toHaveProperty('photoUrl')
  })

  it.each([
    ['typ and alg', { typ: 'JWT', alg: 'HS256' }],
    ['no typ', { alg: 'HS256' }],
    ['a typ in small letters', { typ: 'jwt', alg: 'HS256' }],
    ['a kid', { typ: 'JWT', alg: 'HS256', kid: '1' }],
    ['a key and a URL, which nobody asks', { alg: 'HS256', jku: 'https://evil.example', jwk: {} }],
  ])('is taken with a header of %s', async (_, header) => {
    const site = await registerWidget()
    expect((await present(site, await makeToken(site.secret, claimsOf(site), header))).status).toBe(
      200,
    )
  })

  it('may live as long as the registration says', async () => {
    const site = await registerWidget({ acceptedLifetimeSeconds: 3600 })
    const token = async (exp: number) => makeToken(site.secret, claimsOf(site, { exp }))
    expect((await present(site, await token(now + 3600))).status).toBe(200)
    expect(await refusal(site, await token(now + 3661))).toEqual([401, 'expires_too_late'])
  })

  it('is for the client id and the audience of the registration', async () => {
    const site = await registerWidget({ clientId: 'client.1', audience: 'https://widget.example' })
    const token = async (changes: Record<string, unknown>) =>
      makeToken(site.secret, claimsOf(site, { iss: 'client.1', ...changes }))
    expect((await present(site, await token({}))).status).toBe(200)
    expect((await present(site, await token({ aud: 'https://widget.example' }))).status).toBe(200)
    expect(await refusal(site, await token({ aud: 'http://annoto.net' }))).toEqual([
      401,
      'wrong_audience',
    ])
    expect(await refusal(site, await token({ iss: site.id }))).toEqual([401, 'wrong_issuer'])
  })

  it('is what the gateway itself has made', async () => {
    const site = await registerWidget({ audience: 'http://annoto.net', roles: {} })
    const { cookie, userId } = await signedInPerson({
      name: 'Ada',
      picture: 'https://cdn.example/a',
    })
    const { body } = await askToken(site, cookie)
    expect((await present(site, body.token)).body.user).toEqual({
      id: userId,
      name: 'Ada',
      photoUrl: 'https://cdn.example/a',
      scope: 'user',
    })
  })
})

describe('a token is refused', () => {
  it.each([
    ['expired', { exp: now - 1 }],
    ['expired', { exp: now }],
    ['expired', { exp: 0 }],
    ['expires_too_late', { exp: now + 1261 }],
    ['expires_too_late', { exp: 1e300 }],
    ['expires_too_late', { exp: Number.MAX_SAFE_INTEGER }],
    ['not_valid_yet', { nbf: now + 61 }],
    ['not_valid_yet', { iat: now + 61 }],
    ['wrong_issuer', { iss: undefined }],
    ['wrong_issuer', { iss: '' }],
    ['wrong_issuer', { iss: ['x'] }],
    ['wrong_audience', { aud: 'https://elsewhere.example' }],
    ['wrong_audience', { aud: [] }],
    ['wrong_audience', { aud: null }],
    ['wrong_audience', { aud: { 'http://annoto.net': true } }],
    ['invalid_claims', { exp: undefined }],
    ['invalid_claims', { exp: String(now + 600) }],
    ['invalid_claims', { exp: -1 }],
    ['invalid_claims', { exp: null }],
    ['invalid_claims', { nbf: 'x' }],
    ['invalid_claims', { iat: {} }],
    ['invalid_claims', { jti: undefined }],
    ['invalid_claims', { jti: '' }],
    ['invalid_claims', { jti: null }],
    ['invalid_claims', { jti: -1 }],
    ['invalid_claims', { jti: 1.5 }],
    ['invalid_claims', { jti: 2 ** 60 }],
    ['invalid_claims', { jti: {} }],
    ['invalid_claims', { jti: 'a\nb' }],
    ['invalid_claims', { jti: '\ud800' }],
    ['invalid_claims', { jti: 'x'.repeat(256) }],
    ['invalid_claims', { name: undefined }],
    ['invalid_claims', { name: '' }],
    ['invalid_claims', { name: ' \u200f ' }],
    ['invalid_claims', { name: 7 }],
    ['invalid_claims', { scope: 'admin' }],
    ['invalid_claims', { scope: 'Super-Mod' }],
    ['invalid_claims', { scope: ['super-mod'] }],
    ['invalid_claims', { scope: '' }],
  ])('%s: %j', async (error, changes) => {
    const site = await registerWidget()
    const token = await makeToken(site.secret, claimsOf(site, changes))
    expect(await refusal(site, token)).toEqual([401, error])
  })

  it('of the algorithm none, or of any other than HS256', async () => {
    const site = await registerWidget()
    for (const alg of [
      'none',
      'None',
      'HS384',
      'HS512',
      'RS256',
      'ES256',
      'hs256',
      '',
      null,
      5,
      ['HS256'],
    ]) {
      const token = await makeToken(site.secret, claimsOf(site), { typ: 'JWT', alg })
      expect(await refusal(site, token), String(alg)).toEqual([401, 'wrong_algorithm'])
      const bare = `${token.slice(0, token.lastIndexOf('.'))}.`
      expect((await refusal(site, bare))[0]).toBe(401)
    }
    const input = (await makeToken(site.secret, claimsOf(site))).split('.').slice(0, 2).join('.')
    const longer = `${input}.${await signAs(input, site.secret, 'SHA-512')}`
    expect(await refusal(site, longer)).toEqual([401, 'wrong_signature'])
  })

  it('of another kind, or with an extension that we do not know', async () => {
    const site = await registerWidget()
    for (const more of [
      { typ: 'at+jwt' },
      { typ: 'logout+jwt' },
      { typ: 'dpop+jwt' },
      { typ: 5 },
      { crit: ['exp'] },
      { crit: [] },
      { b64: false, crit: ['b64'] },
    ]) {
      const token = await makeToken(site.secret, claimsOf(site), {
        typ: 'JWT',
        alg: 'HS256',
        ...more,
      })
      expect(await refusal(site, token)).toEqual([401, 'malformed_token'])
    }
  })

  it('under another secret: of another widget, none, or one that looks like it', async () => {
    const [site, other] = [await registerWidget(), await registerWidget()]
    for (const secret of [
      other.secret,
      `${site.secret} `,
      site.secret.toUpperCase(),
      base64url.decode(site.secret) as Uint8Array<ArrayBuffer>,
      site.id,
    ]) {
      expect(await refusal(site, await makeToken(secret, claimsOf(site)))).toEqual([
        401,
        'wrong_signature',
      ])
    }
    const forOther = await makeToken(other.secret, claimsOf(other))
    expect(await refusal(site, forOther)).toEqual([401, 'wrong_issuer'])
    expect((await present(other, forOther)).status).toBe(200)
  })

  it('that is none', async () => {
    const site = await registerWidget()
    const good = await makeToken(site.secret, claimsOf(site))
    const [header, payload, signature] = good.split('.') as [string, string, string]
    for (const token of [
      '',
      '.',
      '..',
      'x',
      `${good}.`,
      `${good}.x`,
      ` ${good}`,
      `${good}\n`,
      `${good}=`,
      `Bearer ${good}`,
      `${header}.${payload}`,
      `${header}..${signature}`,
      `.${payload}.${signature}`,
      `${header}.${payload}.${signature.slice(0, -2)}+/`,
      `${good}${'x'.repeat(9000)}`,
      await makeToken(site.secret, '[]'),
      await makeToken(site.secret, 'null'),
      await makeToken(site.secret, '\ufeff{}'),
      await makeToken(site.secret, claimsOf(site), '"HS256"'),
    ]) {
      expect((await refusal(site, token))[0], token).toBe(401)
    }
  })

  it('when anything of it has been changed', async () => {
    const site = await registerWidget()
    const good = await makeToken(site.secret, claimsOf(site))
    const secrets = widgetSecrets()
    const { widget } = site.application
    const application = { ...site.application, widget: widget! }
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.='
    await fc.assert(
      fc.asyncProperty(
        fc.nat(good.length - 1),
        fc.constantFrom(...alphabet.split(''), ''),
        async (at, character) => {
          const token = good.slice(0, at) + character + good.slice(at + 1)
          fc.pre(token !== good)
          expect((await verifyWidgetToken(secrets, { application, token }, now)).ok).toBe(false)
        },
      ),
      { numRuns: 200 },
    )
  })

  it('whatever it claims, unless its signature counts', async () => {
    const site = await registerWidget()
    const { widget } = site.application
    const application = { ...site.application, widget: widget! }
    await fc.assert(
      fc.asyncProperty(
        fc.object({ maxDepth: 2 }),
        fc.string({ minLength: 1, maxLength: 64 }).filter((secret) => secret !== site.secret),
        async (claims, secret) => {
          const token = await makeToken(secret, { ...claimsOf(site), ...claims })
          expect((await verifyWidgetToken(widgetSecrets(), { application, token }, now)).ok).toBe(
            false,
          )
        },
      ),
      { numRuns: 100 },
    )
  })

  it('or taken with exactly what it says, whatever its claims are', async () => {
    const site = await registerWidget()
    const { widget } = site.application
    const application = { ...site.application, widget: widget! }
    const anything = fc.oneof(fc.jsonValue(), fc.string(), fc.integer(), fc.double())
    await fc.assert(
      fc.asyncProperty(
        fc.record(
          {
            exp: fc.oneof(fc.integer({ min: now - 100, max: now + 1500 }), anything),
            jti: fc.oneof(fc.string(), fc.nat(), anything),
            scope: fc.oneof(fc.constantFrom('user', 'moderator', 'super-mod'), anything),
            name: anything,
            email: anything,
            photoUrl: anything,
            aud: anything,
          },
          { requiredKeys: [] },
        ),
        async (changes) => {
          const claims = JSON.parse(JSON.stringify(claimsOf(site, changes))) as Record<
            string,
            unknown
          >
          const token = await makeToken(site.secret, claims)
          const verified = await verifyWidgetToken(widgetSecrets(), { application, token }, now)
          if (!verified.ok) {
            expect(verified.refusal.code).not.toBe('wrong_signature')
            return
          }
          const { user, expiresIn } = verified.value
          expect(user.id).toBe(String(claims['jti']))
          expect(user.scope).toBe(claims['scope'] ?? 'user')
          expect(expiresIn).toBeGreaterThan(0)
          expect(expiresIn).toBeLessThanOrEqual(1260)
          if (user.photoUrl !== undefined) expect(user.photoUrl).toMatch(/^https:/)
          expect(user.name).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u)
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('the secrets of a widget', () => {
  it('overlap when they are rotated: signed with the new one at once, accepted under both', async () => {
    const site = await registerWidget()
    const { cookie } = await signedInPerson()
    const before = (await askToken(site, cookie)).body.token
    const secrets = widgetSecrets()
    const next = secrets.make()
    await secrets.rotate(site.id, next, { overlapSeconds: 600, now })
    const after = (await askToken(site, cookie)).body.token!
    const input = after.slice(0, after.lastIndexOf('.'))
    expect(after).toBe(`${input}.${await signAs(input, next.secret)}`)
    expect((await present(site, before)).status).toBe(200)
    expect((await present(site, after)).status).toBe(200)
    freezeClock(now + 600)
    expect(await refusal(site, before)).toEqual([401, 'wrong_signature'])
    expect((await present(site, after)).status).toBe(200)
  })

  it('are two at most: a third puts an end to the first', async () => {
    const site = await registerWidget()
    const secrets = widgetSecrets()
    const first = await makeToken(site.secret, claimsOf(site))
    const second = secrets.make()
    await secrets.rotate(site.id, second, { overlapSeconds: 600, now })
    await secrets.rotate(site.id, secrets.make(), { overlapSeconds: 600, now })
    expect(await refusal(site, first)).toEqual([401, 'wrong_signature'])
    expect((await present(site, await makeToken(second.secret, claimsOf(site)))).status).toBe(200)
  })
})

describe('POST /widgets/:application/auth', () => {
  it('changes nothing, whatever it is sent, and a cookie has no part in it', async () => {
    const site = await registerWidget()
    const { cookie } = await signedInPerson()
    const before = await snapshot()
    const token = await makeToken(site.secret, claimsOf(site))
    await present(site, token)
    await present(site, 'x')
    const answer = await ask(site.authUrl, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...cookieOf(cookie) },
      body: JSON.stringify({ token: '', user: { id: '1' }, scope: 'super-mod' }),
    })
    expect(answer.status).toBe(401)
    expect(await snapshot()).toEqual(before)
  })

  it.each([
    ['no JSON', 'application/json', '{', 400],
    ['no object', 'application/json', '"x"', 400],
    ['no token', 'application/json', '{}', 400],
    ['a token that is no text', 'application/json', '{"token":{}}', 400],
    ['two tokens', 'application/json', '{"token":"a","token":"b"}', 400],
    ['another type', 'text/plain', '{"token":"a"}', 415],
    ['too much', 'application/json', `{"token":"${'a'.repeat(300_000)}"}`, 413],
  ])('takes nothing with %s', async (_, type, body, status) => {
    const site = await registerWidget()
    const headers = { 'Content-Type': type }
    expect((await ask(site.authUrl, { method: 'POST', headers, body })).status).toBe(status)
  })

  it('may be asked by the pages of the widget, without credentials', async () => {
    const site = await registerWidget()
    const preflight = await ask(site.authUrl, { method: 'OPTIONS', headers: { Origin: SITE } })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-headers')).toBe('Content-Type')
    expect(preflight.headers.get('access-control-allow-credentials')).toBeNull()
    const foreign = await ask(site.authUrl, {
      method: 'OPTIONS',
      headers: { Origin: 'https://evil.example' },
    })
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull()
  })

  it('knows no widget that is disabled or removed', async () => {
    const [disabled, removed] = [await registerWidget(), await registerWidget()]
    await applicationRegistry().setStatus(disabled.id, 'disabled', now)
    await applicationRegistry().remove(removed.id)
    for (const site of [disabled, removed]) {
      const token = await makeToken(site.secret, claimsOf(site))
      expect(await refusal(site, token)).toEqual([404, 'unknown_application'])
    }
  })

  it('leaves one event for each token, in which nothing of the token is', async () => {
    const site = await registerWidget()
    const log = captureLog()
    const token = await makeToken(site.secret, claimsOf(site, { jti: 'marked-id' }))
    await present(site, token)
    await present(site, `${token}.`)
    await ask(site.authUrl, {
      method: 'POST',
      headers: { 'Content-Type': 'text/plain' },
      body: 'x',
    })
    expect(decisions(log.lines)).toMatchObject([
      { event: 'widget_token.accepted', application: site.id, scope: 'user' },
      { event: 'widget_token.rejected', application: site.id, reason: 'malformed_token' },
      { event: 'widget_token.rejected', application: site.id, reason: 'unsupported_media_type' },
    ])
    for (const text of [token, 'marked-id', 'Ada', site.secret])
      expect(log.text()).not.toContain(text)
  })
})
