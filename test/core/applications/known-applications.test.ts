import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import {
  createKnownApplications,
  KNOWN_SECONDS,
} from '../../../src/core/applications/known-applications.ts'
import { ok, refuse } from '../../../src/platform/refusal.ts'
import {
  ask,
  authorizeUrl,
  CALLBACK,
  heard,
  press,
  signedInBrowser,
  takeCode,
} from '../../openid-provider/authorization/asking.ts'
import { basic } from '../../openid-provider/token/token-world.ts'
import { createOperator } from '../../admin/operator.ts'
import { applicationRegistry, registerApplication } from '../../world/applications.ts'
import type { RegisteredApplication } from '../../world/applications.ts'
import { freezeClock, NOON } from '../../world/clock.ts'
import type { TestClock } from '../../world/clock.ts'
import { countedBindings } from '../../world/counted-bindings.ts'
import { captureLog } from '../../world/log-lines.ts'
import { settings } from '../../world/settings.ts'
import { prepareKeyRing } from '../../world/signed-by-us.ts'
import { createWorld } from '../../world/sign-in.ts'
import type { World } from '../../world/sign-in.ts'

let clock: TestClock

beforeEach(async () => {
  clock = freezeClock(NOON)
  captureLog()
  await prepareKeyRing(NOON)
})

/** Another isolate than the one in which operators are answered: it has a directory binding, and a memory, of its own. */
async function elsewhere() {
  const { bindings, take } = countedBindings()
  return { ...(await createWorld({}, bindings)), take }
}

const token = async (
  { fetch }: Pick<World, 'fetch'>,
  { id, secret }: Pick<RegisteredApplication, 'id' | 'secret'>,
  form: Record<string, string>,
) => {
  const answer = await fetch(
    new Request(`${settings.ISSUER}/oauth/token`, {
      method: 'POST',
      headers: { authorization: basic(id, secret) },
      body: new URLSearchParams(form),
    }),
  )
  return { status: answer.status, body: await answer.json<Record<string, string>>() }
}

/** A shop of the company's own that the other isolate knows, and somebody who has let it in there. */
async function known(registration: Parameters<typeof registerApplication>[0] = {}) {
  const there = await elsewhere()
  const shop = await registerApplication({ isFirstParty: true, ...registration })
  const browser = await signedInBrowser(there)
  const authorize = async (asked: Record<string, string> = {}) =>
    heard(await ask(browser, authorizeUrl(shop, { scope: 'openid offline_access', ...asked })))
  const redeem = async ({ code = '' }, from: Pick<World, 'fetch'> = there, secret = shop.secret) =>
    token(
      from,
      { ...shop, secret },
      { grant_type: 'authorization_code', code, redirect_uri: CALLBACK },
    )
  const first = await redeem(await authorize())
  expect(first.status).toBe(200)
  there.take()
  return { there, shop, browser, authorize, redeem, refreshToken: first.body.refresh_token! }
}

const refresh = (refresh_token: string) => ({ grant_type: 'refresh_token', refresh_token })

