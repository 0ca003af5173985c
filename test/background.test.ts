import {
  createExecutionContext,
  createMessageBatch,
  getQueueResult,
  waitOnExecutionContext,
} from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import type { CutOffMessage } from '../src/core/revocation/cut-off-drain.ts'
import { createCutOffRecords } from '../src/core/revocation/cut-off-progress.ts'
import { createUndeliveredLogouts } from '../src/core/revocation/undelivered-logouts.ts'
import type { SessionId, UserId } from '../src/core/sessions/session.ts'
import { createEarlyLogouts, MARKER_LIFETIME_SECONDS } from '../src/core/users/early-logouts.ts'
import worker from '../src/worker.ts'
import { systemClock } from '../src/platform/clock.ts'
import { unreachable } from './admin/operator.ts'
import { captureLog } from './world/log-lines.ts'
import { prepareKeyRing } from './world/signed-by-us.ts'

/** D1, "Limits": queries of one invocation of a Worker. */
const MOST_QUERIES = 1000

let log: ReturnType<typeof captureLog>

beforeEach(async () => {
  log = captureLog()
  await prepareKeyRing(systemClock())
})

async function ring(bindings: object) {
  const context = createExecutionContext()
  await worker.scheduled({} as ScheduledController, { ...env, ...bindings } as Env, context)
  await waitOnExecutionContext(context)
  return log.lines.flatMap(({ event, chore }) =>
    event.startsWith('chore.') ? [`${String(chore)} ${event.slice('chore.'.length)}`] : [],
  )
}

