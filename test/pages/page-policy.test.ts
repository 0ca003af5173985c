import { exports } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { pagePolicy, policySource } from '../../src/pages/page-policy.ts'
import { settings } from '../world/settings.ts'

const directivesOf = (headers: Headers | Readonly<Record<string, string>>): string[] =>
  new Headers(headers).get('content-security-policy')!.split('; ')

describe('what an answer says of how it may be shown', () => {
  it('lets a page run its own scripts, send its forms to us, and nothing else', async () => {
    const { headers } = await exports.default.fetch(`${settings.ISSUER}/auth/login`)
    const [, nonce] = /'nonce-([\w-]{22})'/.exec(headers.get('content-security-policy')!)!
    expect(directivesOf(headers)).toEqual([
      "default-src 'none'",
      `script-src 'nonce-${nonce}'`,
      "style-src 'self'",
      "img-src 'self' https: data:",
      "connect-src 'self'",
      "form-action 'self'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ])
    const again = await exports.default.fetch(`${settings.ISSUER}/auth/login`)
    expect(again.headers.get('content-security-policy')).not.toContain(nonce)
  })

  it.each(['/admin', '/health', '/nowhere'])(
    'keeps it from other sites, also where it is no page: %s',
    async (path) => {
      const { headers } = await exports.default.fetch(settings.ISSUER + path)
      expect(Object.fromEntries(headers)).toMatchObject({
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'origin-agent-cluster': '?1',
        'referrer-policy': 'no-referrer',
        'strict-transport-security': 'max-age=31536000',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
      })
    },
  )

  it.each([
    ['/oauth/authorize', 'unsafe-none'],
    ['/auth/login', 'unsafe-none'],
    ['/auth/sso/login', 'unsafe-none'],
    ['/auth/sso/login/otrotl', 'unsafe-none'],
    ['/auth/sso/callback/otrotl', 'unsafe-none'],
    ['/auth/sso/logout', 'same-origin'],
    ['/oauth/device', 'same-origin'],
    ['/account', 'same-origin'],
    ['/admin', 'same-origin'],
  ])('leaves a popup its opener on the way of a sign-in alone: %s %s', async (path, policy) => {
    const { headers } = await exports.default.fetch(settings.ISSUER + path, { redirect: 'manual' })
    expect(headers.get('cross-origin-opener-policy')).toBe(policy)
  })
})

describe('a page with a policy of its own', () => {
  it('names each place once where its form may end, and the pages that it has in frames', () => {
    const formTargets = ["'self'", 'https://app.example', 'https://app.example']
    const frames = ['https://a.example', 'com.example.b:', 'https://a.example']
    const policy = pagePolicy({ nonce: 'x', formTargets, frames })
    expect(directivesOf(policy)).toContain("form-action 'self' https://app.example")
    expect(directivesOf(policy)).toContain('frame-src https://a.example com.example.b:')
    expect(policy['X-Frame-Options']).toBe('DENY')
  })

  it('runs no script where it has no nonce, and has nothing in frames unless it says so', () => {
    const directives = directivesOf(pagePolicy({ nonce: undefined }))
    expect(directives).toContain("script-src 'none'")
    expect(directives).toContain("form-action 'self'")
    expect(directives.some((directive) => directive.startsWith('frame-src'))).toBe(false)
  })

  it.each([
    ['https://app.example/cb?x=1', 'https://app.example'],
    ['http://127.0.0.1:8123/cb', 'http://127.0.0.1:8123'],
    ['http://[::1]:8123/cb', 'http:'],
    ['https://[2001:db8::1]/cb', 'https:'],
    ['com.example.app:/cb', 'com.example.app:'],
    // Neither is a host that there is, and each would be read as more than one.
    ['https://app.example;sandbox/cb', 'https:'],
    ['https://*/cb', 'https:'],
  ])('names %s as a policy can: %s', (address, source) => {
    expect(policySource(address)).toBe(source)
  })
})
