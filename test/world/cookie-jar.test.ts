import { describe, expect, it } from 'vitest'
import { freezeClock } from './clock.ts'
import { CookieJar } from './cookie-jar.ts'

const url = new URL('https://login.example/a/b')
const sameSite = { isSameSite: true, isSafeTopLevel: true }
const sent = (line: string, context = sameSite, from = url, to = url) => {
  const jar = new CookieJar()
  jar.store(line, from)
  return jar.headerFor(to, context)
}

describe('the cookies of a browser', () => {
  it('with no SameSite or Lax go along with a navigation from another site, and with nothing else', () => {
    for (const line of ['a=1; Path=/', 'a=1; Path=/; SameSite=Lax']) {
      expect(sent(line, { isSameSite: false, isSafeTopLevel: true })).toBe('a=1')
      expect(sent(line, { isSameSite: false, isSafeTopLevel: false })).toBeUndefined()
    }
    const strict = 'a=1; Path=/; SameSite=Strict'
    expect(sent(strict, { isSameSite: false, isSafeTopLevel: true })).toBeUndefined()
    expect(sent(strict)).toBe('a=1')
  })

  it.each(['a=1; Path=/; Secure', '__Host-a=1; Path=/; Secure', '__Host-a=1; Path=/'])(
    'that want TLS are not taken without it: %s',
    (line) => {
      expect(sent(line, sameSite, new URL('http://login.example/'))).toBeUndefined()
    },
  )

  it.each([
    '__Host-a=1; Path=/',
    '__Host-a=1; Secure',
    '__Host-a=1; Path=/x; Secure',
    '__Host-a=1; Path=/; Secure; Domain=login.example',
    `a=${'x'.repeat(4096)}; Path=/`,
    '=1; Path=/',
    'a',
  ])('are not taken when they break the rules: %s', (line) => {
    expect(sent(line)).toBeUndefined()
  })

  it('stay on their host and under their path', () => {
    expect(sent('a=1; Path=/a', sameSite, url, new URL('https://login.example/a'))).toBe('a=1')
    expect(sent('a=1; Path=/a', sameSite, url, new URL('https://login.example/ab'))).toBeUndefined()
    expect(sent('a=1; Path=/', sameSite, url, new URL('https://app.example/'))).toBeUndefined()
  })

  it('end with their Max-Age, and are replaced by name', () => {
    const clock = freezeClock()
    const jar = new CookieJar()
    jar.store('a=1; Path=/; Max-Age=10', url)
    jar.store('a=2; Path=/; Max-Age=10', url)
    clock.advance(9)
    expect(jar.headerFor(url, sameSite)).toBe('a=2')
    clock.advance(1)
    expect(jar.headerFor(url, sameSite)).toBeUndefined()
    jar.store('b=1; Path=/', url)
    jar.store('b=; Path=/; Max-Age=0', url)
    expect(jar.list('login.example')).toEqual([])
  })
})
