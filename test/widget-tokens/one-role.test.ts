import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { freezeClock } from '../world/clock.ts'
import { settings } from '../world/settings.ts'
import { goodClaims, prepareKeyRing, signAsUs } from '../world/signed-by-us.ts'
import { snapshot } from '../world/snapshot.ts'
import { gatewayFor } from '../../src/gateway.ts'
import { makeToken } from './made-token.ts'
import {
  SITE,
  ask,
  askToken,
  cookieOf,
  present,
  registerWidget,
  signedInPerson,
} from './widget-site.ts'

const now = 2_800_000_000

beforeEach(async () => {
  freezeClock(now)
  await prepareKeyRing(now)
})

const form = (fields: Record<string, string>) => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  body: new URLSearchParams(fields).toString(),
})

/** Routes that are there, of those that take some token: the gateway grows. */
const served = new Set(gatewayFor(env).routes.map(({ path }) => path))

describe('a widget token is good for nothing but its widget (I3, T05)', () => {
  /** The gateway's own, and one that a widget's server has made look like an access token. */
  async function widgetTokens() {
    const site = await registerWidget()
    const person = await signedInPerson()
    const { sid, epoch } = person.session
    const issued = (await askToken(site, person.cookie)).body.token!
    const claims = { ...goodClaims(now, { sub: person.userId, sid, epoch }), iss: settings.ISSUER }
    const dressedUp = await Promise.all(
      [
        { alg: 'HS256', typ: 'at+jwt' },
        { alg: 'HS256', typ: 'JWT' },
        { alg: 'HS256', typ: 'logout+jwt' },
      ].map(async (header) => makeToken(site.secret, claims, header)),
    )
    return { site, person, tokens: [issued, ...dressedUp] }
  }

  it('not as an access token, a session, an admin key or a DPoP token', async () => {
    const { site, tokens } = await widgetTokens()
    const before = await snapshot()
    for (const token of tokens) {
      for (const [path, headers] of [
        ['/api/me', { Authorization: `Bearer ${token}` }],
        ['/api/me', { Authorization: `DPoP ${token}`, DPoP: token }],
        ['/api/me', cookieOf(token)],
        ['/auth/sso/token', { Authorization: `Bearer ${token}` }],
        ['/auth/sso/token', cookieOf(token)],
        ['/auth/sessions', cookieOf(token)],
        ['/admin/api/users', { Authorization: `Bearer ${token}` }],
        [`/widgets/${site.id}/token`, { Authorization: `Bearer ${token}` }],
      ] as const) {
        const asked = await ask(settings.ISSUER + path, { headers })
        expect([401, 403], path).toContain(asked.status)
      }
      const byCookie = await ask(site.tokenUrl, { headers: cookieOf(token) })
      expect(byCookie.body.token).toBe('')
    }
    expect(await snapshot()).toEqual(before)
  })

  it('not as a logout token, nor at any endpoint of the OpenID provider', async () => {
    const { site, tokens } = await widgetTokens()
    const before = await snapshot()
    for (const token of tokens) {
      const backChannel = await ask(
        `${settings.ISSUER}/auth/sso/backchannel-logout/otrotl`,
        form({ logout_token: token }),
      )
      expect(backChannel.status).toBe(400)
      for (const [path, fields] of [
        ['/oauth/token', { grant_type: 'refresh_token', refresh_token: token, client_id: site.id }],
        ['/oauth/token', { grant_type: 'authorization_code', code: token, client_id: site.id }],
        ['/oauth/introspect', { token, client_id: site.id }],
        ['/oauth/revoke', { token, client_id: site.id }],
        ['/oauth/userinfo', { access_token: token }],
      ] as const) {
        if (!served.has(path)) continue
        const asked = await ask(settings.ISSUER + path, form(fields))
        expect([400, 401, 403], path).toContain(asked.status)
      }
      if (served.has('/oauth/userinfo')) {
        const headers = { Authorization: `Bearer ${token}` }
        expect((await ask(`${settings.ISSUER}/oauth/userinfo`, { headers })).status).toBe(401)
      }
      if (served.has('/oauth/logout')) {
        const query = new URLSearchParams({ id_token_hint: token })
        await ask(`${settings.ISSUER}/oauth/logout?${query.toString()}`)
      }
    }
    expect(await snapshot()).toEqual(before)
  })
})

describe('every other token is worthless to a widget (I3)', () => {
  it('one of ours, whatever it says and whichever key of ours it is under', async () => {
    const site = await registerWidget()
    const { userId, session, cookie } = await signedInPerson()
    const widgetClaims = {
      iss: site.id,
      exp: now + 600,
      jti: userId,
      name: 'Ada',
      scope: 'super-mod',
    }
    const { sid, epoch } = session
    const tokens = [
      cookie,
      settings.ADMIN_API_KEY,
      await signAsUs(goodClaims(now, { sub: userId, sid, epoch }), now),
      await signAsUs({ ...goodClaims(now, { sub: userId, sid, epoch }), ...widgetClaims }, now),
      await signAsUs(widgetClaims, now, { typ: 'JWT' }),
      await signAsUs(widgetClaims, now, { typ: 'JWT' }, 'RS256'),
      await signAsUs(widgetClaims, now, { typ: 'logout+jwt' }, 'RS256'),
    ]
    for (const token of tokens) {
      const { status, body } = await present(site, token)
      expect([status, body.success]).toEqual([401, false])
    }
  })

  it('one under our public keys, taken for a secret', async () => {
    const site = await registerWidget()
    const { body } = await ask(`${settings.ISSUER}/.well-known/jwks.json`)
    const text = JSON.stringify(body)
    const claims = { iss: site.id, exp: now + 600, jti: '1', name: 'Eve', scope: 'super-mod' }
    for (const secret of [text, 'x', settings.KEY_ENCRYPTION_KEY, settings.HANDLE_KEY, site.id]) {
      expect((await present(site, await makeToken(secret, claims))).status).toBe(401)
    }
  })

  it('and a client secret is none of a widget, nor the other way round', async () => {
    const oauth = { redirectUris: [`${SITE}/cb`], scope: ['openid'] }
    const site = await registerWidget(
      {},
      { oauth, clientSecret: 'client-secret-0123456789-abcdefghij' },
    )
    const claims = { iss: site.id, exp: now + 600, jti: '1', name: 'Eve' }
    const token = await makeToken('client-secret-0123456789-abcdefghij', claims)
    expect((await present(site, token)).body.error).toBe('wrong_signature')
    expect(site.secret).not.toBe('client-secret-0123456789-abcdefghij')
  })
})