describe('what is taken away from an application', () => {
  it('a secret: stops at once where the operator was answered, and within the time of memory elsewhere', async () => {
    const { there, shop, authorize, redeem } = await known()
    const here = await createWorld()
    const operator = createOperator()
    const path = `/applications/${shop.id}/secrets`
    expect((await redeem(await authorize(), here)).status).toBe(200)
    expect((await operator.ask('POST', path, { overlap_seconds: 0 })).status).toBe(201)
    expect(await redeem(await authorize(), here)).toMatchObject({
      status: 401,
      body: { error: 'invalid_client' },
    })
    clock.advance(KNOWN_SECONDS - 1)
    expect((await redeem(await authorize(), there)).status).toBe(200)
    clock.advance(1)
    expect((await redeem(await authorize(), there)).status).toBe(401)
  })

  it('a secret that is deleted, because somebody else has it: likewise, however long it had left', async () => {
    const { there, shop, authorize, redeem } = await known()
    const here = await createWorld()
    const operator = createOperator()
    const path = `/applications/${shop.id}/secrets`
    await operator.ask('POST', path, { overlap_seconds: 3600 })
    expect((await redeem(await authorize(), here)).status).toBe(200)
    const { body } = await operator.ask('GET', path)
    const secrets = body.secrets as { id: string; expires_at: number | null }[]
    const old = secrets.find(({ expires_at }) => expires_at !== null)!
    expect((await operator.ask('DELETE', `${path}/${old.id}`)).status).toBe(204)
    expect((await redeem(await authorize(), here)).status).toBe(401)
    clock.advance(KNOWN_SECONDS - 1)
    expect((await redeem(await authorize(), there)).status).toBe(200)
    clock.advance(1)
    expect((await redeem(await authorize(), there)).status).toBe(401)
  })

  it('a secret that runs out does so to the second, also by memory', async () => {
    const { there, shop, authorize, redeem } = await known()
    await applicationRegistry().rotateSecret({ id: shop.id, overlapSeconds: 10 }, clock.now())
    clock.advance(KNOWN_SECONDS)
    // What is known from here on says when it ends.
    const again = await known()
    await applicationRegistry().rotateSecret({ id: again.shop.id, overlapSeconds: 60 }, clock.now())
    clock.advance(KNOWN_SECONDS)
    expect((await again.redeem(await again.authorize())).status).toBe(200)
    clock.advance(29)
    expect((await again.redeem(await again.authorize())).status).toBe(200)
    clock.advance(1)
    expect((await again.redeem(await again.authorize())).status).toBe(401)
    expect((await redeem(await authorize(), there)).status).toBe(401)
  })

  it('a redirect URI: within the time of memory', async () => {
    const { shop, authorize } = await known()
    const other = 'https://shop.example/other'
    await change(shop, { redirectUris: [other] })
    clock.advance(KNOWN_SECONDS - 1)
    expect((await authorize()).code).toBeDefined()
    clock.advance(1)
    expect(await authorize()).toEqual({})
  })

  it('everything, when it is disabled: what memory has given since is over as well, and stays so when it is let in again', async () => {
    const { there, shop, authorize, redeem, refreshToken } = await known()
    const operator = createOperator({ SESSION_ENDS: { send: async () => undefined } })
    clock.advance(5)
    const path = `/applications/${shop.id}`
    expect((await operator.ask('POST', `${path}/disable`)).status).toBe(200)
    clock.advance(1)
    // By memory, and with keys and cut-offs that are held as long.
    const late = await redeem(await authorize())
    expect(late.status).toBe(200)
    clock.advance(KNOWN_SECONDS)
    expect((await token(there, shop, refresh(late.body.refresh_token!))).status).toBe(401)
    expect((await operator.ask('POST', `${path}/enable`)).status).toBe(200)
    clock.advance(1)
    for (const given of [refreshToken, late.body.refresh_token!]) {
      expect(await token(there, shop, refresh(given))).toMatchObject({
        status: 400,
        body: { error: 'invalid_grant' },
      })
    }
    expect((await redeem(await authorize())).status).toBe(200)
  })

  it('everything, when it is removed: within the time of memory', async () => {
    const { there, shop, refreshToken } = await known()
    expect((await applicationRegistry().remove(shop.id)).ok).toBe(true)
    clock.advance(KNOWN_SECONDS)
    expect((await token(there, shop, refresh(refreshToken))).status).toBe(401)
  })

  it('is given nothing that no cut-off could end: a consent waits for the directory', async () => {
    const there = await elsewhere()
    const shop = await registerApplication()
    const browser = await signedInBrowser(there)
    const question = await browser.navigate(authorizeUrl(shop), { from: 'https://shop.example' })
    await applicationRegistry().setStatus(shop.id, 'disabled', clock.now())
    expect((await press(browser, question, 'allow')).response.status).toBe(400)
    await applicationRegistry().setStatus(shop.id, 'active', clock.now())
    const again = await browser.navigate(authorizeUrl(shop), { from: 'https://shop.example' })
    expect(again.url.pathname).toBe('/oauth/authorize')
  })

  it('is given nothing that no cut-off could end: tokens without a grant wait for the directory', async () => {
    const { there, shop } = await known({
      oauth: {
        grantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
        resources: ['https://orders.example'],
      },
    })
    const form = { grant_type: 'client_credentials', resource: 'https://orders.example' }
    expect((await token(there, shop, form)).status).toBe(200)
    await applicationRegistry().setStatus(shop.id, 'disabled', clock.now())
    expect((await token(there, shop, form)).status).toBe(400)
  })

  it('is given nothing that no cut-off could end: an implicit answer waits for the directory, whoever made it one', async () => {
    const there = await elsewhere()
    const shop = await registerApplication({
      isFirstParty: true,
      oauth: {
        grantTypes: ['implicit'],
        responseTypes: ['token'],
        scope: ['email'],
        requestAdapter: [{ rule: 'parameter_set', name: 'response_type', value: 'token' }],
      },
    })
    const browser = await signedInBrowser(there)
    const authorize = async (response_type: string) =>
      heard(await ask(browser, authorizeUrl(shop, { response_type, scope: 'email' })))
    for (const sent of ['code', 'token'])
      expect(await authorize(sent)).toHaveProperty('access_token')
    await applicationRegistry().setStatus(shop.id, 'disabled', clock.now())
    for (const sent of ['code', 'token']) expect(await authorize(sent)).toEqual({})
  })
})

