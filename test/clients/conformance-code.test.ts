/** The modules of the suite's plan `oidcc-basic-certification` that are about the token endpoint. */
import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApplicationServer } from './application-server.ts'
import type { ApplicationServer } from './application-server.ts'
import { HttpVisitor } from './http-visitor.ts'
import { createSuiteClient } from './suite-client.ts'
import type { SuiteClient } from './suite-client.ts'

const variant = { responseType: 'code' } as const
const person = new HttpVisitor()
let server: ApplicationServer
let suite: SuiteClient
beforeAll(async () => {
  server = await startApplicationServer()
  suite = await createSuiteClient(server, variant)
})
afterAll(() => server.stop())

describe('oidcc-basic-certification', () => {
  it.each([
    ['oidcc-codereuse', 0],
    ['oidcc-codereuse-30seconds', 30_000],
  ])('%s', async (_module, milliseconds) => {
    const signedIn = await suite.signIn(person)
    await suite.userInfo(signedIn)
    await delay(milliseconds)
    const again = await suite.redeem(signedIn.callback!['code']!)
    expect(again).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    // RFC 6749 §4.1.2: what the code gave is taken back. The suite warns where it is not.
    const answer = await fetch(`${suite.gateway}/oauth/userinfo`, {
      headers: { authorization: `Bearer ${signedIn.accessToken}` },
    })
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"')
  })

  it('oidcc-server-client-secret-post', async () => {
    const oauth = { token_endpoint_auth_method: 'client_secret_post' }
    const other = await createSuiteClient(server, variant, { oauth })
    const { callback } = await other.authorize(person)
    const credentials = { client_id: other.clientId, client_secret: other.secret }
    const answer = await other.redeem(callback!['code']!, credentials, {})
    expect(answer).toMatchObject({ status: 200, body: { token_type: 'Bearer' } })
  })

  it('oidcc-ensure-request-with-valid-pkce-succeeds', async () => {
    const verifier = randomBytes(32).toString('base64url')
    const code_challenge = createHash('sha256').update(verifier).digest('base64url')
    const request = { code_challenge, code_challenge_method: 'S256' }
    await suite.finish(await suite.authorize(person, request), verifier)
    // Not a module, but what the module is for.
    const { callback } = await suite.authorize(person, request)
    const wrong = { code_verifier: randomBytes(32).toString('base64url') }
    expect(await suite.redeem(callback!['code']!, wrong)).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    })
  })

  describe('oidcc-refresh-token', () => {
    const oauth = {
      grant_types: ['authorization_code', 'refresh_token'],
      scope: 'openid offline_access',
    }
    it.each([
      ["the company's own application", true],
      ["somebody else's application", false],
    ])('%s', async (_whose, isFirstParty) => {
      const holder = await createSuiteClient(server, variant, { oauth, isFirstParty })
      const other = await createSuiteClient(server, variant, { oauth, isFirstParty })
      const first = await holder.signIn(person, {
        scope: 'openid offline_access',
        prompt: 'consent',
      })
      expect(first.asked).toEqual(['consent'])
      const grant = { grant_type: 'refresh_token', refresh_token: first.refreshToken! }

      // Another client's, with its own good credentials.
      expect(await other.token(grant)).toMatchObject({
        status: 400,
        body: { error: 'invalid_grant' },
      })

      await delay(1100)
      const renewed = await holder.token(grant)
      expect(renewed.status).toBe(200)
      const {
        access_token: accessToken,
        refresh_token,
        id_token,
      } = renewed.body as {
        readonly access_token: string
        readonly refresh_token: string
        readonly id_token: string
      }
      expect(accessToken).not.toBe(first.accessToken)
      expect(refresh_token).toBeTruthy()
      // OpenID Connect Core 1.0 §12.2
      const claims = await holder.checkIdToken(id_token, { nonce: undefined, accessToken })
      const { iss, sub, aud, auth_time } = first.claims
      expect(claims).toMatchObject({ iss, sub, aud, auth_time })
      expect(claims.iat).toBeGreaterThan(first.claims.iat!)
      expect(claims['azp']).toBe(first.claims['azp'])
      await holder.userInfo({ accessToken, claims })
    })
  })

  it('asks for consent once, as plain forms, and remembers it for oidcc-prompt-none-logged-in', async () => {
    const foreign = await createSuiteClient(server, variant, { isFirstParty: false })
    const visitor = new HttpVisitor()
    expect((await foreign.signIn(visitor)).asked).toEqual(['sign-in', 'consent'])
    expect((await foreign.signIn(visitor, { prompt: 'none' })).asked).toEqual([])
    const { callback } = await foreign.authorize(visitor, {
      prompt: 'none',
      scope: 'openid email',
    })
    expect(callback).toMatchObject({ error: 'consent_required' })
  })
})
