import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import {
  createDocumentCopies,
  documentKey,
} from '../../../src/core/identity-providers/document-copies.ts'
import { createProviderDocuments } from '../../../src/core/identity-providers/provider-documents.ts'
import { verifyProviderJwt } from '../../../src/core/identity-providers/verify-provider-jwt.ts'
import { freezeClock } from '../../world/clock.ts'
import type { TestClock } from '../../world/clock.ts'
import { configFor, otrotlConfig } from '../../world/config.ts'
import { createInternet } from '../../world/internet.ts'
import type { Internet } from '../../world/internet.ts'
import { createProvider } from '../../world/provider.ts'
import type { Provider } from '../../world/provider.ts'
import { providerKey } from '../../world/provider-keys.ts'
import { freshIsolate, signIn, verdict } from '../../world/upstream-sign-in.ts'

let clock: TestClock
let internet: Internet
let otrotl: Provider
beforeEach(async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  clock = freezeClock()
  internet = createInternet()
  otrotl = await createProvider(internet)
})

const KEYS = 'https://otrotl.example/keys'
const requestsFor = (url: string) => internet.requestsTo(url).length

const otrotlIn = (isolate = freshIsolate()) => isolate.find('otrotl')!
const finish = async (isolate = freshIsolate()) => verdict(await signIn(otrotlIn(isolate), otrotl))

const address = {
  issuer: otrotlConfig.issuer,
  allowInsecureHttp: false,
  ownOrigin: configFor().issuer,
}
const dropCopies = async () => {
  for (const kind of ['discovery', 'keys'] as const) {
    await env.REVOCATION.delete(await documentKey(kind, otrotlConfig.issuer))
  }
}

describe('the keys of a provider', () => {
  const token = (claims = {}) => otrotl.sign(claims)

  it('are followed when they rotate, once the cool-down is over', async () => {
    const isolate = freshIsolate()
    await finish(isolate)
    await otrotl.rotateKey('otrotl-2')
    clock.advance(29)
    expect(await finish(isolate)).toBe('id_token_invalid/key')
    clock.advance(1)
    expect(await finish(isolate)).toBe('accepted')
    expect(requestsFor(KEYS)).toBe(2)
    expect(await finish()).toBe('accepted')
    expect(requestsFor(KEYS)).toBe(2)
  })

  it('are refused within 10 minutes of being taken back', async () => {
    const isolate = freshIsolate()
    await finish(isolate)
    otrotl.behaviour.keySet = { keys: [(await providerKey('RS256', 'otrotl-2')).publicJwk] }
    clock.advance(299)
    expect(await finish(isolate)).toBe('accepted')
    clock.advance(1)
    expect(await finish(isolate)).toBe('id_token_invalid/key')
    expect(await finish()).toBe('id_token_invalid/key')
  })

  it('are kept when the provider answers a refresh with rubbish', async () => {
    const isolate = freshIsolate()
    await finish(isolate)
    otrotl.behaviour.answers = { keys: 'html' }
    otrotl.behaviour.signingKey = await providerKey('RS256', 'foreign')
    clock.advance(31)
    expect(await finish(isolate)).toBe('id_token_invalid/key')
    otrotl.behaviour.signingKey = undefined
    expect(await finish(isolate)).toBe('accepted')
    expect(await finish()).toBe('accepted')
  })

  it('move to another host only when the issuer’s own document says so', async () => {
    const isolate = freshIsolate()
    await finish(isolate)
    const key = await providerKey('RS256', 'otrotl-2')
    internet.serve('https://new-keys.example', () => Response.json({ keys: [key.publicJwk] }))
    otrotl.behaviour.discovery = { jwks_uri: 'https://new-keys.example/keys' }
    await otrotl.rotateKey('otrotl-2')
    clock.advance(3601)
    expect(await finish(isolate)).toBe('accepted')
    expect(requestsFor(KEYS)).toBe(1)
    clock.advance(301)
    expect(await finish(isolate)).toBe('accepted')
    expect(requestsFor(KEYS)).toBe(1)
    expect(requestsFor('https://new-keys.example')).toBe(2)
  })

  it('from an old host are not used once the document names a new one that is silent', async () => {
    const isolate = freshIsolate()
    await finish(isolate)
    clock.advance(3590)
    await finish(isolate)
    otrotl.behaviour.discovery = { jwks_uri: 'https://nowhere.example/keys' }
    clock.advance(11)
    await dropCopies()
    expect(await finish()).toMatch(/^provider_unavailable/)
  })

  it('are asked for once per cool-down, however much junk comes in', async () => {
    let calls = 0
    const counted = {
      getByName: (name: string) => {
        calls += 1
        return env.PROVIDER_METADATA.getByName(name)
      },
    } as unknown as Env['PROVIDER_METADATA']
    const { keyEncryptionKey } = configFor().secrets
    const copies = createDocumentCopies({ kv: env.REVOCATION, keyEncryptionKey, ...address })
    const { keys } = createProviderDocuments(address, counted, copies)
    const rules = { algorithm: 'RS256' as const, keys, types: ['jwt'], isTypeRequired: false }
    const genuine = await token({ sub: 'alice' })
    const junk = (kid: unknown, alg = 'RS256') =>
      `${btoa(JSON.stringify({ alg, kid })).replaceAll('=', '')}.e30.AAAA`
    const flood = (make: (i: number) => string) =>
      Promise.all(
        Array.from({ length: 1000 }, (_, i) => verifyProviderJwt(make(i), rules, clock.now())),
      )

    await flood((i) => junk(i))
    await flood((i) => junk(`k\u0001${i}`))
    await flood((i) => junk(`k${i}`, 'HS256'))
    expect([calls, requestsFor(KEYS)]).toEqual([0, 0])

    const verdicts = await flood((i) => junk(`k${i}`))
    expect(new Set(verdicts.map(verdict))).toEqual(new Set(['jwt_invalid/key']))
    expect([calls, requestsFor(KEYS)]).toEqual([1, 1])

    clock.advance(31)
    const [, genuineVerdict] = await Promise.all([
      flood((i) => junk(`k${i}`)),
      verifyProviderJwt(genuine, rules, clock.now()),
    ])
    expect(verdict(genuineVerdict)).toBe('accepted')
    expect([calls, requestsFor(KEYS)]).toEqual([2, 2])
    await flood((i) => junk(`k${i}`))
    expect([calls, requestsFor(KEYS)]).toEqual([2, 2])
  }, 30_000)

  it('are fetched once per cool-down, however many isolates are asked for a key that is not there', async () => {
    await finish()
    clock.advance(31)
    otrotl.behaviour.signingKey = await providerKey('RS256', 'foreign')
    const verdicts = await Promise.all(Array.from({ length: 20 }, () => finish()))
    expect(new Set(verdicts)).toEqual(new Set(['id_token_invalid/key']))
    expect(requestsFor(KEYS)).toBe(2)
  })

  it('that rotate just now serve all who sign in at that moment', async () => {
    const isolate = freshIsolate()
    await finish(isolate)
    await otrotl.rotateKey('otrotl-2')
    clock.advance(31)
    const verdicts = await Promise.all(Array.from({ length: 20 }, () => finish(isolate)))
    expect(new Set(verdicts)).toEqual(new Set(['accepted']))
    expect(requestsFor(KEYS)).toBe(2)
  })
})