describe('the cron', () => {
  it('sweeps the index of upstream sessions that are over, and leaves the others', async () => {
    const now = systemClock()
    for (const [sid, expiresAt] of [
      ['over', now - 1],
      ['live', now + 600],
    ] as const) {
      await env.DIRECTORY.prepare(
        `INSERT INTO upstream_sessions (issuer, upstream_sid, user_id, sid, expires_at)
         VALUES ('https://otrotl.example', ?1, 'u', ?1, ?2)`,
      )
        .bind(sid, expiresAt)
        .run()
    }
    expect(await ring({ USER_SESSIONS: unreachable() })).toEqual([
      'stalled_cut_offs done',
      'upstream_sessions done',
      'early_logouts done',
      'site_sessions done',
      'undelivered_logouts done',
      'site_connections done',
      'handoff_sessions done',
      'removed_applications done',
      'audit_events done',
      'pending_disables done',
      'pending_removals done',
      'canary done',
    ])
    const { results } = await env.DIRECTORY.prepare('SELECT sid FROM upstream_sessions').all()
    expect(results).toEqual([{ sid: 'live' }])
  })

  it('forgets the markers of logouts that are over, with whom they name, and keeps the others', async () => {
    const early = createEarlyLogouts(env.DIRECTORY)
    const now = Date.now()
    for (const [subject, age] of [
      ['fresh', 0],
      ['over', MARKER_LIFETIME_SECONDS + 1],
    ] as const) {
      const received = {
        issuer: 'https://otrotl.example',
        subject,
        upstreamSid: undefined,
        scope: 'user' as const,
        jtiHash: subject,
        tokenHash: subject,
        issuedAt: systemClock() - age,
        receivedAtMilliseconds: now - age * 1000,
      }
      expect(await early.mark(received)).toMatchObject({ ok: true })
    }
    await ring({ USER_SESSIONS: unreachable() })
    const { results } = await env.DIRECTORY.prepare('SELECT subject FROM early_logouts').all()
    expect(results).toEqual([{ subject: 'fresh' }])
  })

  it('forgets the logouts that were given up 31 days ago, and keeps the others', async () => {
    const now = systemClock()
    const undelivered = createUndeliveredLogouts(env.DIRECTORY)
    for (const [id, days] of [
      ['old', 31],
      ['newer', 30],
    ] as const) {
      const names = { applicationId: 'shop', subject: 'sub', clientSid: 'sid' }
      const delivery = {
        ...names,
        id,
        userId: 'a'.repeat(32) as UserId,
        sid: 'b'.repeat(32) as SessionId,
        protocol: 'openid' as const,
        endedAt: now - (days + 1) * 86_400,
        attempts: 30,
        lastError: 'timeout',
        remembered: undefined,
      }
      await undelivered.keep(delivery, now - days * 86_400)
    }
    await ring({ USER_SESSIONS: unreachable() })
    const left = await undelivered.list({ before: undefined, limit: 9 })
    expect(left.map(({ id }) => id)).toEqual(['newer'])
  })

  it('forgets where a service’s session was a day after it, and a removed application after 31 days', async () => {
    const now = systemClock()
    const [over, present] = [now - 1, now + 60]
    for (const at of [over, present]) {
      await env.DIRECTORY.batch([
        env.DIRECTORY.prepare(
          `INSERT INTO handoff_sessions (api_sid_hash, application_id, user_id, sid, expires_at)
           VALUES (?1, 'service', 'u', 's', ?1)`,
        ).bind(at),
        env.DIRECTORY.prepare(
          `INSERT INTO removed_applications (id, oauth, removed_at) VALUES (?1, 'null', ?1)`,
        ).bind(at - 31 * 86_400),
      ])
    }
    await ring({ USER_SESSIONS: unreachable() })
    const { results } = await env.DIRECTORY.prepare(
      `SELECT 'service' AS of, expires_at AS until FROM handoff_sessions
       UNION ALL SELECT 'application', removed_at + 31 * 86400 FROM removed_applications`,
    ).all()
    expect(results).toEqual([
      { of: 'service', until: present },
      { of: 'application', until: present },
    ])
  })

  it.each([
    { settings: {}, kept: [0, 90, 399] },
    { settings: { AUDIT_RETENTION_DAYS: 90 }, kept: [0, 90] },
    { settings: { AUDIT_RETENTION_DAYS: 3650 }, kept: [0, 90, 399, 401] },
  ])('forgets audit events when their time is over: $settings', async ({ settings, kept }) => {
    const now = systemClock()
    for (const days of [401, 399, 90, 0]) {
      await env.DIRECTORY.prepare(
        `INSERT INTO audit_events (at, event, request_id, details) VALUES (?1, ?2, 'r', '{}')`,
      )
        .bind(now + 60 - days * 86_400, `days:${days}`)
        .run()
    }
    await ring({ USER_SESSIONS: unreachable(), ...settings })
    const { results } = await env.DIRECTORY.prepare(
      `SELECT event FROM audit_events WHERE event LIKE 'days:%' ORDER BY at DESC`,
    ).all<{ event: string }>()
    expect(results.map(({ event }) => Number(event.slice(5)))).toEqual(kept)
  })

  it('does each chore, whatever becomes of the others', async () => {
    const directory = new Proxy(env.DIRECTORY, {
      get(database, name) {
        if (name !== 'prepare') return Reflect.get(database, name) as unknown
        return (sql: string) => {
          if (/user_directory|canary_runs/.test(sql)) throw new Error('away')
          return database.prepare(sql)
        }
      },
    })
    expect(await ring({ USER_SESSIONS: unreachable(), DIRECTORY: directory })).toEqual([
      'stalled_cut_offs done',
      'upstream_sessions done',
      'early_logouts done',
      'site_sessions done',
      'undelivered_logouts done',
      'site_connections done',
      'handoff_sessions done',
      'removed_applications done',
      'audit_events done',
      'pending_disables failed',
      'pending_removals done',
      'canary failed',
    ])
  })

  it('asks the directory no more than one run may, however much an outage has left to be done', async () => {
    const many = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)'
    const id = (prefix: string) => `'${prefix}' || printf('%031x', i)`
    await env.DIRECTORY.batch(
      [
        `INSERT INTO users (id, status, is_disable_pending, created_at, updated_at)
         ${many} SELECT ${id('d')}, 'disabled', 1, 1, 1 FROM n`,
        `INSERT INTO users (id, created_at, updated_at) ${many} SELECT ${id('a')}, 1, 1 FROM n`,
        `INSERT INTO site_users
           (user_token, company, user_id, external_id, is_leaving, created_at, updated_at)
         ${many} SELECT 't' || i, 'site:x', ${id('a')}, i, 1, 1, 1 FROM n`,
      ].map((statement) => env.DIRECTORY.prepare(statement)),
    )
    let asked = 0
    const directory = new Proxy(env.DIRECTORY, {
      get(database, name) {
        const member: unknown = Reflect.get(database, name)
        if (name === 'prepare') asked += 1
        return typeof member === 'function' ? member.bind(database) : member
      },
    })
    const chores = await ring({ DIRECTORY: directory })
    expect(chores.filter((chore) => chore.endsWith('failed'))).toEqual([])
    expect(asked).toBeLessThan(MOST_QUERIES)
    const left =
      'SELECT COUNT(*) AS left FROM site_users UNION ALL SELECT SUM(is_disable_pending) FROM users'
    const { results } = await env.DIRECTORY.prepare(left).all<{ left: number }>()
    for (const row of results) expect(row.left).toBeLessThan(200)
  })

  it('does the others though the queue, which the first of them sends to, never answers', async () => {
    const now = systemClock()
    const cutOff = { scope: 'everyone', id: '', cause: 'operator', at: 1 } as const
    await createCutOffRecords(env.DIRECTORY).open(cutOff, 1, now - 3600)
    const silent = { send: () => new Promise(() => {}) }
    const [first, ...others] = await ring({ USER_SESSIONS: unreachable(), SESSION_ENDS: silent })
    expect(first).toBe('stalled_cut_offs failed')
    expect(others).toHaveLength(11)
  }, 30_000)

  it('does nothing when the configuration is not valid', async () => {
    expect(await ring({ ISSUER: 'nonsense' })).toEqual([])
  })
})

describe('a gateway whose settings are not complete', () => {
  const incomplete = { ...env, ISSUER: '' } as unknown as Env

  it('takes no message of the queue: all come again when they are', async () => {
    const context = createExecutionContext()
    const body = { id: 'a-cut-off' } as unknown as CutOffMessage
    const sent = { id: 'm1', timestamp: new Date(), attempts: 1, body }
    const batch = createMessageBatch<CutOffMessage>('drawbridge-session-ends', [sent])
    await worker.queue(batch, incomplete, context)
    expect(await getQueueResult(batch, context)).toMatchObject({
      outcome: 'ok',
      retryBatch: { retry: true },
      explicitAcks: [],
    })
  })

  it('does no chore, and fails at none', async () => {
    const context = createExecutionContext()
    await worker.scheduled({} as ScheduledController, incomplete, context)
    await waitOnExecutionContext(context)
    expect(log.lines.filter(({ event }) => event.startsWith('chore.'))).toEqual([])
  })
})
