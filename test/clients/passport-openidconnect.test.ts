import OpenIDConnectStrategy from 'passport-openidconnect'
import type { Profile, VerifyCallback } from 'passport-openidconnect'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { startApplicationServer } from './application-server.ts'
import type { ApplicationServer } from './application-server.ts'
import { driveStrategy } from './drive-strategy.ts'
import { HttpVisitor } from './http-visitor.ts'
import { register } from './register.ts'

const { gateway } = inject('clientsWorld')

describe('passport-openidconnect', () => {
  let server: ApplicationServer
  beforeAll(async () => {
    server = await startApplicationServer()
  })
  afterAll(() => server.stop())

  it('signs a person in, with its secret in the body and without PKCE', async () => {
    const callbackURL = `${server.origin}/cb`
    const { client_id: clientID, client_secret: clientSecret } = await register({
      redirect_uris: [callbackURL],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      scope: 'openid profile email',
      token_endpoint_auth_method: 'client_secret_post',
    })
    const strategy = new OpenIDConnectStrategy(
      {
        issuer: gateway,
        authorizationURL: `${gateway}/oauth/authorize`,
        tokenURL: `${gateway}/oauth/token`,
        userInfoURL: `${gateway}/oauth/userinfo`,
        clientID,
        clientSecret,
        callbackURL,
        scope: ['profile', 'email'],
        skipUserProfile: false,
      },
      (_issuer: string, profile: Profile, done: VerifyCallback) => done(null, profile),
    )
    const session = {}
    const started = await driveStrategy(strategy, { session, query: {} })
    if (started.kind !== 'redirected') throw new Error(`not redirected: ${started.kind}`)
    const visitor = new HttpVisitor()
    const back = await visitor.choosePerson(await visitor.visit(started.to))
    const query = Object.fromEntries(back.url.searchParams)
    const finished = await driveStrategy(strategy, { session, query })
    expect(finished).toMatchObject({
      kind: 'succeeded',
      user: { displayName: 'Ada Lovelace', emails: [{ value: 'ada@otrotl.example' }] },
    })
  })
})
