import { env } from 'cloudflare:workers'
import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'
import { randomId } from '../../src/platform/random.ts'
import { revocationHintKey } from '../../src/core/sessions/revocation-hint.ts'
import { createUserRoles } from '../../src/core/users/user-roles.ts'
import { grants } from '../core/sessions/granted.ts'
import { rowsOf, sessionsOf } from '../core/sessions/signed-in-user.ts'
import { applicationRegistry } from '../world/applications.ts'
import { freezeClock } from '../world/clock.ts'
import { captureLog, decisions } from '../world/log-lines.ts'
import { settings } from '../world/settings.ts'
import { createProver, goodClaims, prepareKeyRing, signAsUs } from '../world/signed-by-us.ts'
import { snapshot } from '../world/snapshot.ts'
import { unreachable } from '../admin/operator.ts'
import { SITE, ask, askToken, cookieOf, registerWidget, signedInPerson } from './widget-site.ts'

/** Each test has a minute of its own, later than any real clock. */
let now = 2_600_000_000

beforeEach(async () => {
  now += 100_000
  freezeClock(now)
  await prepareKeyRing(now)
})

const nobody = { success: true, token: '', expires_in: 0 }

describe('whoever is signed in', () => {
  it('gets a token with the documented claims, under HS256, and nothing more', async () => {
    const site = await registerWidget()
    const { cookie, userId } = await signedInPerson()
    const { status, body, headers } = await askToken(site, cookie)
    expect(status).toBe(200)
    expect(body).toEqual({ success: true, token: expect.any(String) as string, expires_in: 1200 })
    expect(decodeProtectedHeader(body.token!)).toEqual({ alg: 'HS256', typ: 'JWT' })
    expect(decodeJwt(body.token!)).toEqual({
      iss: site.id,
      exp: now + 1200,
      jti: userId,
      name: 'Ada Lovelace',
      email: 'ada@example.com',
      scope: 'user',
    })
    await jwtVerify(body.token!, new TextEncoder().encode(site.secret), {
      algorithms: ['HS256'],
      currentDate: new Date(now * 1000),
    })
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('access-control-allow-origin')).toBe(SITE)
    expect(headers.get('access-control-allow-credentials')).toBe('true')
  })

  it('is told of in the words of the registration: client id, audience, lifetime', async () => {
    const clientId = 'eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiJ4In0.c2ln'
    const site = await registerWidget({
      clientId,
      audience: 'http://annoto.net',
      tokenLifetimeSeconds: 300,
    })
    const { cookie } = await signedInPerson({ name: 'Ada', picture: 'https://cdn.example/a.png' })
    const { body } = await askToken(site, cookie)
    expect(decodeJwt(body.token!)).toMatchObject({
      iss: clientId,
      aud: 'http://annoto.net',
      exp: now + 300,
      photoUrl: 'https://cdn.example/a.png',
    })
    expect(body.expires_in).toBe(300)
  })

  it('gets no token that outlives the session', async () => {
    const site = await registerWidget()
    const { cookie, session } = await signedInPerson()
    for (let at = now; at < session.absoluteDeadlineAt - 100; at += 3000) {
      freezeClock(at)
      await askToken(site, cookie)
    }
    freezeClock(session.absoluteDeadlineAt - 7)
    const { body } = await askToken(site, cookie)
    expect(body.expires_in).toBe(7)
    expect(decodeJwt(body.token!).exp).toBe(session.absoluteDeadlineAt)
    freezeClock(session.absoluteDeadlineAt)
    expect((await askToken(site, cookie)).body).toEqual(nobody)
  })

  it('keeps the session alive by opening a page, and not by a page that renews its token', async () => {
    const site = await registerWidget()
    const { cookie, userId, session } = await signedInPerson()
    const deadline = async () =>
      (await rowsOf(userId, 'SELECT idle_deadline_at FROM sessions'))[0]?.['idle_deadline_at']
    freezeClock(now + 600)
    const renewal = { ...site, tokenUrl: `${site.tokenUrl}?renewal=true` }
    expect((await askToken(renewal, cookie)).body.token).not.toBe('')
    expect(await deadline()).toBe(session.idleDeadlineAt)
    await askToken(site, cookie)
    expect(await deadline()).toBe(now + 600 + settings.SESSION.idle_seconds)
  })

  it('is known to an application with pairwise subjects by that subject only', async () => {
    const oauth = {
      redirectUris: ['https://shop.example/cb'],
      scope: ['openid'],
      subjectType: 'pairwise' as const,
    }
    const site = await registerWidget({}, { oauth })
    const { cookie, userId } = await signedInPerson()
    const { body } = await askToken(site, cookie)
    const { jti } = decodeJwt(body.token!)
    expect(jti).toMatch(/^[\w-]{43}$/)
    expect(body.token).not.toContain(userId)
  })
})

