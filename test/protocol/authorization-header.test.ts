import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseAuthorization } from '../../src/protocol/authorization-header.ts'

describe('an Authorization header (RFC 6750 §2.1, RFC 9449 §7.1)', () => {
  it.each([
    ['Bearer abc', 'Bearer', 'abc'],
    ['bearer abc', 'Bearer', 'abc'],
    ['DPOP a.b-c_d~e+f/g==', 'DPoP', 'a.b-c_d~e+f/g=='],
    ['Bearer   abc', 'Bearer', 'abc'],
    ['Bearer\tabc', 'Bearer', 'abc'],
  ])('%j is a token', (header, scheme, token) => {
    expect(parseAuthorization(header)).toEqual({ kind: 'token', scheme, token })
  })

  it.each([
    undefined,
    '',
    ' ',
    'Bearer',
    'dpop ',
    'Basic YQ==',
    'abc',
    'Bearer,abc',
    'Bearer\u00a0abc',
  ])('%j is none', (header) => expect(parseAuthorization(header)).toEqual({ kind: 'none' }))

  it.each(['Bearer a,b', 'Bearer a, Bearer b', 'Bearer a b', 'Bearer "a"', 'Bearer a=b', 'DPoP é'])(
    '%j is malformed',
    (header) => expect(parseAuthorization(header).kind).toBe('malformed'),
  )

  it('with a comma in it is never a token', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.string(),
        fc.constantFrom('Bearer ', 'DPoP ', ''),
        (a, b, scheme) => {
          expect(parseAuthorization(`${scheme}${a},${b}`).kind).not.toBe('token')
        },
      ),
    )
  })

  it('gives the token exactly as it came', () => {
    const token = fc.stringMatching(/^[A-Za-z0-9\-._~+/]{1,200}={0,2}$/)
    fc.assert(
      fc.property(token, (value) => {
        expect(parseAuthorization(`Bearer ${value}`)).toEqual({
          kind: 'token',
          scheme: 'Bearer',
          token: value,
        })
      }),
    )
  })
})
