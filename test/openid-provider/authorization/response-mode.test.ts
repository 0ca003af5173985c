import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  defaultModeOf,
  mayTravel,
  parseResponseType,
  withAnswer,
} from '../../../src/openid-provider/authorization/response-mode.ts'

describe('a response type', () => {
  it.each([
    ['code', 'code'],
    ['token id_token', 'id_token token'],
    ['id_token token', 'id_token token'],
    ['code id_token', undefined],
    ['code token', undefined],
    ['none', undefined],
    ['', undefined],
    ['Code', undefined],
    ['code code', undefined],
  ])('%j is %j', (text, type) => expect(parseResponseType(text)).toBe(type))
})

describe('a response mode', () => {
  it('keeps tokens out of queries', () => {
    expect(mayTravel('code', 'query')).toBe(true)
    expect(mayTravel('token', 'query')).toBe(false)
    expect(mayTravel('id_token', 'form_post')).toBe(true)
    expect(defaultModeOf('id_token token')).toBe('fragment')
    expect(defaultModeOf('code')).toBe('query')
  })
})

describe('an answer', () => {
  it.each([
    ['https://a.example/cb', 'query', 'https://a.example/cb?code=1%2B%202'],
    ['https://a.example/cb?x=%20', 'query', 'https://a.example/cb?x=%20&code=1%2B%202'],
    ['https://a.example/cb?', 'query', 'https://a.example/cb?code=1%2B%202'],
    ['https://a.example/cb?x=1', 'fragment', 'https://a.example/cb?x=1#code=1%2B%202'],
    ['com.example.app:/cb', 'query', 'com.example.app:/cb?code=1%2B%202'],
  ] as const)('in %s by %s', (uri, mode, expected) => {
    expect(withAnswer(uri, mode, { code: '1+ 2' })).toBe(expected)
  })

  it('brings a state back as it was, and stays one line of ASCII, whatever the state', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (state) => {
        for (const mode of ['query', 'fragment'] as const) {
          const location = withAnswer('https://a.example/cb?x=1', mode, { state, iss: 'i' })
          expect(location).toMatch(/^[\x21-\x7e]+$/)
          const url = new URL(location)
          const read = mode === 'query' ? url.searchParams : new URLSearchParams(url.hash.slice(1))
          expect(read.get('state')).toBe(state)
          expect([url.origin, url.pathname]).toEqual(['https://a.example', '/cb'])
        }
      }),
    )
  })
})
