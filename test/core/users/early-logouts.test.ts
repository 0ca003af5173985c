import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { createEarlyLogouts } from '../../../src/core/users/early-logouts.ts'
import type { FinishedSignIn, ReceivedLogout } from '../../../src/core/users/early-logouts.ts'
import { captureLog } from '../../world/log-lines.ts'
import { NOON } from '../../world/clock.ts'

const early = createEarlyLogouts(env.DIRECTORY)
const issuer = 'https://otrotl.example'

const logout = (changes: Partial<ReceivedLogout> = {}): ReceivedLogout => ({
  issuer,
  subject: undefined,
  upstreamSid: undefined,
  scope: 'user',
  jtiHash: crypto.randomUUID(),
  tokenHash: 'token-1',
  issuedAt: NOON,
  receivedAtMilliseconds: NOON * 1000 + 500,
  ...changes,
})

/** A sign-in that began before the logout above was received, of somebody authenticated when it was issued. */
const signIn = (changes: Partial<FinishedSignIn> = {}): FinishedSignIn => ({
  issuer,
  subject: 'sub-alice',
  upstreamSid: 'sid-1',
  authenticatedAt: NOON,
  beganAtMilliseconds: NOON * 1000 + 400,
  now: NOON + 1,
  ...changes,
})

const isSignedOut = async (changes: Partial<FinishedSignIn> = {}) => {
  const found = await early.findFor(signIn(changes))
  if (!found.ok) throw new Error(found.refusal.code)
  return found.value.isSignedOut
}

const rows = async () =>
  (await env.DIRECTORY.prepare('SELECT * FROM early_logouts').all<{ jti_hash: string }>()).results

describe('a logout that names an upstream session', () => {
  beforeEach(() => early.mark(logout({ upstreamSid: 'sid-1' })))

  it('concerns every sign-in from it, whenever that began', async () => {
    expect(await isSignedOut()).toBe(true)
    const later = { beganAtMilliseconds: NOON * 1000 + 900_000, authenticatedAt: NOON + 800 }
    expect(await isSignedOut(later)).toBe(true)
  })

  it('concerns no other session and no other provider', async () => {
    expect(await isSignedOut({ upstreamSid: 'sid-2' })).toBe(false)
    expect(await isSignedOut({ upstreamSid: undefined })).toBe(false)
    expect(await isSignedOut({ issuer: 'https://second.example' })).toBe(false)
  })

  it('is forgotten after a quarter of an hour', async () => {
    expect(await isSignedOut({ now: NOON + 899 })).toBe(true)
    expect(await isSignedOut({ now: NOON + 900 })).toBe(false)
  })
})

describe('a logout that names a subject', () => {
  beforeEach(() => early.mark(logout({ subject: 'sub-alice' })))

  it('concerns a sign-in that had begun, of somebody who had been authenticated', async () => {
    expect(await isSignedOut()).toBe(true)
    expect(await isSignedOut({ upstreamSid: undefined })).toBe(true)
    expect(await isSignedOut({ beganAtMilliseconds: NOON * 1000 + 500 })).toBe(true)
  })

  it('leaves alone who begins anew, also within the same second', async () => {
    expect(await isSignedOut({ beganAtMilliseconds: NOON * 1000 + 501 })).toBe(false)
  })

  it('leaves alone who is authenticated anew in a sign-in that had begun', async () => {
    expect(await isSignedOut({ authenticatedAt: NOON + 1 })).toBe(false)
  })

  it('concerns nobody else', async () => {
    expect(await isSignedOut({ subject: 'sub-bob' })).toBe(false)
    expect(await isSignedOut({ issuer: 'https://second.example' })).toBe(false)
  })
})

describe('a logout that names a session and its subject', () => {
  it('concerns all of the subject’s sign-ins where the provider speaks for the user', async () => {
    await early.mark(logout({ subject: 'sub-alice', upstreamSid: 'sid-1' }))
    expect(await isSignedOut()).toBe(true)
    expect(await isSignedOut({ upstreamSid: 'sid-2' })).toBe(true)
    expect(await isSignedOut({ subject: 'sub-bob' })).toBe(false)
  })

  it('concerns that session alone where it speaks for the session', async () => {
    await early.mark(logout({ subject: 'sub-alice', upstreamSid: 'sid-1', scope: 'session' }))
    expect(await isSignedOut()).toBe(true)
    expect(await isSignedOut({ upstreamSid: 'sid-2' })).toBe(false)
    expect(await isSignedOut({ subject: 'sub-bob' })).toBe(false)
  })
})

it.each([`it's`, '"quoted"', 'a b', '100%', '%00', '#x', '王', 's'.repeat(1000), '_', '%'])(
  'an upstream session may be called %j',
  async (upstreamSid) => {
    await early.mark(logout({ upstreamSid }))
    expect(await isSignedOut({ upstreamSid })).toBe(true)
    expect(await isSignedOut({ upstreamSid: `${upstreamSid}x` })).toBe(false)
    expect(await isSignedOut({ upstreamSid: 'x' })).toBe(false)
  },
)

