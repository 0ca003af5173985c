import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createAudit } from '../../../src/core/audit/audit.ts'
import { createEndSession } from '../../../src/core/revocation/end-session.ts'
import { newSessionId, newUserId } from '../../../src/core/sessions/session.ts'
import type { EndCause } from '../../../src/core/sessions/session.ts'
import type { RequestFacts } from '../../../src/platform/request-facts.ts'
import { handoffSessions } from '../../world/applications.ts'
import { freezeClock } from '../../world/clock.ts'
import { family, person, refused, rotate, SHOP } from '../sessions/granted.ts'
import { IDLE_SECONDS, openInput, sessionsOf, signedIn, START } from '../sessions/signed-in-user.ts'

let work: Promise<unknown>[] = []
const facts: RequestFacts = {
  requestId: 'request-1',
  clientKey: '192.0.2.1',
  continent: undefined,
  waitUntil: (more) => void work.push(more),
}

beforeEach(() => {
  work = []
  freezeClock(START)
  vi.spyOn(console, 'info').mockImplementation(() => {})
})

const sessions = sessionsOf()
const ends = () =>
  createEndSession({
    sessions,
    handoffSessions: handoffSessions(),
    audit: createAudit(env.DIRECTORY, () => START),
  })

async function auditOf(userId: string) {
  await Promise.all(work)
  const { results } = await env.DIRECTORY.prepare(
    'SELECT event, sid_hash, request_id, details FROM audit_events WHERE user_id = ? ORDER BY id',
  )
    .bind(userId)
    .all<{ event: string; sid_hash: string | null; request_id: string; details: string }>()
  return results
}

describe('disconnecting an application', () => {
  it('leaves one audit event that names it, and none when there was nothing to end', async () => {
    const ada = await person(START)
    const { refreshToken } = await family(ada)
    const question = { userId: ada.userId, applicationId: SHOP, now: START }
    expect(await ends().disconnectApplication(facts, question)).toMatchObject({
      ok: true,
      value: { isChanged: true },
    })
    expect(await rotate(refreshToken, START)).toMatchObject(refused('unknown'))
    expect(await ends().disconnectApplication(facts, question)).toMatchObject({
      ok: true,
      value: { isChanged: false },
    })
    expect(await auditOf(ada.userId)).toMatchObject([
      { event: 'application.disconnected', details: JSON.stringify({ application: SHOP }) },
    ])
    expect((await sessions.use(ada.cookie, START)).ok).toBe(true)
  })
})

describe('the end of a session', () => {
  const causes: EndCause[] = [
    'person',
    'replaced_by_sign_in',
    'provider_back_channel',
    'provider_front_channel',
    'operator',
    'provider_removed',
    'application_removed',
    'key_compromised',
  ]

  it.each(causes)('by %s ends it, keeps the cause and leaves one audit event', async (cause) => {
    const { userId, session, cookie } = await signedIn(START)
    const end = { userId, sid: session.sid, cause, now: START }
    expect(await ends().endSession(facts, end)).toEqual({ ok: true, value: { ended: true } })
    expect(await sessions.use(cookie, START)).toMatchObject({
      refusal: { code: 'no_session', facts: { cause } },
    })
    const events = await auditOf(userId)
    expect(events).toEqual([
      {
        event: 'session.ended',
        sid_hash: expect.any(String),
        request_id: 'request-1',
        details: JSON.stringify({ cause }),
      },
    ])
    expect(JSON.stringify(events)).not.toContain(session.sid)
  })

  it('that comes a second time changes nothing, not even the cause, and is not audited', async () => {
    const { userId, session, cookie } = await signedIn(START)
    const end = { userId, sid: session.sid, cause: 'person' as const, now: START }
    await ends().endSession(facts, end)
    expect(await ends().endSession(facts, { ...end, cause: 'operator', now: START + 1 })).toEqual({
      ok: true,
      value: { ended: false },
    })
    expect(await sessions.use(cookie, START)).toMatchObject({
      refusal: { facts: { cause: 'person' } },
    })
    expect(await auditOf(userId)).toHaveLength(1)
  })

  it('that never was is no event', async () => {
    const userId = newUserId()
    const end = { userId, sid: newSessionId(), cause: 'person' as const, now: START }
    expect(await ends().endSession(facts, end)).toEqual({ ok: true, value: { ended: false } })
    expect(await auditOf(userId)).toEqual([])
  })
})

describe('the end of all sessions', () => {
  it('leaves one audit event with the cause and their number', async () => {
    const { userId, cookie } = await signedIn(START)
    await signedIn(START, userId)
    const end = { userId, cause: 'provider_back_channel' as const, now: START }
    expect(await ends().endAllSessions(facts, end)).toMatchObject({ value: { ended: 2 } })
    expect(await sessions.use(cookie, START)).toMatchObject({
      refusal: { facts: { cause: 'provider_back_channel' } },
    })
    expect(await ends().endAllSessions(facts, end)).toMatchObject({ value: { ended: 0 } })
    expect(await auditOf(userId)).toMatchObject([
      {
        event: 'sessions.ended',
        details: JSON.stringify({ cause: 'provider_back_channel', ended: 2 }),
      },
    ])
  })

  it('touches no other user', async () => {
    const [ada, bob] = [await signedIn(START), await signedIn(START)]
    await ends().endAllSessions(facts, { userId: ada.userId, cause: 'person', now: START })
    expect((await sessions.use(bob.cookie, START)).ok).toBe(true)
  })
})

