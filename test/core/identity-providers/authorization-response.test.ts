import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { checkAuthorizationResponse } from '../../../src/core/identity-providers/authorization-response.ts'
import type { IdentityProvider } from '../../../src/core/identity-providers/identity-provider.ts'
import { secondConfig } from '../../world/config.ts'
import { createInternet } from '../../world/internet.ts'
import type { Internet } from '../../world/internet.ts'
import { createProvider } from '../../world/provider.ts'
import type { Provider } from '../../world/provider.ts'
import {
  epochSeconds,
  freshIsolate,
  newSecrets,
  signIn,
  verdict,
} from '../../world/upstream-sign-in.ts'

let internet: Internet
let otrotl: Provider
let identityProvider: IdentityProvider
beforeEach(async () => {
  internet = createInternet()
  otrotl = await createProvider(internet)
  identityProvider = freshIsolate().find('otrotl')!
})

const secrets = newSecrets()
const check = async (parameters: string | Record<string, string>) =>
  verdict(
    await identityProvider.checkResponse(new URLSearchParams(parameters), secrets, epochSeconds()),
  )
const right = { code: 'abc', state: secrets.state, iss: 'https://otrotl.example' }
const without = (name: keyof typeof right) =>
  Object.fromEntries(Object.entries(right).filter(([each]) => each !== name))

describe('an authorization response (RFC 6749 §4.1.2)', () => {
  it('with code, state and issuer is accepted', async () => {
    expect(await check(right)).toBe('accepted')
  })

  it('may hold parameters that we do not know', async () => {
    expect(await check({ ...right, session_state: 'x', hd: 'example.org', authuser: '0' })).toBe(
      'accepted',
    )
  })

  it.each([
    '',
    'x',
    secrets.state.slice(1),
    `${secrets.state} `,
    secrets.state.toUpperCase(),
    secrets.nonce,
  ])('with the state "%s" is refused', async (state) =>
    expect(await check({ ...right, state })).toBe('response_invalid/state'),
  )

  it('without state is refused', async () => {
    expect(await check(without('state'))).toBe('response_invalid/state')
  })

  it.each(['', 'a\nb', 'a\u0000b', 'é', 'x'.repeat(4097)])(
    'with the code %j is refused',
    async (code) => expect(await check({ ...right, code })).toBe('response_invalid/code'),
  )

  it('without code is refused', async () => {
    expect(await check(without('code'))).toBe('response_invalid/code')
  })

  it.each([
    'code',
    'state',
    'iss',
    'error',
    'error_description',
    'response',
    'id_token',
    'session_state',
  ])('with %s twice is refused, whether or not the two agree', async (name) => {
    for (const value of ['other', 'same']) {
      const parameters = new URLSearchParams({ ...right, [name]: 'same' })
      parameters.append(name, value)
      expect(await check(parameters.toString())).toBe('response_invalid/duplicate')
    }
  })

  it.each(['response', 'id_token', 'access_token', 'token'])(
    'with %s, which we never ask for, is refused',
    async (name) => {
      expect(await check({ ...right, [name]: 'x' })).toBe('response_invalid/foreign_parameter')
      expect(await check({ ...right, [name]: '' })).toBe('response_invalid/foreign_parameter')
    },
  )

  it('never reaches the token endpoint when it is refused', async () => {
    for (const wrong of [
      (parameters: URLSearchParams) => parameters.set('state', 'x'),
      (parameters: URLSearchParams) => parameters.set('iss', 'https://second.example'),
      (parameters: URLSearchParams) => parameters.append('code', 'y'),
      (parameters: URLSearchParams) => parameters.set('error', 'login_required'),
    ]) {
      otrotl.behaviour.authorizationResponse = wrong
      expect(verdict(await signIn(identityProvider, otrotl))).not.toBe('accepted')
    }
    expect(internet.requestsTo('https://otrotl.example/token')).toEqual([])
  })

  it('is accepted only with exactly the state of the attempt, and one code', async () => {
    const discovery = {
      issuer: otrotl.issuer,
      authorizationEndpoint: '',
      tokenEndpoint: '',
      keySetUrl: '',
      userInfoEndpoint: undefined,
      endSessionEndpoint: undefined,
      introspectionEndpoint: undefined,
      sendsIssuerParameter: false,
    }
    const name = fc.constantFrom('code', 'state', 'iss', 'error', 'response', 'id_token', 'x')
    const value = fc.oneof(fc.constantFrom(secrets.state, otrotl.issuer, 'abc', ''), fc.string())
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(name, value), { maxLength: 6 }), async (pairs) => {
        const parameters = new URLSearchParams(pairs)
        const checked = await checkAuthorizationResponse(parameters, discovery, secrets.state)
        if (!checked.ok) return
        expect(parameters.getAll('state')).toEqual([secrets.state])
        expect(parameters.getAll('code')).toHaveLength(1)
        expect(parameters.get('iss') ?? otrotl.issuer).toBe(otrotl.issuer)
        expect(parameters.has('error')).toBe(false)
      }),
      { numRuns: 500 },
    )
  })
})