async function change(
  { id, application }: RegisteredApplication,
  oauth: { readonly redirectUris?: readonly string[]; readonly scope?: readonly string[] },
) {
  const registry = applicationRegistry()
  const { version } = (await registry.find(id))!
  const { name, isFirstParty } = application
  const registration = { ...application.oauth, ...oauth } as object
  const changed = await registry.change(
    { id, version },
    { name, isFirstParty, oauth: registration as never },
    clock.now(),
  )
  expect(changed).toMatchObject({ ok: true, value: { ok: true } })
}

describe('what is added to an application holds at once, whatever an isolate remembers', () => {
  it('its registration', async () => {
    const { there, authorize } = await known()
    expect((await authorize()).code).toBeDefined()
    expect(there.take()['d1:query']).toBeUndefined()
    const { id, secret } = await registerApplication({
      oauth: {
        grantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
        resources: ['https://orders.example'],
      },
    })
    const form = { grant_type: 'client_credentials', resource: 'https://orders.example' }
    expect((await token(there, { id, secret }, form)).status).toBe(200)
  })

  it('a secret', async () => {
    const { shop, authorize, redeem, there } = await known()
    const rotated = await applicationRegistry().rotateSecret(
      { id: shop.id, overlapSeconds: 60 },
      clock.now(),
    )
    const { secret } = rotated.ok ? rotated.value : { secret: '' }
    expect((await redeem(await authorize(), there, secret)).status).toBe(200)
    expect((await redeem(await authorize(), there, `${secret}x`)).status).toBe(401)
  })

  it('a redirect URI', async () => {
    const { shop, authorize } = await known()
    const other = 'https://shop.example/other'
    expect(await authorize({ redirect_uri: other })).toEqual({})
    await change(shop, { redirectUris: [CALLBACK, other] })
    expect((await authorize({ redirect_uri: other })).code).toBeDefined()
  })

  it('but for a scope, which a request is given without for as long as it is not known', async () => {
    const { shop, authorize, redeem } = await known({ oauth: { scope: ['openid'] } })
    const scopeOf = async () =>
      (await redeem(await authorize({ scope: 'openid email' }))).body.scope
    expect(await scopeOf()).toBe('openid')
    await change(shop, { scope: ['openid', 'email'] })
    clock.advance(KNOWN_SECONDS - 1)
    expect(await scopeOf()).toBe('openid')
    clock.advance(1)
    expect(await scopeOf()).toBe('openid email')
  })

  it('and being let in again', async () => {
    const { shop, authorize } = await known()
    const operator = createOperator({ SESSION_ENDS: { send: async () => undefined } })
    await operator.ask('POST', `/applications/${shop.id}/disable`)
    clock.advance(KNOWN_SECONDS * 2)
    expect(await authorize()).toEqual({})
    await operator.ask('POST', `/applications/${shop.id}/enable`)
    clock.advance(1)
    const { code = '' } = await authorize()
    expect((await takeCode(code, shop)).ok).toBe(true)
  })
})

