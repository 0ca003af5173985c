import {
  createExecutionContext,
  createMessageBatch,
  getQueueResult,
  waitOnExecutionContext,
} from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { receiveBatch } from '../../../src/core/revocation/cut-off-drain.ts'
import type { CutOffMessage } from '../../../src/core/revocation/cut-off-drain.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { storageName } from '../../../src/platform/digest.ts'
import worker from '../../../src/worker.ts'
import { createOperator, unreachable } from '../../admin/operator.ts'
import { freezeClock } from '../../world/clock.ts'
import { captureLog } from '../../world/log-lines.ts'
import { prepareKeyRing } from '../../world/signed-by-us.ts'
import { newUserId } from '../../../src/core/sessions/session.ts'
import type { UserId } from '../../../src/core/sessions/session.ts'
import { openInput, rowsOf, sessionsOf } from '../sessions/signed-in-user.ts'

beforeEach(async () => {
  captureLog()
  await prepareKeyRing(systemClock())
})

/** A queue that only remembers: the test delivers by itself. */
function queue() {
  const sent: CutOffMessage[] = []
  return { sent, send: async (message: CutOffMessage) => void sent.push(message) }
}

type There = ReturnType<typeof createOperator>['env']

let batches = 0

async function deliver(there: There, ...messages: CutOffMessage[]) {
  batches += 1
  const batch = createMessageBatch<CutOffMessage>(
    'drawbridge-session-ends',
    messages.map((body, i) => ({
      id: `${batches}-${i}`,
      timestamp: new Date(1000),
      attempts: 1,
      body,
    })),
  )
  const context = createExecutionContext()
  await worker.queue(batch as MessageBatch<CutOffMessage>, there as Env, context)
  await waitOnExecutionContext(context)
  return getQueueResult(batch as MessageBatch<CutOffMessage>, context)
}

/** Users in the directory, each with a session in their object; ids grow. */
async function people(count: number, providerId = 'otrotl'): Promise<UserId[]> {
  const now = systemClock()
  const ids = Array.from({ length: count }, () => newUserId()).toSorted()
  for (const [i, id] of ids.entries()) {
    await env.DIRECTORY.batch([
      env.DIRECTORY.prepare(
        'INSERT INTO users (id, created_at, updated_at) VALUES (?1, ?2, ?2)',
      ).bind(id, now),
      env.DIRECTORY.prepare(
        `INSERT INTO identities (issuer, subject, user_id, provider_id, created_at, last_sign_in_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5)`,
      ).bind(`https://${providerId}.example`, `subject-${i}`, id, providerId, now),
    ])
    await open(id, providerId)
  }
  await scheduler.wait(2)
  return ids
}

async function open(id: UserId, providerId: string) {
  const input = openInput(systemClock(), id)
  const authentication = { ...input.authentication, providerId }
  const opened = await sessionsOf().open({ ...input, authentication })
  if (!opened.ok) throw new Error(opened.refusal.code)
  return opened.value
}

const causes = async (id: UserId) => {
  const rows = await rowsOf(
    id,
    `SELECT end_cause, epoch < (SELECT epoch FROM user) AS is_past FROM sessions ORDER BY rowid`,
  )
  // What ended with its epoch is written down soon after: its row may say so by now, or not.
  return rows.map(({ end_cause: cause, is_past: isPast }) => (isPast === 1 ? 'epoch' : cause))
}

const EVERYONE = { scope: 'everyone', reason: 'operator' }

async function cutOff(body: object, bindings: object = {}) {
  const waiting = queue()
  const operator = createOperator({ SESSION_ENDS: waiting, ...bindings })
  const answer = await operator.ask('POST', '/cut-offs', body)
  const progress = async () =>
    (await operator.ask('GET', `/cut-offs/${String(answer.body.id)}`)).body
  return { answer, waiting, operator, progress, id: String(answer.body.id) }
}

