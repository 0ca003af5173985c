import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config.ts'
import { randomToken, toHex, randomBytes } from '../../src/platform/random.ts'
import { settings } from '../world/settings.ts'

const parse = (changes: Record<string, unknown>) =>
  parseConfig({ ...(env as unknown as Record<string, unknown>), ...settings, ...changes })

function problemsOf(changes: Record<string, unknown>): readonly string[] {
  const parsed = parse(changes)
  return parsed.ok ? [] : parsed.problems
}

describe('a key of the gateway', () => {
  it('may be followed by the older values that are still accepted', () => {
    const parsed = parse({ HANDLE_KEY: ` ${settings.HANDLE_KEY}  older-${settings.HANDLE_KEY}\n` })
    expect(parsed.ok && parsed.config.secrets.handleKey).toEqual([
      settings.HANDLE_KEY,
      `older-${settings.HANDLE_KEY}`,
    ])
  })

  it('is any 32 random characters or more', () => {
    for (let i = 0; i < 200; i += 1) {
      expect(problemsOf({ HANDLE_KEY: toHex(randomBytes(16)) })).toEqual([])
      expect(problemsOf({ ADMIN_API_KEY: randomToken() })).toEqual([])
    }
  })

  it.each([
    ['missing', undefined],
    ['empty', ''],
    ['blank', '   '],
    ['a number', 5],
    ['a list', [settings.HANDLE_KEY]],
    ['short', 'abcdefghijklmnopqrstuvwxyz01234'],
    ['one character', 'a'.repeat(64)],
    ['hardly more than one character', `${'a'.repeat(40)}b`],
    ['a repeated word', 'secret-word-secret-word-secret-word-'],
    ['a placeholder', 'please-CHANGE-ME-0123456789-abcdefghij'],
    ['not ASCII', 'ключключ-0123456789-abcdefghijklmnop'],
  ])('is refused when it is %s', (_what, value) => {
    for (const name of ['HANDLE_KEY', 'KEY_ENCRYPTION_KEY', 'ADMIN_API_KEY']) {
      const problems = problemsOf({ [name]: value })
      expect(problems).toHaveLength(1)
      expect(problems[0]).toMatch(new RegExp(`^${name}: `))
    }
  })

  it('is refused for a weak older value too, which is found by its place', () => {
    expect(problemsOf({ HANDLE_KEY: `${settings.HANDLE_KEY} short` })).toEqual([
      'HANDLE_KEY: the older value 1 is shorter than 32 characters; make one with "openssl rand -base64 32"',
    ])
  })
})

describe('all keys differ', () => {
  it('from one another, older values included', () => {
    expect(problemsOf({ ADMIN_API_KEY: settings.HANDLE_KEY })).toEqual([
      'ADMIN_API_KEY: has a value that is already in HANDLE_KEY',
    ])
    expect(
      problemsOf({ KEY_ENCRYPTION_KEY: `${settings.KEY_ENCRYPTION_KEY} ${settings.HANDLE_KEY}` }),
    ).toEqual(['KEY_ENCRYPTION_KEY: has a value that is already in HANDLE_KEY'])
    expect(problemsOf({ HANDLE_KEY: `${settings.HANDLE_KEY} ${settings.HANDLE_KEY}` })).toEqual([
      'HANDLE_KEY: has a value that is already in HANDLE_KEY',
    ])
  })

  it('and from the client secrets, which the providers know', () => {
    expect(problemsOf({ HANDLE_KEY: settings.OTROTL_CLIENT_SECRET })).toEqual([
      'HANDLE_KEY: has a value that is already in OTROTL_CLIENT_SECRET',
    ])
  })
})