describe('the end of all other sessions', () => {
  it('keeps the one, and its tokens: the epoch stays', async () => {
    const { userId, session, cookie } = await signedIn(START)
    const others = [await signedIn(START, userId), await signedIn(START, userId)]
    const end = { userId, sid: session.sid, cause: 'person' as const, now: START }
    expect(await ends().endOtherSessions(facts, end)).toEqual({ ok: true, value: { ended: 2 } })
    expect(await sessions.use(cookie, START)).toMatchObject({ value: { epoch: session.epoch } })
    for (const other of others) {
      expect(await sessions.use(other.cookie, START)).toMatchObject({
        refusal: { facts: { cause: 'person' } },
      })
    }
    expect(await ends().endOtherSessions(facts, end)).toEqual({ ok: true, value: { ended: 0 } })
    expect(await auditOf(userId)).toMatchObject([
      { event: 'sessions.ended', details: JSON.stringify({ cause: 'person', ended: 2 }) },
    ])
  })

  it('counts none that had run out, which ended by running out', async () => {
    const kept = await signedIn(START)
    const old = await signedIn(START, kept.userId)
    const now = START + IDLE_SECONDS
    const latest = await signedIn(now, kept.userId)
    const end = { userId: kept.userId, sid: latest.session.sid, cause: 'person' as const, now }
    expect(await ends().endOtherSessions(facts, end)).toEqual({ ok: true, value: { ended: 0 } })
    expect(await sessions.use(old.cookie, now)).toMatchObject({
      refusal: { facts: { cause: 'idle_deadline' } },
    })
    expect(await auditOf(kept.userId)).toEqual([])
  })

  it('touches no other user, and is nothing to one who is not there', async () => {
    const [ada, bob] = [await signedIn(START), await signedIn(START)]
    const end = { sid: ada.session.sid, cause: 'person' as const, now: START }
    await ends().endOtherSessions(facts, { ...end, userId: ada.userId })
    expect((await sessions.use(bob.cookie, START)).ok).toBe(true)
    const nobody = { ...end, userId: newUserId() }
    expect(await ends().endOtherSessions(facts, nobody)).toEqual({ ok: true, value: { ended: 0 } })
  })
})

describe('disabling a user', () => {
  it('ends every session, lets none open, and is audited also when there was none', async () => {
    const userId = newUserId()
    expect((await ends().disableUser(facts, { userId, now: START })).ok).toBe(true)
    expect(await sessions.open(openInput(START, userId))).toMatchObject({
      refusal: { code: 'user_disabled' },
    })
    expect(await auditOf(userId)).toMatchObject([
      { event: 'sessions.ended', details: JSON.stringify({ cause: 'user_disabled', ended: 0 }) },
    ])
  })
})

describe('an object that cannot be reached', () => {
  it('is reported, and audited as asked for and not known to have been done', async () => {
    const { userId, session, cookie } = await signedIn(START)
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const unreachable = sessionsOf({
      getByName: () => {
        throw new Error('away')
      },
    } as unknown as Env['USER_SESSIONS'])
    const audit = createAudit(env.DIRECTORY, () => START)
    const away = createEndSession({
      sessions: unreachable,
      handoffSessions: handoffSessions(),
      audit,
    })
    const unavailable = { ok: false, refusal: { code: 'unavailable' } }
    const end = { userId, sid: session.sid, cause: 'person' as const, now: START }
    expect(await away.endSession(facts, end)).toEqual(unavailable)
    expect(await away.endAllSessions(facts, { ...end, cause: 'operator' })).toEqual(unavailable)
    expect(await away.endOtherSessions(facts, end)).toEqual(unavailable)
    expect(await away.disableUser(facts, end)).toEqual(unavailable)
    const disconnected = { userId, applicationId: SHOP, now: START }
    expect(await away.disconnectApplication(facts, disconnected)).toEqual(unavailable)
    const logout = {
      issuer: 'https://otrotl.example',
      subject: 'alice',
      scope: 'user',
      cause: 'provider_back_channel',
    } as const
    expect(await away.endForProvider(facts, { userId, logout, now: START })).toEqual(unavailable)
    // The clearing up after a sign-in that did not come about is nobody's wish.
    expect(await away.endSession(facts, { ...end, isRoutine: true })).toEqual(unavailable)
    const event = 'sessions.end_unconfirmed'
    const written = (cause: string) => ({ event, details: JSON.stringify({ cause }) })
    const events = await auditOf(userId)
    expect(events.map(({ sid_hash: hash }) => hash !== null)).toEqual([
      true,
      ...events.slice(1).map(() => false),
    ])
    expect(events).toMatchObject(
      ['person', 'operator', 'person', 'user_disabled', 'person', 'provider_back_channel'].map(
        written,
      ),
    )
    expect((await sessions.use(cookie, START)).ok).toBe(true)
  })
})