describe('the memory', () => {
  it('keeps nothing that was read while something was being written', async () => {
    const { id } = await registerApplication()
    let isRead = false
    let isHeld = true
    const held = new Proxy(env.DIRECTORY, {
      get(directory, name) {
        const member = Reflect.get(directory, name) as (...input: unknown[]) => unknown
        if (name !== 'batch') return member.bind(directory)
        return async (...input: unknown[]) => {
          const results = await member.apply(directory, input)
          isRead = true
          while (isHeld) await scheduler.wait(1)
          return results
        }
      },
    })
    const isActive = (now: number) =>
      createKnownApplications({ directory: held, lastCutOff: async () => undefined }).judge(
        id,
        (application) => (application?.application.status === 'active' ? ok(0) : refuse('no')),
        now,
      )
    const before = isActive(NOON)
    while (!isRead) await scheduler.wait(1)
    await applicationRegistry('https://login.example', held).setStatus(id, 'disabled', NOON)
    isHeld = false
    expect((await before).ok).toBe(true)
    expect((await isActive(NOON)).ok).toBe(false)
  })

  it('is not used for what was read before a cut-off that the isolate has heard of', async () => {
    const { id } = await registerApplication({ now: NOON })
    let cutOffAt: number | undefined
    const { bindings, take } = countedBindings()
    const applications = createKnownApplications({
      directory: bindings.DIRECTORY!,
      lastCutOff: async () => cutOffAt,
    })
    const find = (now: number) => applications.judge(id, () => ok(undefined), now)
    const queries = async (now: number) => {
      await find(now)
      return take()['d1:query'] ?? 0
    }
    expect([await queries(NOON), await queries(NOON)]).toEqual([1, 0])
    cutOffAt = NOON * 1000
    expect([await queries(NOON + 1), await queries(NOON + 1)]).toEqual([1, 0])
  })

  it.each([
    ['a moment after it was read', KNOWN_SECONDS - 1, 0],
    ['when its time is over', KNOWN_SECONDS, 1],
    ['when the clock has gone back', -1, 1],
  ])('is asked anew %s: %d s, %d queries', async (_, seconds, expected) => {
    const { id } = await registerApplication({ now: NOON })
    const { bindings, take } = countedBindings()
    const applications = createKnownApplications({
      directory: bindings.DIRECTORY!,
      lastCutOff: async () => undefined,
    })
    await applications.judge(id, () => ok(undefined), NOON)
    take()
    await applications.judge(id, () => ok(undefined), NOON + seconds)
    expect(take()['d1:query'] ?? 0).toBe(expected)
  })

  it('asks the directory once for a refusal, whether the application is known or not', async () => {
    const { there, shop } = await known()
    const form = { grant_type: 'client_credentials' }
    expect((await token(there, { ...shop, secret: 'wrong' }, form)).status).toBe(401)
    expect(there.take()['d1:query']).toBe(1)
    expect((await token(there, { id: 'nobody', secret: 'wrong' }, form)).status).toBe(401)
    expect(there.take()['d1:query']).toBe(1)
  })
})