describe('the issuer of an authorization response (RFC 9207 §2.4)', () => {
  it('is required of a provider that promises it', async () => {
    expect(await check(without('iss'))).toBe('response_invalid/iss')
  })

  it.each([
    { authorization_response_iss_parameter_supported: undefined },
    { authorization_response_iss_parameter_supported: 'true' },
  ])('is not required otherwise (%j), but is compared when it is there', async (discovery) => {
    otrotl.behaviour.discovery = discovery
    expect(await check(without('iss'))).toBe('accepted')
    expect(await check(right)).toBe('accepted')
    expect(await check({ ...right, iss: '' })).toBe('response_invalid/iss')
    expect(await check({ ...right, iss: 'https://second.example' })).toBe('response_invalid/iss')
  })

  it.each([
    'https://second.example',
    'https://otrotl.example/',
    'https://OTROTL.example',
    'https://otrotl.example:443',
    'http://otrotl.example',
    ' https://otrotl.example',
  ])('is refused as %s', async (iss) => {
    expect(await check({ ...right, iss })).toBe('response_invalid/iss')
  })

  it("of one provider is refused on another's callback, for errors too", async () => {
    const second = await createProvider(internet, secondConfig)
    identityProvider = freshIsolate().find('second')!
    expect(await check(right)).toBe('response_invalid/iss')
    expect(await check({ error: 'access_denied', state: secrets.state, iss: otrotl.issuer })).toBe(
      'response_invalid/iss',
    )
    expect(internet.requestsTo(`${second.issuer}/token`)).toEqual([])
  })
})

describe('an error response (RFC 6749 §4.1.2.1)', () => {
  const errorResponse = (error: string) => ({ error, state: secrets.state, iss: otrotl.issuer })

  it('with access_denied says that the person said no', async () => {
    expect(await check(errorResponse('access_denied'))).toBe('access_denied')
  })

  it.each(['login_required', 'interaction_required', 'temporarily_unavailable'])(
    'with %s names that code',
    async (error) => {
      const checked = await identityProvider.checkResponse(
        new URLSearchParams(errorResponse(error)),
        secrets,
        epochSeconds(),
      )
      expect(checked).toMatchObject({ refusal: { code: 'provider_error', facts: { error } } })
    },
  )

  it.each(['', '<script>', 'a\r\nb', 'x'.repeat(65), 'ACCESS_DENIED', '\u202eabc'])(
    'with the unregistered code %j names none',
    async (error) => {
      const checked = await identityProvider.checkResponse(
        new URLSearchParams({ ...errorResponse(error), error_description: '<b>alice@example.org' }),
        secrets,
        epochSeconds(),
      )
      expect(checked).toEqual({
        ok: false,
        refusal: { code: 'provider_error', facts: { error: 'unregistered' } },
      })
    },
  )

  it('that also has a code is refused', async () => {
    expect(await check({ ...right, error: 'access_denied' })).toBe(
      'response_invalid/code_with_error',
    )
    expect(await check({ ...right, error: '' })).toBe('response_invalid/code_with_error')
  })

  it('of another attempt is refused', async () => {
    expect(await check({ ...errorResponse('access_denied'), state: 'x' })).toBe(
      'response_invalid/state',
    )
  })
})
