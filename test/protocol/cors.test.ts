import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { corsHeaders, isAllowedOrigin, preflightHeaders } from '../../src/protocol/cors.ts'

const policy = {
  allowedOrigins: ['https://app.example', 'https://login.example:8443'],
  methods: ['GET'],
  requestHeaders: ['DPoP'],
  exposedHeaders: ['Retry-After'],
  allowCredentials: true,
}

const origins = fc.oneof(
  fc.string(),
  fc.webUrl(),
  fc.constantFrom(
    ...policy.allowedOrigins,
    'null',
    '',
    'https://app.example/',
    'HTTPS://app.example',
  ),
  fc
    .tuple(fc.constantFrom(...policy.allowedOrigins), fc.string({ minLength: 1, maxLength: 5 }))
    .map(([origin, more]) => origin + more),
)

describe('cross-origin sharing (Fetch standard)', () => {
  it('says something to exactly the origins that are named', () => {
    fc.assert(
      fc.property(origins, (origin) => {
        const isNamed = policy.allowedOrigins.includes(origin)
        for (const headers of [corsHeaders(origin, policy), preflightHeaders(origin, policy)]) {
          expect(headers.Vary).toBe('Origin')
          expect(headers['Access-Control-Allow-Origin']).toBe(isNamed ? origin : undefined)
          if (!isNamed) expect(Object.keys(headers)).toEqual(['Vary'])
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('never takes `null` or a missing origin for a name, even if somebody listed it', () => {
    expect(isAllowedOrigin('null', ['null'])).toBe(false)
    expect(isAllowedOrigin(undefined, ['undefined'])).toBe(false)
  })

  it('allows credentials only where the policy spells it out', () => {
    const [origin] = policy.allowedOrigins
    const name = 'Access-Control-Allow-Credentials'
    expect(corsHeaders(origin, policy)[name]).toBe('true')
    expect(corsHeaders(origin, { ...policy, allowCredentials: false })[name]).toBeUndefined()
  })
})
