import { decodeJwt } from 'jose'
import { describe, expect, it } from 'vitest'
import type { AdapterRule } from '../../../src/core/applications/request-adapter.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { registerApplication } from '../../world/applications.ts'
import { settings } from '../../world/settings.ts'
import { prepareKeyRing } from '../../world/signed-by-us.ts'
import { createWorld } from '../../world/sign-in.ts'
import { answerOf, ask, authorizeUrl, click, go, heard, signedInBrowser } from './asking.ts'

const MARKET = 'https://market.example/api/auth/rebelmouse/callback'
const GOOGLE = 'https://www.googleapis.com/auth/'
const SCOPE = `${GOOGLE}plus.login ${GOOGLE}userinfo.profile ${GOOGLE}userinfo.email`
/** As the template makes it: JSON as it is, byte for byte. */
const STATE =
  '{"from":"/l/new?x=1&y=ä","defaultReturn":"/","defaultConfirm":"/confirm","userType":null}'

const drop: AdapterRule = { rule: 'scope_drop', scope: `${GOOGLE}plus.login` }
const adapter: readonly AdapterRule[] = [
  drop,
  { rule: 'scope_map', from: `${GOOGLE}userinfo.profile`, to: ['profile'] },
  { rule: 'scope_map', from: `${GOOGLE}userinfo.email`, to: ['email'] },
]

const registerMarket = (requestAdapter: readonly AdapterRule[] = adapter) =>
  registerApplication({
    name: 'Marketplace',
    isFirstParty: true,
    oauth: {
      redirectUris: [MARKET],
      grantTypes: ['authorization_code'],
      scope: ['openid', 'profile', 'email'],
      tokenEndpointAuthMethod: 'client_secret_post',
      alwaysIssueIdToken: true,
      userinfoQueryToken: true,
      requestAdapter,
    },
  })

const asked = { redirect_uri: MARKET, scope: SCOPE, state: STATE, nonce: undefined }

describe('Sharetribe’s own strategy, which asks for Google’s scopes and no openid', () => {
  it('signs a person in, and reads who they are', async () => {
    await prepareKeyRing(systemClock())
    const world = await createWorld()
    const app = await registerMarket()
    const browser = world.newBrowser()
    const page = await go(browser, authorizeUrl(app, asked))
    const done = await click(browser, page, 'sign-in-with-otrotl')
    expect(done.url.origin + done.url.pathname).toBe(MARKET)
    expect(answerOf(done).get('state')).toBe(STATE)

    const tokens = await world.fetch(
      new Request(`${settings.ISSUER}/oauth/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'authorization_code',
          redirect_uri: MARKET,
          client_id: app.id,
          client_secret: app.secret,
          code: answerOf(done).get('code')!,
        }),
      }),
    )
    expect(tokens.status).toBe(200)
    const { id_token, access_token, scope } = await tokens.json<Record<string, string>>()
    expect(scope).toBe(SCOPE)
    expect(decodeJwt(id_token!)).toMatchObject({
      aud: app.id,
      email: 'alice@example.org',
      email_verified: true,
    })
    const told = await world.fetch(
      new Request(`${settings.ISSUER}/oauth/userinfo?access_token=${access_token}`),
    )
    expect(await told.json()).toMatchObject({
      sub: decodeJwt(id_token!).sub,
      email: 'alice@example.org',
      email_verified: true,
      name: 'Alice Archer',
    })
  })

  it('is told what was granted, where that is less than it has asked for', async () => {
    const world = await createWorld()
    const implicit = { grantTypes: ['implicit'], responseTypes: ['token'] } as const
    const app = await registerApplication({
      isFirstParty: true,
      oauth: { ...implicit, redirectUris: [MARKET], scope: ['profile'], requestAdapter: [drop] },
    })
    const browser = await signedInBrowser(world)
    const scopeFor = async (scope: string) => {
      const token = { ...asked, response_type: 'token', scope }
      return heard(await ask(browser, authorizeUrl(app, token))).scope
    }
    expect(await scopeFor(`${GOOGLE}plus.login profile`)).toBe(`${GOOGLE}plus.login profile`)
    expect(await scopeFor(`${GOOGLE}plus.login profile email`)).toBe('profile')
  })

  it('is refused without its adapter, which is no other application’s', async () => {
    const world = await createWorld()
    await registerMarket()
    const other = await registerMarket([])
    const browser = await signedInBrowser(world)
    expect(heard(await ask(browser, authorizeUrl(other, asked)))).toMatchObject({
      error: 'invalid_scope',
      state: STATE,
    })
  })

  it('is answered in the mode of what the adapter made of the response type', async () => {
    const world = await createWorld()
    const app = await registerMarket([
      ...adapter,
      { rule: 'parameter_rename', from: 'type', to: 'response_type' },
    ])
    const browser = await signedInBrowser(world)
    const renamed = { ...asked, response_type: undefined, type: 'code' }
    const answer = await ask(browser, authorizeUrl(app, renamed))
    expect(new URL(answer.headers.get('location')!).searchParams.get('code')).toBeTruthy()
  })

  it('asks for nothing, where the adapter has dropped all of it', async () => {
    const world = await createWorld()
    const app = await registerMarket([{ rule: 'scope_drop', scope: 'a' }])
    const browser = await signedInBrowser(world)
    const answer = await ask(browser, authorizeUrl(app, { ...asked, scope: 'a' }))
    expect(heard(answer).error).toBe('invalid_scope')
  })
})