describe('a cut-off asked for by an operator', () => {
  it('answers 202 with where to read on, and how soon it holds', async () => {
    await people(2)
    const { answer, waiting, operator } = await cutOff(EVERYONE)
    expect(answer.status).toBe(202)
    expect(answer.body).toMatchObject({
      scope: 'everyone',
      reason: 'operator',
      state: 'running',
      total: 2,
      done: 0,
      failed: 0,
      effective_within_seconds: 60,
    })
    expect(answer.headers.get('location')).toBe(answer.body.progress_url)
    expect(waiting.sent).toEqual([{ cutOffId: answer.body.id, from: '' }])
    const { body } = await operator.ask('GET', '/cut-offs')
    expect(body.cut_offs).toMatchObject([{ id: answer.body.id }])
    const audit = await operator.ask('GET', '/audit')
    expect(audit.body.events).toMatchObject([{ event: 'sessions.cut_off', actor: 'operator' }])
  })

  it('says how long it takes at most, where KV does not take it', async () => {
    vi.spyOn(env.REVOCATION, 'put').mockRejectedValue(new Error('away'))
    const { answer } = await cutOff(EVERYONE)
    expect([answer.status, answer.body.effective_within_seconds]).toEqual([202, 930])
  })

  it('stands in a list of pages, newest first, which one that is added meanwhile does not shift', async () => {
    const asked = [
      (await cutOff(EVERYONE)).id,
      (await cutOff(EVERYONE)).id,
      (await cutOff(EVERYONE)).id,
    ]
    const { ask } = createOperator()
    const page = async (query: string) => {
      const { body } = await ask('GET', `/cut-offs?${query}`)
      const ids = (body.cut_offs as { id: string }[]).map(({ id }) => asked.indexOf(id))
      return { ids, next: body.next_cursor as string | null }
    }
    const first = await page('limit=2')
    expect(first.ids).toEqual([2, 1])
    await cutOff(EVERYONE)
    expect(await page(`limit=2&cursor=${first.next}`)).toEqual({ ids: [0], next: null })
    expect((await ask('GET', '/cut-offs?cursor=x')).body.errors).toEqual([
      { parameter: 'cursor', detail: 'is no cursor of this list' },
    ])
  })

  it.each([
    ['no body', ''],
    ['no scope', { reason: 'operator' }],
    ['no reason', { scope: 'everyone' }],
    ['a reason of its own', { scope: 'everyone', reason: 'person' }],
    ['everyone, with an id', { scope: 'everyone', id: 'otrotl', reason: 'operator' }],
    ['a provider, without an id', { scope: 'provider', reason: 'operator' }],
    ['a provider that is a number', { scope: 'provider', id: 1, reason: 'operator' }],
    ['a single user', { scope: 'user', id: 'a'.repeat(32), reason: 'operator' }],
    ['a member that nobody knows', { ...EVERYONE, dry_run: true }],
    ['a member twice', '{"scope":"everyone","scope":"provider","reason":"operator"}'],
    ['a list', [EVERYONE]],
    ['text', 'everyone'],
  ])('is refused with %s, and ends nothing', async (_, body) => {
    const [id] = await people(1)
    const { answer, waiting, operator } = await cutOff(body as object)
    expect([answer.status, answer.body.code]).toEqual([400, 'invalid_request'])
    expect(waiting.sent).toEqual([])
    expect(await operator.gateway.core!.keys.cutOffs(systemClock())).toMatchObject({ value: [] })
    expect(await causes(id!)).toEqual([null])
  })

  it('is refused for a provider that never was, and taken for one that is gone', async () => {
    const unknown = await cutOff({ scope: 'provider', id: 'nobody', reason: 'operator' })
    expect([unknown.answer.status, unknown.answer.body.code]).toEqual([404, 'not_found'])
    await people(1, 'bygone')
    const gone = await cutOff({ scope: 'provider', id: 'bygone', reason: 'provider_removed' })
    expect([gone.answer.status, gone.answer.body.total]).toEqual([202, 1])
  })

  it.each([
    ['fails', () => Promise.reject(new Error('away'))],
    ['never answers', () => new Promise(() => {})],
  ])(
    'holds when the queue %s, and the cron sends for it',
    async (_, send) => {
      await people(1)
      const broken = { send }
      const { answer, id } = await cutOff(EVERYONE, { SESSION_ENDS: broken })
      expect(answer.status).toBe(202)
      const later = queue()
      const { core } = createOperator({ SESSION_ENDS: later }).gateway
      expect(await core!.cutOffDrain.restart(systemClock() + 60)).toBe(0)
      expect(await core!.cutOffDrain.restart(systemClock() + 300)).toBe(1)
      expect(later.sent).toEqual([{ cutOffId: id, from: '' }])
    },
    30_000,
  )
})

