import { evictDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { documentKey } from '../../../src/core/identity-providers/document-copies.ts'
import { createIdentityProviders } from '../../../src/core/identity-providers/identity-providers.ts'
import { storageName } from '../../../src/platform/digest.ts'
import { freezeClock } from '../../world/clock.ts'
import type { TestClock } from '../../world/clock.ts'
import { configFor, otrotlConfig, secondConfig } from '../../world/config.ts'
import { createInternet } from '../../world/internet.ts'
import type { Internet } from '../../world/internet.ts'
import { logoutClaims } from '../../world/logout-token.ts'
import { createProvider } from '../../world/provider.ts'
import type { Provider } from '../../world/provider.ts'
import {
  epochSeconds,
  freshIsolate,
  newSecrets,
  signIn,
  verdict,
} from '../../world/upstream-sign-in.ts'

let clock: TestClock
let internet: Internet
let otrotl: Provider
beforeEach(async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  clock = freezeClock()
  internet = createInternet()
  otrotl = await createProvider(internet)
})

const DISCOVERY = 'https://otrotl.example/.well-known/openid-configuration'
const KEYS = 'https://otrotl.example/keys'
const requestsFor = (url: string) => internet.requestsTo(url).length

const otrotlIn = (isolate = freshIsolate()) => isolate.find('otrotl')!
const start = async (isolate = freshIsolate()) =>
  verdict(await otrotlIn(isolate).authorizationUrl(newSecrets(), {}, epochSeconds()))
const finish = async (isolate = freshIsolate()) => verdict(await signIn(otrotlIn(isolate), otrotl))

const object = async () =>
  env.PROVIDER_METADATA.getByName(await storageName('provider', otrotlConfig.issuer))
const dropCopies = async () => {
  for (const kind of ['discovery', 'keys'] as const) {
    await env.REVOCATION.delete(await documentKey(kind, otrotlConfig.issuer))
  }
}

