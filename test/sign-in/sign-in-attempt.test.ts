import { describe, expect, it } from 'vitest'
import type { AuthenticationRequest } from '../../src/core/identity-providers/identity-provider.ts'
import { createAttemptCookies } from '../../src/sign-in/attempt-cookies.ts'
import { createAttemptStates } from '../../src/sign-in/attempt-state.ts'
import { createResponseCookies } from '../../src/sign-in/response-cookies.ts'
import { attemptReference } from '../../src/sign-in/attempt-reference.ts'
import { beginAttempt } from '../../src/sign-in/sign-in-attempt.ts'
import { NOON } from '../world/clock.ts'

const key = ['a-key-for-this-test-0123456789-0123456789-0123456789'] as const
const states = createAttemptStates(key)

const begin = (
  returnTo = '/x',
  now = NOON,
  continent?: string,
  request: AuthenticationRequest = { prompt: 'login', maxAge: 60 },
) =>
  beginAttempt(states, {
    providerId: 'otrotl',
    returnTo,
    request,
    isRestart: false,
    browserId: 'b'.repeat(22),
    continent,
    now,
    nowMilliseconds: now * 1000,
  })

const headerOf = (lines: readonly string[] | undefined) =>
  lines!.map((line) => line.split(';', 1)[0]).join('; ')

it('an attempt is claimed on the continent where it began, if that is known', async () => {
  for (const continent of ['EU', undefined]) {
    const { attempt } = await begin('/x', NOON, continent)
    expect(attemptReference(attempt.id).continent).toBe(continent ?? '')
  }
})

describe('the secrets of sign-in attempts', () => {
  it(
    'are distinct, unguessable, and never repeat in 100,000 attempts',
    { timeout: 120_000 },
    async () => {
      const seen = { state: new Set(), nonce: new Set(), codeVerifier: new Set(), id: new Set() }
      for (let i = 0; i < 1000; i += 1) {
        for (const { attempt, secrets } of await Promise.all(
          Array.from({ length: 100 }, () => begin()),
        )) {
          seen.state.add(secrets.state)
          seen.nonce.add(secrets.nonce)
          seen.codeVerifier.add(secrets.codeVerifier)
          seen.id.add(attempt.id)
        }
      }
      for (const values of Object.values(seen)) expect(values.size).toBe(100_000)
      expect(new Set(Object.values(seen).flatMap((values) => [...values])).size).toBe(400_000)
    },
  )

  it('have the lengths and letters of their specifications', async () => {
    const { attempt, secrets } = await begin()
    expect(secrets.codeVerifier).toMatch(/^[\w-]{43}$/)
    expect(secrets.nonce).toMatch(/^[\w-]{43}$/)
    expect(attempt.id).toMatch(/^[\w-]{22}$/)
    expect(secrets.state).toMatch(/^[\w-]{100,200}$/)
  })
})

describe('state', () => {
  it('brings back what a fresh start needs, and tells nobody else', async () => {
    const { attempt, secrets } = await begin('/private?x=1')
    expect(await states.unseal(secrets.state)).toEqual({
      attemptId: attempt.id,
      browserId: 'b'.repeat(22),
      issuedAt: NOON,
      isRestart: false,
      returnTo: '/private?x=1',
      request: { prompt: 'login', maxAge: 60 },
    })
    const letters = atob(
      secrets.state
        .replaceAll('-', '+')
        .replaceAll('_', '/')
        .slice(0, -(secrets.state.length % 4) || undefined),
    )
    expect(letters).not.toContain('private')
  })

  it('stays short when the way back is long', async () => {
    const { secrets } = await begin(`/${'x'.repeat(2000)}`)
    expect(secrets.state.length).toBeLessThan(300)
    expect((await states.unseal(secrets.state))?.returnTo).toBeUndefined()
  })

  it('leaves the way back out before it forgets what was asked, however long that is', async () => {
    const request = {
      prompt: 'login consent select_account',
      loginHint: '"'.repeat(254),
      maxAge: 999_999_999,
      acrValues: 'a'.repeat(256),
    }
    const { secrets } = await begin('/x', NOON, 'EU', request)
    expect(await states.unseal(secrets.state)).toMatchObject({ returnTo: undefined, request })
  })

  it('brings nothing of what no link of ours could carry', async () => {
    const request = { prompt: 'login', loginHint: '€'.repeat(254), uiLocales: 'de' }
    const { secrets } = await begin('/x', NOON, 'EU', request)
    expect(await states.unseal(secrets.state)).toMatchObject({ returnTo: '/x', request: {} })
  })

  it('is ours only under our key', async () => {
    const { secrets } = await begin()
    const foreign = createAttemptStates(['another-key-0123456789-0123456789-0123456789'])
    expect(await foreign.unseal(secrets.state)).toBeUndefined()
    const rotated = createAttemptStates(['another-key-0123456789-0123456789-0123456789', ...key])
    expect(await rotated.unseal(secrets.state)).toBeDefined()
  })

  it('is not any text, and no text makes it throw', async () => {
    const { secrets } = await begin()
    const letters = secrets.state.split('')
    for (const [place, letter] of letters.entries()) {
      // The last letter of a group carries bits that mean nothing; the attempt compares the whole text.
      const other = letter === 'A' ? 'Q' : 'A'
      const changed = letters.with(place, other).join('')
      const opened = await states.unseal(changed)
      if (opened !== undefined) expect(opened).toEqual(await states.unseal(secrets.state))
      expect(await states.unseal(secrets.state.slice(0, place))).toBeUndefined()
    }
    for (const text of [
      '',
      '.',
      '....',
      'A',
      'A'.repeat(38),
      'A'.repeat(39),
      'ü'.repeat(50),
      '\0',
      ' ',
    ]) {
      expect(await states.unseal(text)).toBeUndefined()
    }
    expect(await states.unseal(null)).toBeUndefined()
  })
})

