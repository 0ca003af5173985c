import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { documentKey } from '../../../src/core/identity-providers/document-copies.ts'
import { storageName } from '../../../src/platform/digest.ts'
import { freezeClock } from '../../world/clock.ts'
import type { TestClock } from '../../world/clock.ts'
import { otrotlConfig } from '../../world/config.ts'
import { createInternet } from '../../world/internet.ts'
import type { Internet } from '../../world/internet.ts'
import { captureLog } from '../../world/log-lines.ts'
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

const otrotlIn = (isolate = freshIsolate()) => isolate.find('otrotl')!
const start = async (isolate = freshIsolate()) =>
  verdict(await otrotlIn(isolate).authorizationUrl(newSecrets(), {}, epochSeconds()))
const finish = async (isolate = freshIsolate()) => verdict(await signIn(otrotlIn(isolate), otrotl))

const object = async () =>
  env.PROVIDER_METADATA.getByName(await storageName('provider', otrotlConfig.issuer))
const copies = async () => [
  await env.REVOCATION.get(await documentKey('discovery', otrotlConfig.issuer)),
  await env.REVOCATION.get(await documentKey('keys', otrotlConfig.issuer)),
]
const storedBodies = async () =>
  runInDurableObject(await object(), (_, state) =>
    state.storage.sql.exec('SELECT body FROM documents WHERE body IS NOT NULL').toArray(),
  )

describe('a discovery document that is not the provider’s own (Discovery 1.0 §4.3)', () => {
  it.each<[string, unknown]>([
    ['another issuer', 'https://second.example'],
    ['its issuer with a slash more', 'https://otrotl.example/'],
    ['its issuer in other letters', 'https://OTROTL.example'],
    ['its issuer with the default port', 'https://otrotl.example:443'],
    ['its issuer by http', 'http://otrotl.example'],
    ['a tenant placeholder for its issuer', 'https://otrotl.example/{tenantid}'],
    ['no issuer', undefined],
    ['its issuer in a list', ['https://otrotl.example']],
  ])('with %s makes the provider unavailable, and nothing is kept', async (_, issuer) => {
    otrotl.behaviour.discovery = { issuer }
    expect(await start()).toBe('provider_unavailable/issuer')
    expect(await copies()).toEqual([null, null])
    expect(await storedBodies()).toEqual([])
    expect(internet.requests.map(({ url }) => url)).toEqual([DISCOVERY])
  })

  it('is logged with the issuer that it names, which the setting lacks', async () => {
    otrotl.behaviour.discovery = { issuer: 'https://otrotl.example/' }
    const { lines } = captureLog()
    await start()
    expect(lines).toContainEqual({
      level: 'warn',
      event: 'provider.document_refused',
      issuer: 'https://otrotl.example',
      found: 'https://otrotl.example/',
      document: 'discovery',
      reason: 'document_invalid',
      check: 'issuer',
    })
  })
})

describe('an endpoint in a discovery document', () => {
  const endpoints = [
    'authorization_endpoint',
    'token_endpoint',
    'jwks_uri',
    'userinfo_endpoint',
    'end_session_endpoint',
  ]

  it.each([
    'http://otrotl.example/x',
    'file:///etc/passwd',
    'data:application/json,{}',
    'javascript:alert(1)',
    'ftp://otrotl.example/x',
    'https://user:secret@otrotl.example/x',
    'https://otrotl.example/x#fragment',
    'https://127.0.0.1/x',
    'https://[::1]/x',
    'https://[::ffff:127.0.0.1]/x',
    'https://10.1.2.3/x',
    'https://169.254.169.254/x',
    'https://localhost/x',
    'https://metadata.internal/x',
    'https://2130706433/x',
    'https://0x7f.1/x',
    'https://login.example/x',
    '/x',
    '',
    'https://otrotl.example/'.padEnd(2049, 'x'),
    7,
    null,
    ['https://otrotl.example/x'],
  ])('is refused before anything is fetched from %j', async (value) => {
    for (const endpoint of endpoints) {
      otrotl.behaviour.discovery = { [endpoint]: value }
      expect(await start()).toBe(`provider_unavailable/${endpoint}`)
      clock.advance(11)
    }
    expect(new Set(internet.requests.map(({ url }) => url))).toEqual(new Set([DISCOVERY]))
    expect(await copies()).toEqual([null, null])
  })

  it.each(['authorization_endpoint', 'token_endpoint', 'jwks_uri'])(
    'named %s is required',
    async (endpoint) => {
      otrotl.behaviour.discovery = { [endpoint]: undefined }
      expect(await start()).toBe(`provider_unavailable/${endpoint}`)
    },
  )

  it('may be on another public host', async () => {
    internet.serve('https://keys.example', () => Response.json({ keys: [otrotl.key().publicJwk] }))
    otrotl.behaviour.discovery = { jwks_uri: 'https://keys.example/otrotl' }
    expect(await finish()).toBe('accepted')
  })
})