describe('the documents of a provider', () => {
  it('are fetched once for any number of cold isolates at once', async () => {
    const isolates = Array.from({ length: 25 }, () => freshIsolate())
    const verdicts = await Promise.all(isolates.map((isolate) => finish(isolate)))
    expect(new Set(verdicts)).toEqual(new Set(['accepted']))
    expect([requestsFor(DISCOVERY), requestsFor(KEYS)]).toEqual([1, 1])
  })

  it('are fetched once for any number of requests in one cold isolate', async () => {
    const isolate = freshIsolate()
    const verdicts = await Promise.all(Array.from({ length: 25 }, () => finish(isolate)))
    expect(new Set(verdicts)).toEqual(new Set(['accepted']))
    expect([requestsFor(DISCOVERY), requestsFor(KEYS)]).toEqual([1, 1])
  })

  it('are read from KV by the next isolate, which asks no object', async () => {
    await finish()
    const metadata = { getByName: () => expect.unreachable('the object was asked') }
    const isolate = createIdentityProviders({
      config: configFor(),
      metadata: metadata as unknown as Env['PROVIDER_METADATA'],
      documents: env.REVOCATION,
    })
    expect(await finish(isolate)).toBe('accepted')
  })

  it.each([
    'garbage',
    '{}',
    '[]',
    '{"body":7,"fetchedAt":1}',
    '{"body":"{","fetchedAt":1793534400}',
    '{"body":"{}","fetchedAt":1793534400}',
  ])('do not depend on KV, which may hold %s', async (garbage) => {
    for (const kind of ['discovery', 'keys'] as const) {
      await env.REVOCATION.put(await documentKey(kind, otrotl.issuer), garbage)
    }
    expect(await finish()).toBe('accepted')
  })

  it('in KV count only as the gateway wrote them: nobody else says where a code goes, or which keys sign', async () => {
    await createProvider(internet, { ...secondConfig, idTokenSigningAlgorithm: 'RS256' })
    const planted = {
      discovery: {
        ...(await (await fetch(DISCOVERY)).json<object>()),
        authorization_endpoint: 'https://evil.example/authorize',
        token_endpoint: 'https://evil.example/token',
      },
      keys: await (await fetch('https://second.example/keys')).json<object>(),
    }
    for (const kind of ['discovery', 'keys'] as const) {
      const copy = { body: JSON.stringify(planted[kind]), fetchedAt: epochSeconds() }
      await env.REVOCATION.put(await documentKey(kind, otrotl.issuer), JSON.stringify(copy))
    }
    const started = await otrotlIn().authorizationUrl(newSecrets(), {}, epochSeconds())
    expect(started.ok && started.value.origin).toBe(otrotl.issuer)
    expect(await finish()).toBe('accepted')
    expect(internet.requests.filter(({ url }) => url.includes('evil.example'))).toEqual([])
  })

  it('in KV are not taken for those of another provider', async () => {
    const config = { ...secondConfig, idTokenSigningAlgorithm: 'RS256' } as const
    const second = await createProvider(internet, config)
    expect(verdict(await signIn(freshIsolate(config).all[0]!, second))).toBe('accepted')
    await finish()
    const theirs = await env.REVOCATION.get(await documentKey('keys', config.issuer))
    await env.REVOCATION.put(await documentKey('keys', otrotl.issuer), theirs!)
    const forged = await second.sign(logoutClaims(otrotl, { sub: 'alice' }), { typ: 'logout+jwt' })
    expect(verdict(await otrotlIn().verifyLogoutToken(forged, epochSeconds()))).toMatch(
      /^logout_token_invalid/,
    )
  })

  it('are done without where their object does not answer', async () => {
    const silent = { discovery: () => new Promise(() => {}) }
    const isolate = createIdentityProviders({
      config: configFor(),
      metadata: { getByName: () => silent } as unknown as Env['PROVIDER_METADATA'],
      documents: env.REVOCATION,
    })
    expect(await start(isolate)).toBe('provider_unavailable')
  }, 20_000)

  it('are asked for again ten seconds after the provider failed, whenever this isolate heard of it', async () => {
    otrotl.behaviour.answers = { discovery: () => new Response(null, { status: 500 }) }
    expect(await start()).toBe('provider_unavailable')
    clock.advance(8)
    const later = freshIsolate()
    expect(await start(later)).toBe('provider_unavailable')
    otrotl.behaviour.answers = undefined
    clock.advance(1)
    expect(await start(later)).toBe('provider_unavailable')
    expect(requestsFor(DISCOVERY)).toBe(1)
    clock.advance(1)
    expect(await start(later)).toBe('accepted')
  })

  it('do not depend on KV, which may fail', async () => {
    const fail = () => Promise.reject(new Error('KV is down'))
    vi.spyOn(env.REVOCATION, 'get').mockImplementation(fail as never)
    vi.spyOn(Object.getPrototypeOf(env.REVOCATION) as KVNamespace, 'put').mockImplementation(fail)
    expect(await finish()).toBe('accepted')
  })

  it('do not wait for KV that does not answer', async () => {
    const wait = () => new Promise<never>(() => {})
    vi.spyOn(env.REVOCATION, 'get').mockImplementation(wait)
    vi.spyOn(Object.getPrototypeOf(env.REVOCATION) as KVNamespace, 'put').mockImplementation(wait)
    expect(await finish()).toBe('accepted')
  }, 20_000)

  it('survive the object’s memory', async () => {
    await finish()
    await dropCopies()
    await evictDurableObject(await object())
    expect(await finish()).toBe('accepted')
    expect([requestsFor(DISCOVERY), requestsFor(KEYS)]).toEqual([1, 1])
  })

  it('from the future are not believed', async () => {
    await finish()
    clock.advance(-3600)
    await finish()
    expect(requestsFor(KEYS)).toBe(2)
  })

  it('are fetched anew when they are old: keys after 5 minutes, metadata after an hour', async () => {
    const isolate = freshIsolate()
    await finish(isolate)
    clock.advance(299)
    await finish(isolate)
    expect([requestsFor(DISCOVERY), requestsFor(KEYS)]).toEqual([1, 1])
    clock.advance(1)
    await finish(isolate)
    await finish()
    expect([requestsFor(DISCOVERY), requestsFor(KEYS)]).toEqual([1, 2])
    clock.advance(3300)
    await finish(isolate)
    expect([requestsFor(DISCOVERY), requestsFor(KEYS)]).toEqual([2, 3])
  })

  it('serve on while the provider cannot be reached: keys for 10 minutes, metadata for a day', async () => {
    const isolate = freshIsolate()
    await finish(isolate)
    otrotl.behaviour.answers = { discovery: 'serverError', keys: 'html' }
    for (const seconds of [301, 298]) {
      clock.advance(seconds)
      expect(await finish(isolate)).toBe('accepted')
      expect(await finish()).toBe('accepted')
    }
    clock.advance(1)
    expect(await finish(isolate)).toMatch(/^provider_unavailable/)
    expect(await finish()).toMatch(/^provider_unavailable/)
    clock.advance(86_400 - 601)
    expect(await start(isolate)).toBe('accepted')
    clock.advance(1)
    expect(await start(isolate)).toMatch(/^provider_unavailable/)
    expect(await start()).toMatch(/^provider_unavailable/)
  })

  it('serve on in a cold isolate from KV while their object cannot be reached, and no longer', async () => {
    await finish()
    const away = { getByName: () => ({}) } as unknown as Env['PROVIDER_METADATA']
    const isolate = () =>
      createIdentityProviders({
        config: configFor(),
        metadata: away,
        documents: env.REVOCATION,
      })
    clock.advance(599)
    expect(await finish(isolate())).toBe('accepted')
    clock.advance(1)
    expect(await finish(isolate())).toMatch(/^provider_unavailable/)
    clock.advance(86_400 - 601)
    expect(await start(isolate())).toBe('accepted')
    clock.advance(1)
    expect(await start(isolate())).toMatch(/^provider_unavailable/)
  })

  it('in KV do not take the place of newer ones in memory', async () => {
    let isAway = false
    const metadata = {
      getByName: (name: string) => (isAway ? {} : env.PROVIDER_METADATA.getByName(name)),
    } as unknown as Env['PROVIDER_METADATA']
    const parts = { config: configFor(), metadata, documents: env.REVOCATION }
    const isolate = createIdentityProviders(parts)
    await start(isolate)
    const key = await documentKey('discovery', otrotlConfig.issuer)
    const old = (await env.REVOCATION.get(key))!
    clock.advance(3600)
    await start(isolate)
    await env.REVOCATION.put(key, old)
    isAway = true
    clock.advance(3600)
    expect(await start(isolate)).toBe('accepted')
    clock.advance(86_400 - 3601)
    expect(await start(isolate)).toBe('accepted')
    clock.advance(1)
    expect(await start(isolate)).toMatch(/^provider_unavailable/)
  })

  it('of a configuration that was tightened are not used any more', async () => {
    const loose = { ...otrotlConfig, issuer: 'http://127.0.0.1:9080', allowInsecureHttp: true }
    const local = await createProvider(internet, loose)
    expect(verdict(await signIn(freshIsolate(loose).all[0]!, local))).toBe('accepted')
    const [tightened] = freshIsolate({ ...loose, allowInsecureHttp: false }).all
    const sent = internet.requests.length
    expect(verdict(await signIn(tightened!, local))).toMatch(/^provider_unavailable/)
    expect(internet.requests).toHaveLength(sent)
  })
})
