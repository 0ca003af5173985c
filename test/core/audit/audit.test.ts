import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createAudit } from '../../../src/core/audit/audit.ts'
import { shortHash } from '../../../src/core/audit/event-log.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { captureLog } from '../../world/log-lines.ts'

const SID = 'the-id-of-a-session'
const SUBJECT = 'auth0|alice'
const DAY_SECONDS = 86_400

let log: ReturnType<typeof captureLog>
let pending: Promise<unknown>[]

beforeEach(() => {
  log = captureLog()
  pending = []
})

const facts = {
  requestId: 'r1',
  clientKey: 'x',
  waitUntil: (work: Promise<unknown>) => void pending.push(work),
  continent: undefined,
}

const auditOf = (directory = env.DIRECTORY) => createAudit(directory, systemClock)

/** Rows of the past, whose ids follow the order of these calls. */
const addRows = (rows: number, at: number) =>
  env.DIRECTORY.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
     INSERT INTO audit_events (at, event, request_id, details) SELECT ?2, 'past', 'r', '{}' FROM n`,
  )
    .bind(rows, at)
    .run()

const countFrom = async (at: number) => {
  const { results } = await env.DIRECTORY.prepare('SELECT id FROM audit_events WHERE at >= ?')
    .bind(at)
    .all()
  return results.length
}

const ofUser = { userId: 'u1', sid: SID, providerId: 'otrotl', subject: SUBJECT } as const

describe('an event', () => {
  it('is one line, at the level of its outcome, that names nobody’s session or subject', async () => {
    const level = vi.spyOn(console, 'warn')
    await auditOf().record(facts, { event: 'login.accepted', ...ofUser })
    const refusal = { code: 'no_session', facts: { check: 'epoch' } }
    await auditOf().record(facts, { event: 'token.refused', refusal, facts: { door: 'bridge' } })
    expect(log.lines).toEqual([
      {
        level: 'info',
        event: 'login.accepted',
        request_id: 'r1',
        user: 'u1',
        provider: 'otrotl',
        sid_hash: await shortHash(SID),
        subject_hash: await shortHash(SUBJECT),
      },
      {
        level: 'warn',
        event: 'token.refused',
        request_id: 'r1',
        reason: 'no_session',
        check: 'epoch',
        door: 'bridge',
      },
    ])
    expect(level).toHaveBeenCalledTimes(1)
    expect(log.text()).not.toContain(SID)
    expect(log.text()).not.toContain(SUBJECT)
  })

  it('is called what it is, whatever its facts are called', async () => {
    const named = { event: 'other', request_id: 'other', reason: 'other', user: 'other' }
    const refusal = { code: 'no_session', facts: named }
    await auditOf().record(facts, { event: 'tab.refused', userId: 'u1', refusal, facts: named })
    const its = { event: 'tab.refused', request_id: 'r1', reason: 'no_session', user: 'u1' }
    expect(log.lines).toMatchObject([its])
  })
})

describe('what is stored', () => {
  it('is all of an event of a user, with the facts of its refusal and its own', async () => {
    const audit = auditOf()
    const refusal = { code: 'epoch', facts: { check: 'epoch' } }
    await audit.record(facts, { event: 'token.refused', ...ofUser, refusal, facts: { n: 1 } })
    await Promise.all(pending)
    expect(await audit.list({ before: Number.MAX_SAFE_INTEGER, limit: 9 })).toMatchObject([
      {
        event: 'token.refused',
        requestId: 'r1',
        userId: 'u1',
        sidHash: log.lines[0]?.['sid_hash'],
        providerId: 'otrotl',
        reason: 'epoch',
        actor: null,
        details: { check: 'epoch', n: 1 },
      },
    ])
  })

  it('is nothing that a stranger can cause, nothing routine, and nothing that comes often', async () => {
    const audit = auditOf()
    await audit.record(facts, { event: 'login.rejected', refusal: { code: 'state' } })
    await audit.record(facts, { event: 'session.ended', userId: 'u1', isRoutine: true })
    await audit.record(facts, { event: 'token.issued', userId: 'u1' })
    await audit.record(facts, { event: 'operator.read', actor: 'operator' })
    await audit.record(facts, { event: 'key.rotated', actor: 'operator' })
    await Promise.all(pending)
    const stored = await audit.list({ before: Number.MAX_SAFE_INTEGER, limit: 9 })
    expect(stored.map(({ event }) => event)).toEqual(['key.rotated'])
    expect(log.lines).toHaveLength(5)
  })

  it.each<[string, () => unknown]>([
    ['answers with an error', () => Promise.reject(new Error('away'))],
    [
      'throws at once',
      () => {
        throw new Error('away')
      },
    ],
  ])('keeps nobody from what was decided when the directory %s', async (_how, run) => {
    const statement = { bind: () => ({ run }) }
    const audit = auditOf({ prepare: () => statement } as unknown as D1Database)
    await audit.record(facts, { event: 'session.ended', userId: 'u1' })
    await Promise.all(pending)
    expect(log.lines).toMatchObject([
      { event: 'session.ended', user: 'u1' },
      { level: 'error', event: 'audit.not_stored', request_id: 'r1', error: 'Error: away' },
    ])
  })

  it('is not waited for by whoever asked, and goes on after the answer', async () => {
    const stored = Promise.withResolvers<void>()
    const statement = { bind: () => ({ run: () => stored.promise }) }
    const audit = auditOf({ prepare: () => statement } as unknown as D1Database)
    await audit.record(facts, { event: 'session.ended', userId: 'u1' })
    expect(pending).toHaveLength(1)
    stored.resolve()
    await pending[0]
  })
})

describe('what is older than its time', () => {
  it('is forgotten to the second', async () => {
    const before = systemClock() - 100 * DAY_SECONDS
    await addRows(1, before - 1)
    await addRows(1, before)
    await auditOf().forgetOlderThan(before)
    expect(await countFrom(0)).toBe(1)
    expect(await countFrom(before)).toBe(1)
  })

  it('is forgotten 10,000 at once, the oldest first', async () => {
    const before = systemClock() - 100 * DAY_SECONDS
    await addRows(10_000, before - 2)
    await addRows(1, before - 1)
    await auditOf().forgetOlderThan(before)
    expect([await countFrom(0), await countFrom(before - 1)]).toEqual([1, 1])
    await auditOf().forgetOlderThan(before)
    expect(await countFrom(0)).toBe(0)
  })
})
