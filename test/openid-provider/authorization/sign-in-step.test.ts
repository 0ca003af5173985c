import { describe, expect, it } from 'vitest'
import { createAskedSignIns } from '../../../src/core/identity-providers/asked-sign-in.ts'
import type { IdentityProvider } from '../../../src/core/identity-providers/identity-provider.ts'
import { parseRequest } from '../../../src/openid-provider/authorization/parse-request.ts'
import { signInLocation } from '../../../src/openid-provider/authorization/sign-in-step.ts'
import type { SignInReason } from '../../../src/openid-provider/authorization/judge-session.ts'
import { newSessionId } from '../../../src/core/sessions/session.ts'
import { registerApplication } from '../../world/applications.ts'
import { settings } from '../../world/settings.ts'
import { createWorld } from '../../world/sign-in.ts'
import { answerOf, authorizeUrl, CALLBACK, click, go } from './asking.ts'

const askedSignIns = createAskedSignIns([settings.HANDLE_KEY])
const NOW = 1000

async function locationOf(
  reason: SignInReason,
  { providers, sid, asked = {} }: { providers: number; sid?: boolean; asked?: object },
) {
  const { application } = await registerApplication({ name: 'Shop' })
  const target = {
    application,
    asOf: 0,
    redirectUri: CALLBACK,
    mode: 'query',
    state: undefined,
  } as const
  const request = parseRequest(target, authorizeUrl(application, { ...asked }).searchParams, {
    isPushed: false,
  })
  if (!request.ok) throw new Error(request.refusal.code)
  const all = Array.from({ length: providers }, () => ({}) as unknown as IdentityProvider)
  const location = await signInLocation(
    { askedSignIns, identityProviders: { all } },
    request.value,
    {
      reason,
      requestUri: 'urn:x',
      sid: sid === true ? newSessionId() : undefined,
      visit: { now: NOW },
    },
  )
  const url = new URL(location, settings.ISSUER)
  return {
    path: url.pathname,
    asked: await askedSignIns.unseal(url.searchParams.get('asked') ?? '', NOW),
  }
}

describe('where a person goes to sign in', () => {
  it('is the only provider, or the page of all of them', async () => {
    expect((await locationOf('no_session', { providers: 1 })).path).toBe('/auth/sso/login')
    expect((await locationOf('no_session', { providers: 2 })).path).toBe('/auth/login')
    expect((await locationOf('login', { providers: 1, sid: true })).path).toBe('/auth/sso/login')
  })

  it('is the page, where there is an account to choose', async () => {
    for (const reason of ['select_account', 'other_account'] as const)
      expect((await locationOf(reason, { providers: 1, sid: true })).path).toBe('/auth/login')
  })

  it('is told what was asked, and lets nobody go on with a session that will not do', async () => {
    const asked = { prompt: 'login consent', max_age: '5', login_hint: 'a', acr_values: 'x y' }
    expect((await locationOf('login', { providers: 1, sid: true, asked })).asked).toMatchObject({
      request: { prompt: 'login', maxAge: 5, loginHint: 'a', preferredAcrValues: 'x y' },
      asker: { name: 'Shop' },
      mayContinue: false,
    })
    const other = await locationOf('subject', { providers: 1, sid: true })
    expect(other.asked).toMatchObject({ request: { prompt: 'login' }, mayContinue: false })
    const choice = await locationOf('select_account', { providers: 1, sid: true })
    expect(choice.asked).toMatchObject({ mayContinue: true })
  })
})

describe('a wish that cannot be passed on', () => {
  it.each([
    { login_hint: 'x'.repeat(255) },
    { login_hint: 'a\u202Eb' },
    { login_hint: 'a\u0000b' },
    { ui_locales: 'x'.repeat(201) },
    { acr_values: 'x'.repeat(257) },
    { acr_values: 'é' },
  ])('is left out: %j', async (asked) => {
    const step = await locationOf('no_session', { providers: 1, asked })
    expect(step.asked?.request).toEqual({})
  })
})

describe('a wish that is too long for the provider', () => {
  const acrValues = (values: readonly string[]) => JSON.stringify({ id_token: { acr: { values } } })

  it('is cut down to what fits, the dearest first', async () => {
    const values = ['first', 'x'.repeat(250), 'x'.repeat(4000 - 290)]
    const asked = { claims: acrValues(values), acr_values: 'last' }
    const step = await locationOf('no_session', { providers: 1, asked })
    expect(step.asked?.request.preferredAcrValues).toBe(`first ${'x'.repeat(250)}`)
  })

  it.each([
    { claims: acrValues(['x'.repeat(4000)]) },
    {
      acr_values: 'x'.repeat(256),
      login_hint: '€'.repeat(254),
      ui_locales: '€'.repeat(200),
    },
  ])('does not lose the person on the way', async (asked) => {
    const world = await createWorld()
    const shop = await registerApplication({
      isFirstParty: true,
      name: '€'.repeat(100),
      clientId: 'i'.repeat(128),
    })
    const url = authorizeUrl(shop, asked)
    const browser = world.newBrowser()
    const done = await click(browser, await go(browser, url), 'sign-in-with-otrotl')
    expect(done.url.origin + done.url.pathname).toBe(CALLBACK)
    expect(answerOf(done).get('code')).toBeTruthy()
  })
})

describe('a link to the sign-in page with a made-up request', () => {
  it('shows the plain page, and no name', async () => {
    const world = await createWorld()
    const page = await world.newBrowser().request(`${settings.ISSUER}/auth/login?asked=Shop`)
    expect(page.status).toBe(200)
    const text = await page.text()
    expect(text).not.toContain('to continue to')
    expect(text).toContain('return_to=%2Fdashboard')
  })
})