describe('what the person may do in the widget', () => {
  const roles = { editor: 'moderator', admin: 'super-mod', member: 'user' }
  const scopeWith = async (held: readonly string[], map: Record<string, string> = roles) => {
    const site = await registerWidget({ roles: map })
    const { cookie, userId } = await signedInPerson()
    await createUserRoles(env.DIRECTORY).replace(userId, held)
    return decodeJwt((await askToken(site, cookie)).body.token!)['scope']
  }

  it.each([
    [[], 'user'],
    [['member'], 'user'],
    [['editor'], 'moderator'],
    [['member', 'admin', 'editor'], 'super-mod'],
    [['super-mod'], 'user'],
    [['constructor', 'toString', 'Editor'], 'user'],
  ])('is what roles %j amount to: %s', async (held, scope) => {
    expect(await scopeWith(held)).toBe(scope)
  })

  it('is taken from the directory anew each time', async () => {
    const site = await registerWidget({ roles })
    const { cookie, userId } = await signedInPerson()
    const scope = async () => decodeJwt((await askToken(site, cookie)).body.token!)['scope']
    const directory = createUserRoles(env.DIRECTORY)
    expect(await scope()).toBe('user')
    await directory.replace(userId, ['admin'])
    expect(await scope()).toBe('super-mod')
    await directory.replace(userId, [])
    expect(await scope()).toBe('user')
  })

  it('is never what the request says, and neither is anything else (T01)', async () => {
    const site = await registerWidget({ roles })
    const { cookie, userId } = await signedInPerson()
    const query = new URLSearchParams({
      scope: 'super-mod',
      roles: 'admin',
      jti: 'somebody',
      name: 'Root',
      email: 'root@example.com',
      iss: 'other',
      exp: String(now + 10_000_000),
      aud: 'elsewhere',
      lifetime: '999999',
    })
    const asked = await ask(`${site.tokenUrl}?${query.toString()}`, {
      headers: { Origin: SITE, ...cookieOf(cookie), 'X-Scope': 'super-mod', 'X-Role': 'admin' },
    })
    expect(decodeJwt(asked.body.token!)).toEqual({
      iss: site.id,
      exp: now + 1200,
      jti: userId,
      name: 'Ada Lovelace',
      email: 'ada@example.com',
      scope: 'user',
    })
  })
})

describe('what is told of a person (T09, T10)', () => {
  const claimsOf = async (profile: Parameters<typeof signedInPerson>[0]) => {
    const site = await registerWidget()
    const { cookie } = await signedInPerson(profile)
    return decodeJwt((await askToken(site, cookie)).body.token!)
  }

  it.each([
    ['a script', 'javascript:alert(1)'],
    ['data', 'data:image/png;base64,AAAA'],
    ['plain http', 'http://cdn.example/a.png'],
    ['this machine', 'https://127.0.0.1/a.png'],
    ['a private network', 'https://10.0.0.8/a.png'],
    ['an internal name', 'https://metadata.internal/a.png'],
    ['a URL with a password', 'https://user:pass@cdn.example/a.png'],
    ['a URL without end', `https://cdn.example/${'a'.repeat(10_000)}`],
    ['nowhere', ''],
  ])('no picture from %s', async (_, picture) => {
    expect(await claimsOf({ name: 'Ada', picture })).not.toHaveProperty('photoUrl')
  })

  it('a name without marks that hide or turn text, and not a long one', async () => {
    const { name } = await claimsOf({
      name: ` A\u202eda\r\n\u0007 Love🦉lace${'x'.repeat(10_000)}`,
    })
    expect(String(name)).toMatch(/^Ada Love🦉lacex+$/)
    expect(Array.from(String(name))).toHaveLength(200)
  })

  it.each([
    [{ givenName: 'Ada', familyName: 'King' }, 'Ada King'],
    [{ preferredUsername: 'ada' }, 'ada'],
    [{ email: 'ada@example.com' }, 'User'],
    [{}, 'User'],
  ])('some name for everybody: %j', async (profile, name) => {
    expect((await claimsOf(profile))['name']).toBe(name)
  })

  it('no address that is none', async () => {
    expect(await claimsOf({ name: 'Ada', email: 'ada@@example.com' })).not.toHaveProperty('email')
  })
})