it('a provider’s clock decides nothing: skew, order and scope in all combinations', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: -60, max: 60 }), // the provider's clock against ours, seconds
      fc.integer({ min: -2000, max: 2000 }), // the sign-in began so long after the logout, milliseconds
      fc.integer({ min: -3, max: 3 }), // authenticated so long after the logout, the provider's seconds
      fc.constantFrom('user' as const, 'session' as const),
      fc.constantFrom('sub', 'sid', 'both'),
      async (skew, beganAfter, authenticatedAfter, scope, names) => {
        const subject = `sub-${crypto.randomUUID()}`
        const upstreamSid = `sid-${crypto.randomUUID()}`
        const receivedAtMilliseconds = NOON * 1000 + 500
        const issuedAt = NOON + skew
        await early.mark(
          logout({
            subject: names === 'sid' ? undefined : subject,
            upstreamSid: names === 'sub' ? undefined : upstreamSid,
            scope,
            receivedAtMilliseconds,
            issuedAt,
          }),
        )
        const mine = {
          subject,
          authenticatedAt: issuedAt + authenticatedAfter,
          beganAtMilliseconds: receivedAtMilliseconds + beganAfter,
        }
        const isOfSubject = names === 'sub' || (names === 'both' && scope === 'user')
        const isBefore = beganAfter <= 0 && authenticatedAfter <= 0
        expect(await isSignedOut({ ...mine, upstreamSid: 'another' })).toBe(isOfSubject && isBefore)
        expect(await isSignedOut({ ...mine, upstreamSid })).toBe(
          names !== 'sub' || (isOfSubject && isBefore),
        )
      },
    ),
    { numRuns: 60 },
  )
})

describe('the marker of a logout', () => {
  it('is written once, and another token of its jti is refused', async () => {
    const one = logout({ subject: 'sub-alice', jtiHash: 'jti-1' })
    expect(await early.mark(one)).toEqual({ ok: true, value: { isSettled: false } })
    const later = { ...one, receivedAtMilliseconds: one.receivedAtMilliseconds + 5000 }
    expect(await early.mark(later)).toEqual({ ok: true, value: { isSettled: false } })
    // Its time is that of the first arrival.
    expect(await isSignedOut({ beganAtMilliseconds: NOON * 1000 + 1000 })).toBe(false)
    expect(await early.mark({ ...one, tokenHash: 'token-2', subject: 'sub-bob' })).toMatchObject({
      refusal: { code: 'jti_reused' },
    })
    expect(await isSignedOut({ subject: 'sub-bob' })).toBe(false)
    // Every provider counts for itself.
    expect(await early.mark({ ...one, issuer: 'https://second.example', tokenHash: 't' })).toEqual({
      ok: true,
      value: { isSettled: false },
    })
  })

  it('says when there had been nobody to tell', async () => {
    const one = logout({ subject: 'sub-alice', jtiHash: 'jti-1' })
    await early.mark(one)
    await early.settle(one)
    expect(await early.mark(one)).toEqual({ ok: true, value: { isSettled: true } })
    expect(await isSignedOut()).toBe(true)
  })

  it('takes those that are over with it', async () => {
    await early.mark(logout({ subject: 'sub-alice', jtiHash: 'old' }))
    const receivedAtMilliseconds = (NOON + 900) * 1000
    await early.mark(logout({ subject: 'sub-bob', jtiHash: 'new', receivedAtMilliseconds }))
    expect((await rows()).map(({ jti_hash }) => jti_hash)).toEqual(['new'])
  })

  it('takes the provider’s oldest with it when there are too many', async () => {
    await env.DIRECTORY.prepare(
      `WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 10000)
       INSERT INTO early_logouts (issuer, jti_hash, token_hash, subject, is_of_subject, received_at_ms, not_before, expires_at)
       SELECT ?1, 'jti-' || n, 't', 'sub-' || n, 1, ?2 + n, 0, ?3 FROM counted`,
    )
      .bind(issuer, NOON * 1000, NOON + 900)
      .run()
    await early.mark(logout({ subject: 'new', receivedAtMilliseconds: NOON * 1000 + 20_000 }))
    const kept = await rows()
    expect(kept).toHaveLength(10_000)
    expect(kept.map(({ jti_hash }) => jti_hash)).not.toContain('jti-1')
    expect(kept.map(({ jti_hash }) => jti_hash)).toContain('jti-2')
  })

  it('is not taken for absent when the directory fails', async () => {
    captureLog()
    await env.DIRECTORY.prepare('DROP TABLE early_logouts').run()
    expect(await early.findFor(signIn())).toMatchObject({ refusal: { code: 'unavailable' } })
    expect(await early.mark(logout({ subject: 'x' }))).toMatchObject({
      refusal: { code: 'unavailable' },
    })
  })
})
