import { describe, expect, it } from 'vitest'
import { checkRequestLimits } from '../../src/platform/request-limits.ts'

const codeOf = (request: Request) => {
  const checked = checkRequestLimits(request)
  return checked.ok ? 'ok' : checked.refusal.code
}

const withHeaders = (headers: Record<string, string>) =>
  new Request('https://login.example/', { headers })

const urlOf = (length: number) => 'https://login.example/?'.padEnd(length, 'a')

describe('the URL', () => {
  it('has at most 8 KB', () => {
    expect(codeOf(new Request(urlOf(8192)))).toBe('ok')
    expect(codeOf(new Request(urlOf(8193)))).toBe('uri_too_long')
  })
})

describe('the headers', () => {
  it('have at most 32 KB together', () => {
    const half = 'a'.repeat(16_000)
    expect(codeOf(withHeaders({ a: half, b: half }))).toBe('ok')
    expect(codeOf(withHeaders({ a: half, b: half, c: 'a'.repeat(800) }))).toBe('headers_too_large')
    expect(codeOf(withHeaders({ ['a'.repeat(33_000)]: 'b' }))).toBe('headers_too_large')
  })

  it('count as they are written, each with its colon, blank and line end', () => {
    const each = 32 * 1024 - 'a: \r\n'.length
    expect(codeOf(withHeaders({ a: 'x'.repeat(each) }))).toBe('ok')
    expect(codeOf(withHeaders({ a: 'x'.repeat(each + 1) }))).toBe('headers_too_large')
  })

  it('are at most 200', () => {
    const some = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, '1']))
    expect(codeOf(withHeaders(some(200)))).toBe('ok')
    expect(codeOf(withHeaders(some(201)))).toBe('headers_too_large')
  })

  it('hold no cookie that a browser would not have kept', () => {
    expect(codeOf(withHeaders({ cookie: `a=1; b=${'x'.repeat(4095)}; c=3` }))).toBe('ok')
    expect(codeOf(withHeaders({ cookie: `a=1; b=${'x'.repeat(4096)}; c=3` }))).toBe(
      'headers_too_large',
    )
    const ten = Array.from({ length: 10 }, (_, i) => `c${i}=${'x'.repeat(3000)}`)
    expect(codeOf(withHeaders({ cookie: ten.slice(0, 8).join('; ') }))).toBe('ok')
  })
})