describe('a visitor whom nobody knows', () => {
  it.each([
    ['no cookie', undefined],
    ['an empty cookie', ''],
    ['a forged cookie', 's_forged'],
  ])('gets an empty token: %s', async (_, cookie) => {
    const site = await registerWidget()
    const { status, body, headers } = await askToken(site, cookie)
    expect([status, body]).toEqual([200, nobody])
    expect(headers.get('set-cookie')).toBeNull()
    expect(headers.get('cache-control')).toBe('no-store')
  })

  it('gets one from the moment that the session has ended (I7)', async () => {
    const site = await registerWidget()
    const { cookie, userId, session } = await signedInPerson()
    expect((await askToken(site, cookie)).body.token).not.toBe('')
    await sessionsOf().end(userId, session.sid, 'person', now)
    expect((await askToken(site, cookie)).body).toEqual(nobody)
  })

  it('gets one when the user is disabled', async () => {
    const site = await registerWidget()
    const { cookie, userId } = await signedInPerson()
    await sessionsOf().disable(userId, now)
    expect((await askToken(site, cookie)).body).toEqual(nobody)
  })
})

describe('an access token', () => {
  async function tokenOf(
    { userId, session }: Awaited<ReturnType<typeof signedInPerson>>,
    changes: Record<string, unknown> = {},
  ) {
    const { sid, epoch } = session
    return signAsUs(goodClaims(now, { sub: userId, sid, epoch, ...changes }), now)
  }
  const bearer = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } })

  it('gets a widget token wherever it comes from, and the cookie has no part in it', async () => {
    const site = await registerWidget()
    const ada = await signedInPerson()
    const eve = await signedInPerson({ name: 'Eve' })
    const token = await tokenOf(ada)
    const { headers } = bearer(token)
    for (const more of [
      {},
      { Origin: 'https://elsewhere.example', 'Sec-Fetch-Site': 'cross-site' },
      cookieOf(eve.cookie),
    ]) {
      const asked = await ask(site.tokenUrl, { headers: { ...headers, ...more } })
      expect(decodeJwt(asked.body.token!)['jti']).toBe(ada.userId)
    }
  })

  it('that is bound to a key needs its proof, of this very request (RFC 9449 §4.3)', async () => {
    const site = await registerWidget()
    const prover = await createProver()
    const jkt = await calculateJwkThumbprint(prover.jwk)
    const token = await tokenOf(await signedInPerson(), { cnf: { jkt } })
    const proof = await prover.prove({ url: site.tokenUrl, token, now })
    const authorization = { Authorization: `DPoP ${token}` }
    const good = await ask(site.tokenUrl, { headers: { ...authorization, DPoP: proof } })
    expect(good.status).toBe(200)
    expect(good.body.token).not.toBe('')
    const renewal = await prover.prove({ url: site.tokenUrl, token, now })
    const renewed = await ask(`${site.tokenUrl}?renewal=true`, {
      headers: { ...authorization, DPoP: renewal },
    })
    expect(renewed.status).toBe(200)
    const other = await registerWidget()
    const elsewhere = [
      `${settings.ISSUER}/api/me`,
      other.tokenUrl,
      `${site.tokenUrl}/`,
      site.tokenUrl.replace('/token', '/auth'),
      site.tokenUrl.replace(settings.ISSUER, 'https://widgets.example'),
    ].map((url) => prover.prove({ url, token, now }))
    const posted = await prover.prove({ url: site.tokenUrl, method: 'POST', token, now })
    const proofs = [proof, renewal, ...(await Promise.all(elsewhere)), posted]
    for (const headers of [
      authorization,
      ...proofs.map((DPoP) => ({ ...authorization, DPoP })),
      { Authorization: `Bearer ${token}` },
    ]) {
      const refused = await ask(site.tokenUrl, { headers })
      expect(refused.status).toBe(401)
      expect(refused.body.token).toBeUndefined()
    }
    // Where we are is ours to say (C27), not the request's.
    const alias = site.tokenUrl.replace(settings.ISSUER, 'https://widgets.example')
    const there = { ...authorization, DPoP: await prover.prove({ url: alias, token, now }) }
    expect((await ask(alias, { headers: there })).status).toBe(401)
  })

  it('of a session that has ended gets nothing, at once', async () => {
    const site = await registerWidget()
    const person = await signedInPerson()
    const token = await tokenOf(person)
    expect((await ask(site.tokenUrl, bearer(token))).status).toBe(200)
    await sessionsOf().end(person.userId, person.session.sid, 'person', now)
    const refused = await ask(site.tokenUrl, {
      headers: { ...bearer(token).headers, Origin: SITE },
    })
    expect(refused.status).toBe(401)
    expect(refused.body).toMatchObject({ success: false, error: 'invalid_token' })
    expect(refused.headers.get('www-authenticate')).toContain('error="invalid_token"')
    expect(refused.headers.get('access-control-allow-origin')).toBe(SITE)
  })

  it('that is bad is refused even where the cookie is good', async () => {
    const site = await registerWidget()
    const person = await signedInPerson()
    const good = await tokenOf(person)
    for (const authorization of [`Bearer ${good}x`, 'Bearer x', 'Basic eDp5', 'Bearer', '']) {
      const asked = await ask(site.tokenUrl, {
        headers: { ...cookieOf(person.cookie), Authorization: authorization },
      })
      expect([400, 401], authorization).toContain(asked.status)
      expect(asked.body.token, authorization).toBeUndefined()
    }
  })

  it('of one application gets nothing for the widget of another', async () => {
    const [own, other] = [await registerWidget(), await registerWidget()]
    const person = await signedInPerson()
    const token = await tokenOf(person, {
      client_id: own.id,
      gid: randomId(),
      scope: 'openid profile email',
    })
    expect((await ask(own.tokenUrl, bearer(token))).status).toBe(200)
    const refused = await ask(other.tokenUrl, bearer(token))
    expect([refused.status, refused.body.error]).toEqual([403, 'insufficient_scope'])
  })

  it('gets what its own session says, and not another one of the same person', async () => {
    const site = await registerWidget()
    const first = await signedInPerson({ name: 'Ada, then' })
    freezeClock(now + 10)
    const second = await signedInPerson({ name: 'Ada, now' }, first.userId)
    const nameBy = async (person: typeof first) => {
      const { body } = await ask(site.tokenUrl, bearer(await tokenOf(person)))
      return decodeJwt(body.token!)['name']
    }
    expect([await nameBy(first), await nameBy(second)]).toEqual(['Ada, then', 'Ada, now'])
  })

  it('whose family of grants was revoked gets nothing, at once and though its hint is late', async () => {
    const site = await registerWidget()
    const person = await signedInPerson()
    const gid = randomId()
    const token = await tokenOf(person, { client_id: site.id, gid, scope: 'openid profile' })
    expect((await ask(site.tokenUrl, bearer(token))).status).toBe(200)
    const hint = await revocationHintKey(person.userId)
    const late = await env.REVOCATION.get(hint)
    await grants.revokeTokens({ userId: person.userId, id: gid, now })
    await env.REVOCATION.put(hint, late!)
    expect((await ask(site.tokenUrl, bearer(token))).status).toBe(401)
  })

  it('of an application tells its widget no more than the person has granted', async () => {
    const site = await registerWidget()
    const person = await signedInPerson()
    const asked = async (scope: string) =>
      ask(
        site.tokenUrl,
        bearer(await tokenOf(person, { client_id: site.id, gid: randomId(), scope })),
      )
    expect((await asked('openid')).status).toBe(403)
    expect((await asked('openid email')).status).toBe(403)
    const { body } = await asked('openid profile')
    expect(decodeJwt(body.token!)).not.toHaveProperty('email')
    const whole = await asked('openid profile email')
    expect(decodeJwt(whole.body.token!)).toHaveProperty('email', 'ada@example.com')
  })
})

