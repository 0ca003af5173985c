import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keptClaimsRequest, parseClaimsRequest } from '../../src/openid-provider/claims-request.ts'

const registered = { scope: ['openid', 'profile', 'email'] }
const parse = (value: unknown) =>
  parseClaimsRequest(typeof value === 'string' ? value : JSON.stringify(value), registered)

describe('the claims parameter (OpenID Connect Core 1.0 §5.5)', () => {
  it('asks for claims one by one, for UserInfo and for the ID token', () => {
    const asked = {
      userinfo: {
        given_name: { essential: true },
        email: null,
        'http://example.info/claims/x': null,
      },
      id_token: {
        auth_time: { essential: true },
        acr: { values: ['gold', 'silver'], essential: true },
        name: null,
        sub: { value: '7' },
      },
    }
    expect(parse(asked)).toEqual({
      ok: true,
      value: {
        userinfo: ['given_name', 'email'],
        idToken: ['name'],
        sub: '7',
        acr: { values: ['gold', 'silver'], isEssential: true },
      },
    })
  })

  it('asks for nothing that the application is not registered for', () => {
    expect(parse({ userinfo: { phone_number: { essential: true }, email: null } })).toMatchObject({
      value: { userinfo: ['email'], idToken: [] },
    })
  })

  it('that names two subjects at once fits nobody', () => {
    const asked = { userinfo: { sub: { value: 'a' } }, id_token: { sub: { value: 'b' } } }
    expect(parse(asked)).toMatchObject({ value: { sub: '' } })
  })

  it.each([
    '',
    'x',
    '[]',
    '7',
    'null',
    '{"userinfo":7}',
    '{"id_token":[]}',
    '{"userinfo":{"email":true}}',
    '{"userinfo":{"email":"x"}}',
    '{"id_token":{"acr":{"essential":true,"values":"gold"}}}',
    '{"id_token":{"acr":{"essential":"true","value":"gold"}}}',
    '{"id_token":{"acr":{"essential":true,"values":["gold",1]}}}',
    '{"id_token":{"sub":{"value":7}}}',
    '{"userinfo":{"sub":{"values":[["7"]]}}}',
    `{"userinfo":{"${'x'.repeat(4096)}":null}}`,
  ])('is refused when it is no such request: %s', (text) => {
    expect(parse(text)).toMatchObject({ ok: false, refusal: { code: 'invalid_claims' } })
  })

  it('takes members that are null for such as were left out, and any value of what decides nothing', () => {
    const acr = { essential: true, value: null, values: ['gold'] }
    const asked = {
      userinfo: { email: { essential: null, value: true, values: null } },
      id_token: { acr },
    }
    expect(parse(asked)).toMatchObject({
      value: { userinfo: ['email'], acr: { values: ['gold'], isEssential: true } },
    })
  })

  it('leaves out what it does not know, and the prototypes alone', () => {
    const text = '{"__proto__":{"x":1},"userinfo":{"__proto__":{"essential":true},"toString":null}}'
    expect(parse(text)).toMatchObject({ ok: true, value: { userinfo: [], idToken: [] } })
    expect({}).not.toHaveProperty('essential')
  })

  it('never throws, and survives being kept in a grant', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        const parsed = parseClaimsRequest(text, registered)
        if (!parsed.ok) return
        expect(keptClaimsRequest(JSON.parse(JSON.stringify(parsed.value)))).toEqual(parsed.value)
      }),
    )
  })
})

it('a grant that carries no request for claims asks for none', () => {
  for (const value of [undefined, null, 7, [], {}, { userinfo: 'email', idToken: [7, 'x'] }]) {
    expect(keptClaimsRequest(value)).toMatchObject({ userinfo: [], idToken: [] })
  }
})
