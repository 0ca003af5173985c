import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseReturnTo, withoutOwnOrigin } from '../../src/sign-in/return-to.ts'
import { configFor } from '../world/config.ts'
import { payloads } from './open-redirect-payloads.ts'

const config = configFor()
const DEFAULT = 'https://login.example/dashboard'
const parse = (raw: string | undefined) => parseReturnTo(raw, config)

const ALLOWED = ['https://login.example', 'https://app.example']

function expectAtHome(raw: string) {
  const target = parse(raw)
  const url = new URL(target)
  expect(ALLOWED, raw).toContain(url.origin)
  expect(url.username + url.password, raw).toBe('')
  // What is emitted is a normal form, so that no parser reads it as something else.
  expect(url.href, raw).toBe(target)
  expect(target, raw).toMatch(/^[\x21-\x7e]+$/)
  expect(target.slice('https://'.length), raw).not.toContain('\\')
  expect(url.pathname.startsWith('//'), raw).toBe(false)
  // Judging it again, as the callback does, changes nothing.
  expect(parse(target), raw).toBe(target)
  expect(parse(withoutOwnOrigin(target, config)), raw).toBe(target)
}

describe('a safe return_to is kept', () => {
  it.each([
    ['/', 'https://login.example/'],
    ['/dashboard', DEFAULT],
    [
      '/a/b?x=1&y=//evil.example#//evil.example',
      'https://login.example/a/b?x=1&y=//evil.example#//evil.example',
    ],
    ['/ünï', 'https://login.example/%C3%BCn%C3%AF'],
    ['/a%2Fb', 'https://login.example/a%2Fb'],
    ['/a?next=https://evil.example', 'https://login.example/a?next=https://evil.example'],
    ['/authors', 'https://login.example/authors'],
    ['/a/../b', 'https://login.example/b'],
    ['/a//b', 'https://login.example/a//b'],
    ['/a:b@c', 'https://login.example/a:b@c'],
    ['https://login.example', 'https://login.example/'],
    ['https://login.example/x?y#z', 'https://login.example/x?y#z'],
    ['https://app.example', 'https://app.example/'],
    ['https://app.example/', 'https://app.example/'],
    ['https://app.example?x=1', 'https://app.example/?x=1'],
    ['https://app.example#x', 'https://app.example/#x'],
    ['https://app.example/auth/callback?x=1', 'https://app.example/auth/callback?x=1'],
    ['https://app.example/a/b?x=1#/route', 'https://app.example/a/b?x=1#/route'],
  ])('%j leads to %s', (raw, target) => {
    expect(parse(raw)).toBe(target)
    expectAtHome(raw)
  })

  it('up to 2048 characters, as given and as emitted', () => {
    const longest = `/${'a'.repeat(2048 - 'https://login.example/'.length)}`
    expect(parse(longest)).toBe(`https://login.example${longest}`)
    expect(parse(`${longest}a`)).toBe(DEFAULT)
    expect(parse(`/${'a'.repeat(16 * 1024)}`)).toBe(DEFAULT)
    expect(parse(`/${'ü'.repeat(1000)}`)).toBe(DEFAULT)
  })
})

describe('a return_to that leads astray', () => {
  it('gives the default page when there is none', () => {
    expect(parse(undefined)).toBe(DEFAULT)
    expect(parse('')).toBe(DEFAULT)
  })

  it('stays at home: every payload raw, percent-encoded once and twice', () => {
    expect(payloads.length).toBeGreaterThan(350)
    for (const payload of payloads) {
      for (const raw of [payload, encode(payload), encode(encode(payload))]) expectAtHome(raw)
    }
  })

  it('gives the default page, unless it is plainly a path of ours', () => {
    const notPlain = payloads.filter(
      (payload) => !payload.startsWith('/') || /[\\ \p{Cc}\p{Cs}]/u.test(payload),
    )
    expect(notPlain.length).toBeGreaterThan(200)
    for (const payload of notPlain) expect(parse(payload), payload).toBe(DEFAULT)
  })

  it('is the own origin on another scheme or port, too', () => {
    const local = configFor({ issuer: 'http://localhost:8787', isHttps: false, allowedOrigins: [] })
    for (const raw of ['http://localhost:8788/', 'https://localhost:8787/', 'http://localhost/']) {
      expect(parseReturnTo(raw, local)).toBe('http://localhost:8787/dashboard')
    }
    expect(parseReturnTo('http://localhost:8787/x', local)).toBe('http://localhost:8787/x')
  })

  it('stays at home whatever is put together from the pieces of such links', () => {
    const pieces = [
      [
        '/',
        '//',
        '\\',
        'https:',
        'http:',
        'javascript:',
        '@',
        ':',
        '.',
        '..',
        '?',
        '#',
        ';',
        '%2f',
      ],
      ['%5c', '%09', '%0d%0a', '%00', '%2e', '%', '\t', '\r', '\n', '\0', ' ', '\u00a0', '\u3000'],
      ['\x7f', '\x85', '\ufeff', '\ud800', '。', '／', '＠', '[::1]', '0x7f.1', '443', 'auth', 'x'],
      ['login.example', 'app.example', 'evil.example', ...ALLOWED],
    ].flat()
    const piece = fc.constantFrom(...pieces)
    const crafted = fc.array(piece, { maxLength: 8 }).map((chosen) => chosen.join(''))
    fc.assert(
      fc.property(fc.oneof(crafted, fc.string({ unit: 'binary' }), fc.webUrl()), expectAtHome),
      { numRuns: 5000 },
    )
  })
})

describe('a return_to on the own origin', () => {
  it.each([
    '/auth',
    '/auth/',
    '/auth/login',
    '/%61uth/sso/logout',
    '/x/../auth/sso/logout',
    '/AUTH/x',
  ])('%s never leads back into signing in or out', (raw) => {
    expect(parse(raw)).toBe(DEFAULT)
    expect(parse(`https://login.example${raw}`)).toBe(DEFAULT)
  })
})

const encode = (text: string) => encodeURIComponent(text.toWellFormed())
