import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { followableHref, safeHref, safePicture } from '../../src/pages/safe-href.ts'

describe('a link target', () => {
  it.each(['/', '/dashboard', '/a/b?x=1&y=//evil.example#//evil.example', '/ünï', '/a%2Fb'])(
    'on our own origin is kept: %s',
    (target) => {
      expect(safeHref(target)).toBe(target)
    },
  )

  it.each([
    'https://app.example/x?y=z',
    'http://localhost:8787/x',
    'http://127.0.0.1/',
    'http://[::1]/',
  ])('elsewhere is kept when it is https, or this very machine: %s', (target) => {
    expect(safeHref(target)).toBe(new URL(target).href)
  })

  it.each([
    'http://app.example/',
    'ftp://app.example/',
    'app.example',
    '',
    'mailto:ada@app.example',
  ])('is refused otherwise: %s', (target) => {
    expect(safeHref(target)).toBeUndefined()
  })

  it('is one that a browser takes as we do, whatever is thrown at it', () => {
    const pieces = fc.constantFrom(
      '/',
      '\\',
      '//',
      'https:',
      'http:',
      'javascript:',
      '@',
      ':',
      '.',
      '\t',
      '\n',
      ' ',
      '\u0000',
      'evil.example',
      'localhost',
      '%09',
      '?',
      '#',
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 8 }), (parts) => {
        const target = parts.join('')
        const href = safeHref(target)
        if (href === undefined) return
        const url = new URL(href, 'https://login.example')
        if (target.startsWith('/')) expect(url.origin).toBe('https://login.example')
        else expect(url.protocol === 'https:' || ['localhost'].includes(url.hostname)).toBe(true)
        expect(url.username + url.password).toBe('')
      }),
      { numRuns: 2000 },
    )
  })
})

describe('the address of a picture', () => {
  it('is https or nothing', () => {
    expect(safePicture('https://otrotl.example/ada.png')).toBe('https://otrotl.example/ada.png')
    for (const source of [
      '/ada.png',
      'http://localhost/ada.png',
      'data:image/png;base64,AA',
      undefined,
    ]) {
      expect(safePicture(source)).toBeUndefined()
    }
  })
})

describe('the address of an application', () => {
  it.each(['https://shop.example/bye', 'com.example.shop:/bye', 'com.example.shop://x'])(
    'may be %s',
    (target) => expect(followableHref(target)).toBe(target),
  )

  it.each([
    'javascript:alert(1)',
    'JAVASCRIPT:alert(1)//.x:',
    'data:text/html,com.example:',
    'view-source:https://a.example',
    'java\tscript.x:alert(1)',
    ' com.example:/x',
    'vbscript:com.example:',
    'intent://x#Intent;scheme=com.example:;end',
    '.com:/x',
    undefined,
  ])('may not be %j', (target) => expect(followableHref(target)).toBeUndefined())
})