describe('the cookie of an attempt', () => {
  const cookies = createAttemptCookies(key, true)

  it('brings the attempt back, whole', async () => {
    const { attempt } = await begin()
    const header = headerOf(await cookies.keep(attempt, null, NOON))
    expect(await cookies.find(attempt.id, header)).toEqual(attempt)
    expect(await cookies.find(attempt.id, `a=b; ${header}; c=d`)).toEqual(attempt)
  })

  it('tells nothing of what is in it', async () => {
    const { attempt } = await begin('/private')
    const [line] = (await cookies.keep(attempt, null, NOON))!
    for (const secret of [attempt.codeVerifier, attempt.nonce, 'private', 'otrotl']) {
      expect(line).not.toContain(secret)
    }
  })

  it('is found under its exact name only', async () => {
    const { attempt } = await begin()
    const header = headerOf(await cookies.keep(attempt, null, NOON))
    const [name, value] = header.split('=') as [string, string]
    for (const other of [
      `\u00a0${name}=${value}`,
      `${name} =${value}`,
      `"${name}"=${value}`,
      `${name.replace('_', '%5f')}=${value}`,
      `${name.toLowerCase()}=${value}`,
      `$Version=1,${name}=${value}`,
      `${name}x=${value}`,
      value,
    ]) {
      expect(await cookies.find(attempt.id, other), other).toBe('absent')
    }
    expect(await cookies.find(attempt.id, `${name}="${value}"`)).toBe('unreadable')
    expect(await cookies.find(attempt.id, `${name}=x; ${header}`)).toEqual(attempt)
  })

  it('has a plain name where there is no TLS, and is then not Secure', async () => {
    const { attempt } = await begin()
    const [line] = (await createAttemptCookies(key, false).keep(attempt, null, NOON))!
    expect(line).toMatch(/^drawbridge_attempt_/)
    expect(line).not.toContain('Secure')
  })

  it('is not another attempt’s, moved under its name', async () => {
    const [one, other] = [await begin(), await begin()]
    const header = headerOf(await cookies.keep(one.attempt, null, NOON))
    const moved = header.replace(one.attempt.id, other.attempt.id)
    expect(await cookies.find(other.attempt.id, moved)).toBe('unreadable')
  })

  it('takes what is over along, and what cannot be read, however few they are', async () => {
    const expired = await begin('/x', NOON - 600)
    const header = headerOf(await cookies.keep(expired.attempt, null, NOON))
    const junk = '__Host-drawbridge_attempt_junk=junk'
    const { attempt } = await begin()
    const [, ...dropped] = (await cookies.keep(attempt, `${junk}; ${header}`, NOON))!
    expect(dropped).toHaveLength(2)
  })

  it('drops what is over, and what cannot be read, before what is merely older', async () => {
    const old = await Promise.all(Array.from({ length: 7 }, (_, i) => begin('/x', NOON - 100 + i)))
    const expired = await begin('/x', NOON - 600)
    const lines = await Promise.all(
      [...old, expired].map(async ({ attempt }) => (await cookies.keep(attempt, null, NOON))![0]!),
    )
    const junk = '__Host-drawbridge_attempt_junk=junk'
    const { attempt } = await begin()
    const [, ...dropped] = (await cookies.keep(attempt, `${junk}; ${headerOf(lines)}`, NOON))!
    const names = dropped.map((line) => line.split('=', 1)[0])
    expect(new Set(names)).toEqual(
      new Set([
        `__Host-drawbridge_attempt_${expired.attempt.id}`,
        '__Host-drawbridge_attempt_junk',
      ]),
    )
    expect(dropped.every((line) => line.includes('Max-Age=0'))).toBe(true)
  })
})

describe('a value sealed for one purpose', () => {
  it('is not taken for another', async () => {
    const cookies = createAttemptCookies(key, true)
    const responses = createResponseCookies(key, true)
    const { attempt } = await begin()
    const response = (await responses.keep(attempt.id, new URLSearchParams({ code: 'x' }), NOON))!
    const value = response.split(';', 1)[0]!.split('=')[1]
    const asAttempt = `__Host-drawbridge_attempt_${attempt.id}=${value}`
    expect(await cookies.find(attempt.id, asAttempt)).toBe('unreadable')
    const line = headerOf(await cookies.keep(attempt, null, NOON))
    const asResponse = `__Host-drawbridge_response_${attempt.id}=${line.split('=')[1]}`
    expect(await responses.find(attempt.id, asResponse, NOON)).toBeUndefined()
  })
})

it('an answer that was put by is found behind a cookie of its name that we cannot read', async () => {
  const responses = createResponseCookies(key, true)
  const { attempt } = await begin()
  const kept = new URLSearchParams({ code: 'x' })
  const header = headerOf([(await responses.keep(attempt.id, kept, NOON))!])
  const name = header.split('=', 1)[0]!
  const found = await responses.find(attempt.id, `${name}=x; ${header}`, NOON)
  expect(found?.get('code')).toBe('x')
})