describe('who may ask by the session cookie', () => {
  it.each([SITE, settings.ISSUER])('a page of %s', async (origin) => {
    const site = await registerWidget()
    const { cookie } = await signedInPerson()
    const asked = await ask(site.tokenUrl, { headers: { ...cookieOf(cookie), Origin: origin } })
    expect(asked.body.token).not.toBe('')
    expect(asked.headers.get('access-control-allow-origin')).toBe(origin)
    expect(asked.headers.get('access-control-allow-credentials')).toBe('true')
  })

  it.each([
    'null',
    'https://evil.example',
    'https://video.example.evil.example',
    'http://video.example',
    'https://video.example:444',
    'https://VIDEO.example',
    'https://video.example/',
    'https://app.example',
    '',
  ])('no page of %j, and its asking moves nothing', async (origin) => {
    const site = await registerWidget()
    const { cookie } = await signedInPerson()
    const before = await snapshot()
    freezeClock(now + 600)
    const asked = await ask(site.tokenUrl, { headers: { ...cookieOf(cookie), Origin: origin } })
    expect([asked.status, asked.body.error]).toEqual([403, 'origin_not_allowed'])
    expect(asked.body.token).toBeUndefined()
    expect(asked.headers.get('access-control-allow-credentials')).toBeNull()
    expect(await snapshot()).toEqual(before)
  })

  it('no page of another widget', async () => {
    const site = await registerWidget()
    await registerWidget({ allowedOrigins: ['https://other.example'] })
    const { cookie } = await signedInPerson()
    const headers = { ...cookieOf(cookie), Origin: 'https://other.example' }
    expect((await ask(site.tokenUrl, { headers })).status).toBe(403)
  })

  it('no site that embeds the answer', async () => {
    const site = await registerWidget()
    const { cookie } = await signedInPerson()
    for (const fetchSite of ['cross-site', 'same-site']) {
      const headers = { ...cookieOf(cookie), 'Sec-Fetch-Site': fetchSite }
      expect((await ask(site.tokenUrl, { headers })).status).toBe(403)
    }
  })

  it('is said to a preflight, and nothing is given away in it', async () => {
    const site = await registerWidget()
    const { cookie } = await signedInPerson()
    const headers = { Origin: SITE, ...cookieOf(cookie), 'Access-Control-Request-Method': 'GET' }
    const asked = await ask(site.tokenUrl, { method: 'OPTIONS', headers })
    expect([asked.status, asked.text]).toEqual([204, ''])
    expect(asked.headers.get('access-control-allow-origin')).toBe(SITE)
    expect(asked.headers.get('access-control-allow-headers')).toBe('Authorization, DPoP')
    const foreign = { ...headers, Origin: 'https://evil.example' }
    const refused = await ask(site.tokenUrl, { method: 'OPTIONS', headers: foreign })
    expect(refused.headers.get('access-control-allow-origin')).toBeNull()
  })

  it('a page of ours elsewhere may read what its access token gets, without credentials', async () => {
    const site = await registerWidget()
    const headers = { Origin: 'https://app.example', Authorization: 'Bearer x' }
    const asked = await ask(site.tokenUrl, { headers })
    expect(asked.headers.get('access-control-allow-origin')).toBe('https://app.example')
    expect(asked.headers.get('access-control-allow-credentials')).toBeNull()
  })

  it('nobody by HEAD or POST', async () => {
    const site = await registerWidget()
    const { cookie } = await signedInPerson()
    const before = await snapshot()
    for (const method of ['HEAD', 'POST', 'PUT', 'DELETE', 'PATCH']) {
      const headers = { ...cookieOf(cookie), Origin: SITE }
      const asked = await ask(site.tokenUrl, { method, headers })
      expect([asked.status, asked.headers.get('allow')]).toEqual([405, 'GET, OPTIONS'])
    }
    expect(await snapshot()).toEqual(before)
  })
})

