import { calculateJwkThumbprint, decodeJwt } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'
import type { RegisteredApplication } from '../../world/applications.ts'
import { expectError, expectUntouched } from './expect-answer.ts'
import { TOKEN_URL, VERIFIER, challengeOf, registerShop, tokenWorld } from './token-world.ts'
import type { TokenWorld } from './token-world.ts'

const USERINFO = 'https://login.example/oauth/userinfo'

let world: TokenWorld
let app: RegisteredApplication
let prover: Awaited<ReturnType<TokenWorld['prover']>>

beforeEach(async () => {
  world = await tokenWorld()
  app = await registerShop({ oauth: { tokenEndpointAuthMethod: 'none' } })
  prover = await world.prover()
})

async function codeFor(application = app, binding: object = {}) {
  const { session } = await world.person()
  const codeChallenge = await challengeOf(VERIFIER)
  return world.mint(session, application, { binding: { codeChallenge, ...binding } })
}
const form = { code_verifier: VERIFIER }
const proofFor = (token: string, url = USERINFO, method = 'GET') =>
  prover.prove({ method, url, token, now: world.clock.now() })

describe('tokens bound to a key (RFC 9449)', () => {
  it('say which, and are worth nothing without it', async () => {
    const dpop = await prover.forToken()
    const { body } = await world.exchange(app, await codeFor(), form, { dpop })
    const jkt = await calculateJwkThumbprint(prover.jwk)
    expect(body.token_type).toBe('DPoP')
    expect(decodeJwt(body.access_token).cnf).toEqual({ jkt })
    const token = body.access_token
    const ask = (authorization: string, proof?: string, init: RequestInit = {}) =>
      world.send(
        new Request(USERINFO, {
          ...init,
          headers: { authorization, ...(proof === undefined ? {} : { dpop: proof }) },
        }),
      )
    expect((await ask(`DPoP ${token}`, await proofFor(token))).status).toBe(200)
    const stranger = await world.prover()
    const strangers = await stranger.prove({ url: USERINFO, token, now: world.clock.now() })
    const replayed = await proofFor(token)
    await ask(`DPoP ${token}`, replayed)
    const unbound = (await world.exchange(app, await codeFor(), form)).body.access_token
    const [badToken, badProof] = ['invalid_token', 'invalid_dpop_proof']
    for (const [error, authorization, proof] of [
      [badToken, `Bearer ${token}`, undefined],
      [badToken, `Bearer ${token}`, await proofFor(token)],
      [badToken, `DPoP ${unbound}`, await proofFor(unbound)],
      [badProof, `DPoP ${token}`, undefined],
      [badToken, `DPoP ${token}`, strangers],
      [badProof, `DPoP ${token}`, replayed],
      [badProof, `DPoP ${token}`, await proofFor('another')],
      [badProof, `DPoP ${token}`, await proofFor(token, TOKEN_URL)],
      [badProof, `DPoP ${token}`, await proofFor(token, USERINFO, 'POST')],
    ] as const) {
      const answer = await ask(authorization, proof)
      expect(answer.status).toBe(401)
      expect(answer.headers.get('www-authenticate')).toContain(`error="${error}"`)
    }
    const inBody = await world.post('/oauth/userinfo', { access_token: token })
    expect(inBody.status).toBe(401)
  })

  it('take a refresh token with them where the application is public', async () => {
    const dpop = await prover.forToken()
    const { body } = await world.exchange(app, await codeFor(), form, { dpop })
    const stranger = await world.prover()
    await expectUntouched('invalid_grant', () => world.refresh(app, body.refresh_token))
    const theirs = { dpop: await stranger.forToken() }
    await expectUntouched('invalid_grant', () => world.refresh(app, body.refresh_token, {}, theirs))
    const own = { dpop: await prover.forToken() }
    const refreshed = await world.refresh(app, body.refresh_token, {}, own)
    expect(refreshed.body.token_type).toBe('DPoP')
  })

  it('leave a confidential application free to use another key', async () => {
    const shop = await registerShop()
    const dpop = await prover.forToken()
    const { body } = await world.exchange(shop, await codeFor(shop), form, { dpop })
    const other = await world.prover()
    const refreshed = await world.refresh(
      shop,
      body.refresh_token,
      {},
      { dpop: await other.forToken() },
    )
    expect(decodeJwt(refreshed.body.access_token).cnf).toEqual({
      jkt: await calculateJwkThumbprint(other.jwk),
    })
    const plain = await world.refresh(shop, refreshed.body.refresh_token)
    expect(plain.body.token_type).toBe('Bearer')
  })

  it('are all that an application gets which is registered so', async () => {
    const bound = await registerShop({ oauth: { dpopBoundAccessTokens: true } })
    const code = await codeFor(bound)
    await expectUntouched('invalid_dpop_proof', () => world.exchange(bound, code, form))
    const dpop = await prover.forToken()
    expect((await world.exchange(bound, code, form, { dpop })).body.token_type).toBe('DPoP')
  })

  it('come of a code that was bound before, by that key alone', async () => {
    const jkt = await calculateJwkThumbprint(prover.jwk)
    const good = await codeFor(app, { jkt })
    const dpop = await prover.forToken()
    expect((await world.exchange(app, good, form, { dpop })).status).toBe(200)
    const other = await world.prover()
    for (const headers of [{}, { dpop: await other.forToken() }]) {
      const code = await codeFor(app, { jkt })
      expectError(
        await world.exchange(app, code, form, headers as Record<string, string>),
        'invalid_grant',
      )
      // RFC 9449 §10: the wrong key is as bad as a wrong verifier.
      const late = { dpop: await prover.forToken() }
      expectError(await world.exchange(app, code, form, late), 'invalid_grant')
    }
  })
})

