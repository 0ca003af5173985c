/** The suite's plan `oidcc-config-certification`, and what its logout plans check of the same document. */
import { describe, expect, inject, it } from 'vitest'

const { gateway } = inject('clientsWorld')

type Members = Readonly<Record<string, unknown>>

async function readJson(url: string): Promise<Members> {
  const answer = await fetch(url)
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toMatch(/^application\/(jwk-set\+)?json\b/)
  return (await answer.json()) as Members
}

const discover = () => readJson(`${gateway}/.well-known/openid-configuration`)

describe('oidcc-config-certification', () => {
  it('oidcc-discovery-endpoint-verification', async () => {
    const document = await discover()
    expect(document).toMatchObject({
      issuer: gateway,
      authorization_endpoint: `${gateway}/oauth/authorize`,
      token_endpoint: `${gateway}/oauth/token`,
      userinfo_endpoint: `${gateway}/oauth/userinfo`,
      jwks_uri: `${gateway}/.well-known/jwks.json`,
      subject_types_supported: expect.arrayContaining(['public']) as string[],
      id_token_signing_alg_values_supported: expect.arrayContaining(['RS256']) as string[],
      response_types_supported: expect.arrayContaining(['code']) as string[],
      grant_types_supported: expect.arrayContaining(['authorization_code']) as string[],
      scopes_supported: expect.arrayContaining(['openid']) as string[],
      claims_supported: expect.arrayContaining(['sub']) as string[],
      claims_parameter_supported: true,
      request_parameter_supported: false,
      // Left out, it would mean `true`.
      request_uri_parameter_supported: false,
    })
    // An empty list says the same as none, and clients stumble over it.
    for (const [name, value] of Object.entries(document)) {
      if (Array.isArray(value)) expect(value, name).not.toEqual([])
      else expect(['string', 'boolean'], name).toContain(typeof value)
    }
    const methods = document['token_endpoint_auth_methods_supported']
    expect(methods).toEqual(expect.arrayContaining(['client_secret_basic', 'client_secret_post']))
    expect(document).not.toHaveProperty('registration_endpoint')
  })

  it('publishes keys that a client can tell apart, and nothing private', async () => {
    const { keys } = (await readJson(String((await discover())['jwks_uri']))) as {
      readonly keys: readonly Members[]
    }
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(keys.length)
    expect(keys.some(({ kty, use }) => kty === 'RSA' && use === 'sig')).toBe(true)
    for (const key of keys) {
      expect(key['kid']).toMatch(/^.+$/)
      expect(['RSA', 'EC']).toContain(key['kty'])
      for (const name of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']) {
        expect(key).not.toHaveProperty(name)
      }
      // RFC 7518 §6: base64url without padding, RSA of 2048 bits and more.
      const numbers = key['kty'] === 'RSA' ? ['n', 'e'] : ['x', 'y']
      for (const name of numbers) expect(key[name]).toMatch(/^[\w-]+$/)
      if (key['kty'] === 'RSA') {
        expect(Buffer.from(String(key['n']), 'base64url').length).toBeGreaterThanOrEqual(256)
      }
    }
  })
})

describe('the logout plans', () => {
  it.each([
    'oidcc-rp-initiated-logout-discovery-endpoint-verification',
    'oidcc-backchannel-rp-initiated-logout-discovery-endpoint-verification',
    'oidcc-frontchannel-rp-initiated-logout-discovery-endpoint-verification',
  ])('%s', async () => {
    expect(await discover()).toMatchObject({
      end_session_endpoint: `${gateway}/oauth/logout`,
      backchannel_logout_supported: true,
      backchannel_logout_session_supported: true,
      frontchannel_logout_supported: true,
      frontchannel_logout_session_supported: true,
    })
  })
})
