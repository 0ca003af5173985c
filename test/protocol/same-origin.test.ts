import { describe, expect, it } from 'vitest'
import { isFromOwnPage } from '../../src/protocol/same-origin.ts'

const issuer = 'https://login.example'
const from = (headers: Record<string, string>) => isFromOwnPage(new Headers(headers), issuer)

describe('a request comes from a page of ours', () => {
  it.each([
    { origin: issuer },
    { origin: issuer, 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'same-origin' },
    // A form on a page with `Referrer-Policy: no-referrer`.
    { origin: 'null', 'sec-fetch-site': 'same-origin' },
  ])('that says so: %o', (headers) => {
    expect(from(headers)).toBe(true)
  })

  it.each([
    {},
    { origin: 'null' },
    { origin: '' },
    { origin: 'null', 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'none' },
    { 'sec-fetch-site': 'same-origin, cross-site' },
    { origin: issuer, 'sec-fetch-site': 'cross-site' },
    { origin: 'https://app.example' },
    { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' },
    { origin: 'https://login.example.evil.example' },
    { origin: 'http://login.example' },
    { origin: 'https://login.example:444' },
    { origin: 'https://login.example/' },
    { origin: 'https://LOGIN.example' },
    { origin: 'https://login.example, https://login.example' },
    { referer: 'https://login.example/account' },
  ])('and none that does not: %o', (headers) => {
    expect(from(headers)).toBe(false)
  })
})