describe('a proof at the token endpoint (RFC 9449 §4.3)', () => {
  const now = () => world.clock.now()
  const wrong: readonly [string, () => Promise<string> | string][] = [
    ['for another method', () => prover.prove({ method: 'GET', url: TOKEN_URL, now: now() })],
    ['for another URL', () => prover.prove({ method: 'POST', url: USERINFO, now: now() })],
    ['that is old', () => prover.prove({ method: 'POST', url: TOKEN_URL, now: now() - 61 })],
    ['that is to come', () => prover.prove({ method: 'POST', url: TOKEN_URL, now: now() + 61 })],
    [
      'that says it has run out',
      () =>
        prover.prove(
          { method: 'POST', url: TOKEN_URL, now: now() },
          { claims: { exp: now() - 60 } },
        ),
    ],
    [
      'that says it does not count yet',
      () =>
        prover.prove(
          { method: 'POST', url: TOKEN_URL, now: now() },
          { claims: { nbf: now() + 61 } },
        ),
    ],
    ['that comes twice', async () => `${await prover.forToken()}, ${await prover.forToken()}`],
    ['that is empty', () => ''],
    ['that is none', () => 'x.y.z'],
    [
      'with a private key in it',
      () =>
        prover.prove(
          { method: 'POST', url: TOKEN_URL, now: now() },
          { header: { jwk: prover.privateJwk } },
        ),
    ],
    [
      'of another type',
      () =>
        prover.prove({ method: 'POST', url: TOKEN_URL, now: now() }, { header: { typ: 'JWT' } }),
    ],
  ]
  it.each(wrong)('%s is refused, and costs no code', async (_, make) => {
    const code = await codeFor()
    const dpop = await make()
    await expectUntouched('invalid_dpop_proof', () => world.exchange(app, code, form, { dpop }))
    const good = { dpop: await prover.forToken() }
    expect((await world.exchange(app, code, form, good)).status).toBe(200)
  })

  it('counts once', async () => {
    const dpop = await prover.forToken()
    expect((await world.exchange(app, await codeFor(), form, { dpop })).status).toBe(200)
    const code = await codeFor()
    await expectUntouched('invalid_dpop_proof', () => world.exchange(app, code, form, { dpop }))
  })
})