describe('the queue', () => {
  it('ends the sessions in every object, page by page, and tells how far it is', async () => {
    const ids = await people(103)
    const { waiting, operator, progress } = await cutOff(EVERYONE)
    const opened = await open(ids[0]!, 'otrotl')
    expect(await deliver(operator.env, waiting.sent[0]!)).toMatchObject({ outcome: 'ok' })
    expect(await progress()).toMatchObject({ state: 'running', done: 100, ended_sessions: 100 })
    await deliver(operator.env, waiting.sent[1]!)
    expect(await progress()).toMatchObject({ state: 'done', total: 103, done: 103, failed: 0 })
    expect(waiting.sent).toHaveLength(2)
    // The one with a session that came later lost only what came before.
    expect(await causes(ids[0]!)).toEqual(['operator', null])
    expect((await sessionsOf().peek(opened.cookie, systemClock())).ok).toBe(true)
    for (const id of [ids[1]!, ids[99]!, ids[102]!]) expect(await causes(id)).toEqual(['epoch'])
  })

  it('leaves a session that has begun since, however long it is under way', async () => {
    freezeClock(systemClock())
    const ids = await people(11)
    const [first, last] = [ids[0]!, ids[10]!]
    const slow = await storageName('user', first)
    const meanwhile = new Proxy(env.USER_SESSIONS, {
      get(namespace, member) {
        if (member !== 'getByName') return Reflect.get(namespace, member) as unknown
        return (name: string) => {
          const object = namespace.getByName(name)
          if (name !== slow) return object
          return {
            async endSessionsBefore(...asked: Parameters<typeof object.endSessionsBefore>) {
              vi.setSystemTime(Date.now() + 90_000)
              await open(last, 'otrotl')
              return object.endSessionsBefore(...asked)
            },
          }
        }
      },
    })
    vi.setSystemTime(Date.now() + 1)
    const { waiting, operator } = await cutOff(EVERYONE, { USER_SESSIONS: meanwhile })
    await deliver(operator.env, waiting.sent[0]!)
    expect(await causes(first)).toEqual(['epoch'])
    expect(await causes(last)).toEqual(['operator', null])
  })

  it('does a page once, however often and in whatever order it is delivered (L22)', async () => {
    const ids = await people(102)
    const { waiting, operator, progress } = await cutOff(EVERYONE)
    const [first] = waiting.sent as [CutOffMessage]
    await deliver(operator.env, first, first)
    await Promise.all([deliver(operator.env, first), deliver(operator.env, waiting.sent[1]!)])
    await deliver(operator.env, waiting.sent[1]!, first)
    expect(waiting.sent).toHaveLength(2)
    expect(await progress()).toMatchObject({ state: 'done', done: 102, ended_sessions: 102 })
    const { results } = await env.DIRECTORY.prepare(
      `SELECT user_id, COUNT(*) AS events FROM audit_events WHERE event = 'sessions.ended' GROUP BY user_id`,
    ).all<{ events: number }>()
    expect(results).toHaveLength(ids.length)
    expect(results.every(({ events }) => events === 1)).toBe(true)
  })

  it('leaves those who could not be reached to their own visit, which counts what it ends', async () => {
    const [id] = await people(1)
    const away = await cutOff(EVERYONE, { USER_SESSIONS: unreachable() })
    const [page] = away.waiting.sent as [CutOffMessage]
    await deliver(away.operator.env, page)
    const healed = createOperator({ SESSION_ENDS: queue() })
    await deliver(healed.env, page)
    expect(await causes(id!)).toEqual([null])
    expect(await away.progress()).toMatchObject({ state: 'incomplete', failed: 1 })
    await deliver(healed.env, { cutOffId: away.id })
    expect(await away.progress()).toMatchObject({ state: 'done', done: 1, ended_sessions: 1 })
  })

  it('takes the word of the first who has done a page on whom it could not reach', async () => {
    const [id] = await people(1)
    const { operator, progress, waiting } = await cutOff(EVERYONE)
    const { cutOffRecords } = operator.gateway.core!
    const [{ cutOffId, from = '' }] = waiting.sent as [CutOffMessage]
    const done = { cutOffId, from, to: null, visited: 1, endedSessions: 1, failed: [] }
    expect(await cutOffRecords.advance(done, systemClock())).toBe(true)
    const late = { ...done, endedSessions: 0, failed: [id!] }
    expect(await cutOffRecords.advance(late, systemClock())).toBe(false)
    expect(await progress()).toMatchObject({ state: 'done', failed: 0, ended_sessions: 1 })
  })

  it('counts what was ended of one who could not be reached, whichever of two visits says so first', async () => {
    const [id] = await people(1)
    const away = await cutOff(EVERYONE, { USER_SESSIONS: unreachable() })
    await deliver(away.operator.env, away.waiting.sent[0]!)
    const name = await storageName('user', id!)
    const second = createOperator({ SESSION_ENDS: queue() })
    const overtaken = new Proxy(env.USER_SESSIONS, {
      get(namespace, member) {
        if (member !== 'getByName') return Reflect.get(namespace, member) as unknown
        return (asked: string) => {
          const object = namespace.getByName(asked)
          if (asked !== name) return object
          return {
            async endSessionsBefore(...end: Parameters<typeof object.endSessionsBefore>) {
              const answer = await object.endSessionsBefore(...end)
              await deliver(second.env, { cutOffId: away.id })
              return answer
            },
          }
        }
      },
    })
    const first = createOperator({ SESSION_ENDS: queue(), USER_SESSIONS: overtaken })
    await deliver(first.env, { cutOffId: away.id })
    expect(await away.progress()).toMatchObject({ state: 'done', failed: 0, ended_sessions: 1 })
  })

  it('counts a page once, and sends for the next once, where two do it at the same time', async () => {
    await people(101)
    const { waiting, operator, progress } = await cutOff(EVERYONE)
    const [first] = waiting.sent as [CutOffMessage]
    await Promise.all([deliver(operator.env, first), deliver(operator.env, first)])
    expect(waiting.sent).toHaveLength(2)
    expect(await progress()).toMatchObject({ state: 'running', done: 100, ended_sessions: 100 })
  })

  it('ends the sessions of one provider only', async () => {
    const [ada] = await people(1, 'otrotl')
    const [bob] = await people(1, 'second')
    await open(ada!, 'second')
    await scheduler.wait(2)
    const { waiting, operator, progress } = await cutOff({
      scope: 'provider',
      id: 'otrotl',
      reason: 'provider_removed',
    })
    await deliver(operator.env, waiting.sent[0]!)
    expect(await progress()).toMatchObject({ state: 'done', scope_id: 'otrotl', total: 1, done: 1 })
    expect(await causes(ada!)).toEqual(['provider_removed', null])
    expect(await causes(bob!)).toEqual([null])
  })

  it('is held up by nobody who cannot be reached, and comes back to them', async () => {
    const ids = await people(3)
    const lost = await storageName('user', ids[1]!)
    const partly = new Proxy(env.USER_SESSIONS, {
      get(namespace, member) {
        if (member !== 'getByName') return Reflect.get(namespace, member) as unknown
        return (name: string) =>
          name === lost
            ? unreachable<Env['USER_SESSIONS']>().getByName(name)
            : namespace.getByName(name)
      },
    })
    const { waiting, operator, progress, id } = await cutOff(EVERYONE, { USER_SESSIONS: partly })
    await deliver(operator.env, waiting.sent[0]!)
    expect(await progress()).toMatchObject({ state: 'incomplete', done: 2, failed: 1 })
    expect(await causes(ids[2]!)).toEqual(['epoch'])

    const again = queue()
    const healed = createOperator({ SESSION_ENDS: again })
    expect(await healed.gateway.core!.cutOffDrain.restart(systemClock() + 300)).toBe(1)
    expect(again.sent).toEqual([{ cutOffId: id }])
    await deliver(healed.env, again.sent[0]!, again.sent[0]!)
    expect(await progress()).toMatchObject({
      state: 'done',
      done: 3,
      failed: 0,
      ended_sessions: 3,
    })
    expect(await causes(ids[1]!)).toEqual(['epoch'])
  })

  it('visits those first whom it has not tried for the longest', async () => {
    const ids = await people(102)
    const { waiting, operator, progress, id } = await cutOff(EVERYONE, {
      USER_SESSIONS: unreachable(),
    })
    await deliver(operator.env, waiting.sent[0]!)
    await deliver(operator.env, waiting.sent[1]!)
    await env.DIRECTORY.prepare('UPDATE cut_off_failures SET failed_at = failed_at - 60').run()
    await deliver(operator.env, { cutOffId: id })
    expect(await progress()).toMatchObject({ done: 0, failed: 102 })
    const { core } = operator.gateway
    const first = new Set(await core!.cutOffRecords.failures(id, 2))
    expect(ids.slice(100).every((last) => first.has(last))).toBe(true)
    expect(await core!.cutOffDrain.restart(systemClock() + 60)).toBe(0)
  })

  it('comes back first to the cut-off that has stood still for the longest', async () => {
    const [first, second] = [await cutOff(EVERYONE), await cutOff(EVERYONE)]
    const { core } = second.operator.gateway
    const stalled = async () => {
      const [longest] = await core!.cutOffRecords.stalled(systemClock() + 300, 1)
      return longest?.id
    }
    const putBack = 'UPDATE cut_offs SET updated_at = updated_at - 60 WHERE id = ?1'
    await env.DIRECTORY.prepare(putBack).bind(second.id).run()
    expect(await stalled()).toBe(second.id)
    await env.DIRECTORY.batch([1, 2].map(() => env.DIRECTORY.prepare(putBack).bind(first.id)))
    expect(await stalled()).toBe(first.id)
  })

  it('has a message delivered again when the directory does not answer, and forgets one of nothing', async () => {
    const away = {
      prepare: () => {
        throw new Error('away')
      },
    }
    const broken = createOperator({ DIRECTORY: away })
    const result = await deliver(broken.env, { cutOffId: 'x', from: '' })
    expect(result.retryMessages).toHaveLength(1)
    const fine = await deliver(createOperator().env, { cutOffId: 'unknown', from: '' })
    expect(fine.explicitAcks).toHaveLength(1)
  })

  it('waits longer before each delivery of a message that fails, and a minute at most', async () => {
    const { core } = createOperator({ DIRECTORY: {} }).gateway
    const delays: unknown[] = []
    const messages = [1, 2, 5, 6, 10].map((attempts) => ({
      attempts,
      body: { cutOffId: 'x', from: '' },
      retry: (how: QueueRetryOptions) => delays.push(how.delaySeconds),
    }))
    const facts = { requestId: 'x', clientKey: 'queue', waitUntil: () => {}, continent: undefined }
    const batch = { messages } as unknown as MessageBatch<CutOffMessage>
    await receiveBatch(core!.cutOffDrain, batch, facts)
    expect(delays).toEqual([2, 4, 32, 60, 60])
  })

  it('is a real one: what an operator asks for reaches the objects by itself', async () => {
    const [id] = await people(1)
    const operator = createOperator()
    const { body } = await operator.ask('POST', '/cut-offs', EVERYONE)
    await vi.waitFor(
      async () => {
        const { body: now } = await operator.ask('GET', `/cut-offs/${String(body.id)}`)
        expect(now.state).toBe('done')
      },
      { timeout: 20_000, interval: 250 },
    )
    expect(await causes(id!)).toEqual(['epoch'])
  })
})
