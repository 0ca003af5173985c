/** From the sign-in at an application to the last of its tokens, with nothing in between made up. */
import { decodeJwt } from 'jose'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../../src/platform/clock.ts'
import { createApplication } from '../../world/application.ts'
import type { ReceivingApplication } from '../../world/application.ts'
import { captureLog } from '../../world/log-lines.ts'
import { settings } from '../../world/settings.ts'
import { prepareKeyRing } from '../../world/signed-by-us.ts'
import { createWorld } from '../../world/sign-in.ts'
import type { World } from '../../world/sign-in.ts'
import { basic } from '../token/token-world.ts'
import type { TokenBody } from '../token/token-world.ts'
import { answerOf, authorizeUrl, CALLBACK, go, signedInBrowser } from '../authorization/asking.ts'
import { logoutUrl } from './participant.ts'

/** A busy machine takes its time. */
const PATIENCE = { timeout: 10_000 }

let world: World
let shop: ReceivingApplication

beforeEach(async () => {
  captureLog()
  await prepareKeyRing(systemClock())
  world = await createWorld()
})

async function post(path: string, form: Record<string, string>) {
  const answer = await world.fetch(
    new Request(settings.ISSUER + path, {
      method: 'POST',
      body: new URLSearchParams(form),
      headers: { authorization: basic(shop.id, shop.secret) },
    }),
  )
  return { status: answer.status, body: await answer.json<TokenBody>() }
}

/** Somebody who signs in at the shop, with everything that the shop gets. */
async function customer(oauth: NonNullable<Parameters<typeof createApplication>[1]>['oauth'] = {}) {
  shop = await createApplication(world, { isFirstParty: true, oauth })
  const browser = await signedInBrowser(world)
  const back = await go(browser, authorizeUrl(shop, { scope: 'openid offline_access' }))
  const code = answerOf(back).get('code')!
  const redeemed = await post('/oauth/token', {
    grant_type: 'authorization_code',
    code,
    redirect_uri: CALLBACK,
  })
  expect(redeemed).toMatchObject({ status: 200 })
  const unused = answerOf(await go(browser, authorizeUrl(shop))).get('code')!
  const {
    access_token: accessToken,
    refresh_token: refreshToken,
    id_token: idToken,
  } = redeemed.body
  return { browser, unused, accessToken, refreshToken: refreshToken!, idToken: idToken! }
}

const userInfo = async (token: string) =>
  (
    await world.fetch(
      new Request(`${settings.ISSUER}/oauth/userinfo`, {
        headers: { authorization: `Bearer ${token}` },
      }),
    )
  ).status

describe.each(['public', 'pairwise'] as const)('an application with %s subjects', (subjectType) => {
  it('signs its customer out, hears of it by the names in its own ID token, and nothing it holds works', async () => {
    const me = await customer({ subjectType })
    expect(await userInfo(me.accessToken)).toBe(200)
    const left = await me.browser.request(
      logoutUrl({
        id_token_hint: me.idToken,
        post_logout_redirect_uri: 'https://shop.example/bye',
        state: 'x',
      }),
      { from: shop.origin },
    )
    expect(left.headers.get('location')).toContain('https://otrotl.example/end-session')
    await vi.waitFor(() => expect(shop.received).toHaveLength(1), PATIENCE)
    const { sub, sid } = decodeJwt(me.idToken)
    expect(shop.received[0]).toMatchObject({ aud: shop.id, sub, sid })
    expect(await userInfo(me.accessToken)).toBe(401)
    for (const form of [
      { grant_type: 'refresh_token', refresh_token: me.refreshToken },
      { grant_type: 'authorization_code', code: me.unused, redirect_uri: CALLBACK },
    ]) {
      const answer = await post('/oauth/token', form)
      expect([answer.status, answer.body.error]).toEqual([400, 'invalid_grant'])
    }
    const introspected = await post('/oauth/introspect', { token: me.accessToken })
    expect(introspected.body).toEqual({ active: false })
    const state = new URL(left.headers.get('location')!).searchParams.get('state')
    const last = await me.browser.request(
      `${settings.ISSUER}/auth/sso/logout/callback?state=${state}`,
      { from: world.otrotl.issuer },
    )
    expect(last.headers.get('location')).toBe('https://shop.example/bye?state=x')
    // Signed out means signed out: the next time, the provider is asked again.
    const again = await me.browser.request(authorizeUrl(shop, { prompt: 'none' }))
    expect(answerOf(again).get('error')).toBe('login_required')
  })
})

it('an application that only began a sign-in, and took nothing from it, is told nothing', async () => {
  shop = await createApplication(world, { isFirstParty: true })
  const browser = await signedInBrowser(world)
  await go(browser, authorizeUrl(shop))
  await browser.request(`${settings.ISSUER}/auth/sso/logout`, {
    method: 'POST',
    from: settings.ISSUER,
  })
  await scheduler.wait(200)
  expect(shop.received).toEqual([])
})

it('an application that got an ID token without a code is told as well', async () => {
  const me = await (async () => {
    shop = await createApplication(world, {
      isFirstParty: true,
      oauth: { grantTypes: ['implicit'], responseTypes: ['id_token'], scope: ['openid'] },
    })
    const browser = await signedInBrowser(world)
    const back = await go(browser, authorizeUrl(shop, { response_type: 'id_token' }))
    return { browser, idToken: answerOf(back).get('id_token')! }
  })()
  await me.browser.request(logoutUrl({ id_token_hint: me.idToken }), { from: shop.origin })
  await vi.waitFor(() => expect(shop.received).toHaveLength(1), PATIENCE)
  expect(shop.received[0]?.sid).toBe(decodeJwt(me.idToken).sid)
})
