import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isRegisteredRedirectUri } from '../../../src/openid-provider/authorization/redirect-uri.ts'

const WEB = 'https://foo.app.example/cb?x=1'
const web = { redirectUris: [WEB], applicationType: 'web' as const }
const native = {
  redirectUris: [
    'http://127.0.0.1/cb',
    'http://[::1]:8000/cb?x=1',
    'com.example.app:/cb',
    'http://localhost:1234/cb',
  ],
  applicationType: 'native' as const,
}

describe('a redirect URI', () => {
  it('is taken as it is registered, and in no other spelling', () => {
    expect(isRegisteredRedirectUri(web, WEB)).toBe(true)
    for (const other of [
      'https://evil.example/cb?x=1',
      'https://a.foo.app.example/cb?x=1',
      'https://fooxapp.example/cb?x=1',
      'https://foo.app.example/cb',
      'https://foo.app.example/cb?x=1&y=2',
      'https://foo.app.example/cb?x=1#f',
      'https://foo.app.example/cb/?x=1',
      'https://foo.app.example/CB?x=1',
      'https://FOO.app.example/cb?x=1',
      'HTTPS://foo.app.example/cb?x=1',
      'https://foo.app.example:443/cb?x=1',
      'https://foo.app.example:8443/cb?x=1',
      'https://u@foo.app.example/cb?x=1',
      'https://foo.app.example./cb?x=1',
      'https://foo.app.example/a/../cb?x=1',
      'https://foo.app.example/cb;a?x=1',
      'https://foo.app.example/%63b?x=1',
      'https://foo.app.example%2fcb?x=1',
      'https://foo.app.example\\cb?x=1',
      'http://foo.app.example/cb?x=1',
      '//foo.app.example/cb?x=1',
      '/cb?x=1',
      `${WEB} `,
      ` ${WEB}`,
      `${WEB}\n`,
      'javascript:alert(1)',
      '',
    ]) {
      expect(isRegisteredRedirectUri(web, other), other).toBe(false)
    }
  })

  it('of a native application has a free port on a loopback literal (RFC 8252 §7.3)', () => {
    for (const uri of [
      'http://127.0.0.1/cb',
      'http://127.0.0.1:1/cb',
      'http://127.0.0.1:65535/cb',
      'http://[::1]/cb?x=1',
      'http://[::1]:51234/cb?x=1',
      'com.example.app:/cb',
      'http://localhost:1234/cb',
    ]) {
      expect(isRegisteredRedirectUri(native, uri), uri).toBe(true)
    }
  })

  it('of a native application is free in nothing else', () => {
    for (const uri of [
      'http://127.0.0.1:0/cb',
      'http://127.0.0.1:65536/cb',
      'http://127.0.0.1:080/cb',
      'http://127.0.0.1:/cb',
      'http://127.0.0.1:80x/cb',
      'http://127.0.0.1:80/other',
      'http://127.0.0.1:80/cb?x=1',
      'http://127.0.0.1:80/cb#f',
      'http://127.0.0.1.evil.example/cb',
      'http://127.0.0.1:80@evil.example/cb',
      'http://127.0.0.2:80/cb',
      'http://127.1:80/cb',
      'http://localhost:5555/cb',
      'https://127.0.0.1:80/cb',
      'http://[::1]:80/cb',
      'http://[0:0:0:0:0:0:0:1]:80/cb?x=1',
      'http://127.0.0.1:80\\@evil.example/cb',
      'com.example.app://evil/cb',
    ]) {
      expect(isRegisteredRedirectUri(native, uri), uri).toBe(false)
    }
  })

  it('of a web application has no free port', () => {
    const local = { redirectUris: ['http://127.0.0.1:3000/cb'], applicationType: 'web' as const }
    expect(isRegisteredRedirectUri(local, 'http://127.0.0.1:3000/cb')).toBe(true)
    expect(isRegisteredRedirectUri(local, 'http://127.0.0.1:3001/cb')).toBe(false)
  })

  it('never leads elsewhere than a registered one, whatever is sent', () => {
    const piece = fc.constantFrom(
      'http://127.0.0.1',
      'http://[::1]',
      'http://',
      ':',
      '80',
      '@',
      '/',
      '\\',
      'cb',
      '?x=1',
      '#',
      '.evil.example',
      'evil.example',
      '%2f',
      ' ',
      '\t',
      '65535',
      '99999',
      'https:',
    )
    const places = native.redirectUris
      .map((uri) => new URL(uri))
      .map((u) => u.hostname + u.pathname)
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const uri = pieces.join('')
        if (!isRegisteredRedirectUri(native, uri)) return
        const url = new URL(uri)
        expect(places).toContain(url.hostname + url.pathname)
        expect([url.username, url.password, url.hash]).toEqual(['', '', ''])
      }),
      { numRuns: 5000 },
    )
  })
})
