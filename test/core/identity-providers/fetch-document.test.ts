import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { documentKey } from '../../../src/core/identity-providers/document-copies.ts'
import { freezeClock } from '../../world/clock.ts'
import type { TestClock } from '../../world/clock.ts'
import { otrotlConfig, secondConfig } from '../../world/config.ts'
import { createInternet } from '../../world/internet.ts'
import type { Internet } from '../../world/internet.ts'
import type { Misanswer } from '../../world/misanswers.ts'
import { createProvider } from '../../world/provider.ts'
import type { Provider } from '../../world/provider.ts'
import { providerKey } from '../../world/provider-keys.ts'
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
const requestsFor = (url: string) => internet.requestsTo(url).length

const otrotlIn = (isolate = freshIsolate()) => isolate.find('otrotl')!
const start = async (isolate = freshIsolate()) =>
  verdict(await otrotlIn(isolate).authorizationUrl(newSecrets(), {}, epochSeconds()))
const finish = async (isolate = freshIsolate()) => verdict(await signIn(otrotlIn(isolate), otrotl))

const copies = async () => [
  await env.REVOCATION.get(await documentKey('discovery', otrotlConfig.issuer)),
  await env.REVOCATION.get(await documentKey('keys', otrotlConfig.issuer)),
]

describe('a provider that answers badly', () => {
  const misanswers: Misanswer[] = [
    'html',
    'empty',
    'brokenJson',
    'jsonNull',
    'jsonArray',
    'notFound',
    'serverError',
    'redirect',
    'permanentRedirect',
    'huge',
    'endless',
    'unreachable',
  ]

  it.each(misanswers)('with %s for its discovery document is unavailable', async (misanswer) => {
    otrotl.behaviour.answers = { discovery: misanswer }
    expect(await start()).toMatch(/^provider_unavailable/)
    expect(await copies()).toEqual([null, null])
  })

  it.each(misanswers)(
    'with %s for its keys is unavailable, and the code is not spent',
    async (misanswer) => {
      otrotl.behaviour.answers = { keys: misanswer }
      expect(await finish()).toMatch(/^provider_unavailable/)
      expect(requestsFor('https://otrotl.example/token')).toBe(0)
      expect((await copies())[1]).toBeNull()
    },
  )

  it.each([{ keys: null }, { keys: [] }, { keys: {} }, { keys: [null, 7, {}] }, {}])(
    'with the key set %j is unavailable',
    async (keySet) => {
      otrotl.behaviour.keySet = () => keySet
      expect(await finish()).toBe('provider_unavailable/keys')
    },
  )

  it('by silence is given up after five seconds', async () => {
    vi.useRealTimers()
    otrotl.behaviour.answers = { discovery: 'silent' }
    const begin = performance.now()
    expect(await start()).toBe('provider_unavailable')
    expect(performance.now() - begin).toBeLessThan(8_000)
  }, 15_000)

  it('is left alone for ten seconds, and then found well again', async () => {
    otrotl.behaviour.answers = { discovery: 'serverError' }
    const isolate = freshIsolate()
    for (let i = 0; i < 5; i += 1) {
      expect(await start(isolate)).toMatch(/^provider_unavailable/)
      expect(await start()).toMatch(/^provider_unavailable/)
    }
    expect(requestsFor(DISCOVERY)).toBe(1)
    otrotl.behaviour.answers = undefined
    clock.advance(9)
    expect(await start(isolate)).toMatch(/^provider_unavailable/)
    clock.advance(1)
    expect(await start(isolate)).toBe('accepted')
    expect(requestsFor(DISCOVERY)).toBe(2)
  })

  it('with one broken key among good ones is used with the good ones', async () => {
    otrotl.behaviour.keySet = ({ keys }) => ({
      keys: [
        null,
        { kty: 'RSA' },
        { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' },
        ...(keys as unknown[]),
      ],
    })
    expect(await finish()).toBe('accepted')
  })

  it.each<[string, () => Promise<Record<string, unknown>>]>([
    ['of 1024 bits', async () => (await providerKey('RS256', 'weak', 1024)).publicJwk],
    ['with an exponent of 1', async () => ({ ...otrotl.key().publicJwk, e: 'AQ' })],
    ['with its private half', async () => otrotl.key().privateJwk],
    ['for encryption', async () => ({ ...otrotl.key().publicJwk, use: 'enc' })],
  ])('with a key %s only is unavailable', async (_, jwk) => {
    const keys = [await jwk()]
    otrotl.behaviour.keySet = { keys }
    expect(await finish()).toBe('provider_unavailable/keys')
  })

  it('does not trouble the sign-ins at another', async () => {
    otrotl.behaviour.answers = { discovery: 'serverError', keys: 'serverError' }
    const isolate = freshIsolate()
    const second = await createProvider(internet, secondConfig)
    const [refused, accepted] = await Promise.all([
      finish(isolate),
      signIn(isolate.find('second')!, second),
    ])
    expect(refused).toMatch(/^provider_unavailable/)
    expect(verdict(accepted)).toBe('accepted')
  })
})

describe('development against a provider on this machine', () => {
  it('is possible by http when that is spelled out, and only then', async () => {
    const config = { ...otrotlConfig, issuer: 'http://127.0.0.1:9080', allowInsecureHttp: true }
    const local = await createProvider(internet, config)
    expect(verdict(await signIn(freshIsolate(config).all[0]!, local))).toBe('accepted')
  })

  it('is refused when that is not spelled out', async () => {
    const config = { ...otrotlConfig, issuer: 'http://127.0.0.1:9080' }
    const local = await createProvider(internet, config)
    expect(verdict(await signIn(freshIsolate(config).all[0]!, local))).toBe('provider_unavailable')
    expect(internet.requests).toEqual([])
  })
})