describe('a widget that is not there', () => {
  it('is unknown, whether it never was, is disabled, removed, or another kind of application', async () => {
    const { cookie } = await signedInPerson()
    const [disabled, removed] = [await registerWidget(), await registerWidget()]
    await applicationRegistry().setStatus(disabled.id, 'disabled', now)
    await applicationRegistry().remove(removed.id)
    const bare = await applicationRegistry().register({ name: 'Bare' }, now)
    const bareId = bare.ok ? bare.value.application.id : ''
    const answers = await Promise.all(
      ['nobody', disabled.id, removed.id, bareId, 'a b', '%00', '..%2fx', 'x'.repeat(500)].map(
        async (id) => ask(`${settings.ISSUER}/widgets/${id}/token`, { headers: cookieOf(cookie) }),
      ),
    )
    for (const { status, body } of answers) {
      expect([status, body.error]).toEqual([404, 'unknown_application'])
    }
  })

  it('nor what cannot be asked: the directory does not answer', async () => {
    const site = await registerWidget()
    const { cookie } = await signedInPerson()
    const broken = {
      prepare: () => ({ bind: () => ({ first: () => Promise.reject(new Error()) }) }),
    }
    const bindings = { DIRECTORY: broken as unknown as D1Database }
    const asked = await ask(site.tokenUrl, { headers: cookieOf(cookie) }, bindings)
    expect([asked.status, asked.headers.get('retry-after')]).toEqual([503, '5'])
    expect(asked.body.token).toBeUndefined()
  })
})

describe('too many requests', () => {
  it.each([
    ['GET', 'token'],
    ['POST', 'auth'],
    ['GET', 'events'],
  ])(
    'from one address are answered 429, before anything is looked up: %s /%s',
    async (method, name) => {
      const site = await registerWidget()
      const { cookie } = await signedInPerson()
      const log = captureLog()
      const headers = { ...cookieOf(cookie), Origin: SITE }
      const url = `${settings.ISSUER}/widgets/${site.id}/${name}`
      const limited = {
        WIDGET_LIMIT: { limit: async () => ({ success: false }) },
        DIRECTORY: unreachable<D1Database>(),
      }
      const asked = await ask(url, { method, headers }, limited)
      expect([asked.status, asked.headers.get('retry-after')]).toEqual([429, '60'])
      expect(asked.body).toMatchObject({ success: false, error: 'rate_limited' })
      expect(decisions(log.lines)).toMatchObject([{ event: 'rate.limited' }])
    },
  )
})

it('pages and servers of widgets close nobody’s bridge, nor does that close them', async () => {
  const site = await registerWidget()
  const { cookie } = await signedInPerson()
  const full = { limit: async () => ({ success: false }) }
  const headers = { ...cookieOf(cookie), Origin: settings.ISSUER }
  const bridge = `${settings.ISSUER}/auth/sso/token`
  expect((await ask(bridge, { headers }, { WIDGET_LIMIT: full })).status).toBe(200)
  expect((await ask(site.tokenUrl, { headers }, { BRIDGE_LIMIT: full })).status).toBe(200)
})

describe('the audit trail', () => {
  it('has one event for each request, and in it no token, secret, cookie or address', async () => {
    const site = await registerWidget()
    const { cookie, userId } = await signedInPerson()
    const log = captureLog()
    const issued = await askToken(site, cookie)
    await askToken(site, undefined)
    await ask(site.tokenUrl, { headers: { ...cookieOf(cookie), Origin: 'https://evil.example' } })
    await ask(`${settings.ISSUER}/widgets/nobody/token`)
    expect(decisions(log.lines)).toMatchObject([
      { event: 'widget_token.issued', application: site.id, user: userId, scope: 'user' },
      { event: 'widget_token.refused', application: site.id, reason: 'no_session' },
      { event: 'widget_token.refused', application: site.id, reason: 'origin_not_allowed' },
      { event: 'widget_token.refused', reason: 'unknown_application' },
    ])
    for (const secret of [issued.body.token!, site.secret, cookie, 'ada@example.com']) {
      expect(log.text()).not.toContain(secret)
    }
  })
})
