import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { createCanaryRuns } from '../../../src/core/revocation/canary-runs.ts'
import { CANARY_USER_ID, createCanary } from '../../../src/core/revocation/canary.ts'
import { createRevocation } from '../../../src/core/revocation/revocation.ts'
import type { Revocation } from '../../../src/core/revocation/revocation.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { ok, refuse } from '../../../src/platform/refusal.ts'
import { createOperator, unreachable } from '../../admin/operator.ts'
import { captureLog } from '../../world/log-lines.ts'
import { prepareKeyRing } from '../../world/signed-by-us.ts'

const facts = {
  requestId: 'request-1',
  clientKey: 'cron',
  waitUntil: () => undefined,
  continent: undefined,
}

beforeEach(async () => {
  captureLog()
  await prepareKeyRing(systemClock())
})

function canary(changes: Partial<Parameters<typeof createCanary>[0]> = {}, bindings = {}) {
  const { core } = createOperator(bindings).gateway
  const { sessions, accessTokens, ends, canaryRuns: runs, clock } = core!
  return createCanary({
    sessions,
    accessTokens,
    ends,
    runs,
    clock,
    provider: { id: 'otrotl', issuer: 'https://otrotl.example' },
    newRevocation: () =>
      createRevocation({ hints: env.REVOCATION, userSessions: env.USER_SESSIONS }),
    watchedMilliseconds: 8000,
    pauseMilliseconds: 100,
    ...changes,
  })
}

describe('the canary', () => {
  it('sees every level refuse the token of its ended session, strict at once, cached after its memory', async () => {
    const run = await canary().run(facts, systemClock())
    expect(run.problem).toBeNull()
    const { strict, bounded, cached } = run.acceptedMilliseconds
    expect([strict, bounded]).toEqual([0, 0])
    expect(cached).toBeGreaterThan(0)
    const { body } = await createOperator().ask('GET', '/canary')
    expect(body.runs).toMatchObject([
      { at: run.at, problem: null, accepted_ms: { strict: 0, bounded: 0, cached } },
    ])
    // Nobody decided anything: the trail is not to fill with it, every five minutes.
    expect((await createOperator().ask('GET', '/audit')).body.events).toEqual([])
  })

  it('says so when a level never refuses', async () => {
    const never: Revocation = { check: async () => ok(undefined) }
    const run = await canary({ newRevocation: () => never, watchedMilliseconds: 300 }).run(
      facts,
      systemClock(),
    )
    expect(run.acceptedMilliseconds).toEqual({ strict: null, bounded: null, cached: null })
    expect(run.problem).toBeNull()
    expect(run.watchedMilliseconds).toBeGreaterThan(0)
  })

  it('writes down what kept it from measuring', async () => {
    const run = await canary({}, { USER_SESSIONS: unreachable() }).run(facts, systemClock())
    expect(run).toMatchObject({ problem: 'session_not_opened', watchedMilliseconds: 0 })
    expect(await createCanaryRuns(env.DIRECTORY).list()).toMatchObject([
      { problem: 'session_not_opened' },
    ])
  })

  it.each([
    ['session_not_ended', { ends: { endSession: async () => refuse('unavailable') } }],
    ['token_not_accepted', { newRevocation: () => ({ check: async () => refuse('revoked') }) }],
  ] as const)('has no figures where it meets %s', async (problem, changes) => {
    const run = await canary(changes).run(facts, systemClock())
    const none = { strict: null, bounded: null, cached: null }
    expect(run).toMatchObject({ problem, acceptedMilliseconds: none, watchedMilliseconds: 0 })
  })

  it('leaves no session behind where it gets no token', async () => {
    const { accessTokens, ends } = createOperator().gateway.core!
    const ended: unknown[] = []
    const run = await canary({
      accessTokens: { ...accessTokens, issue: async () => refuse('unavailable') },
      ends: {
        async endSession(...asked) {
          const end = await ends.endSession(...asked)
          if (end.ok) ended.push(end.value)
          return end
        },
      },
    }).run(facts, systemClock())
    expect([run.problem, ended]).toEqual(['token_not_issued', [{ ended: true }]])
  })

  it('is no person: operators do not find it, and it cannot be looked at', async () => {
    await canary({ watchedMilliseconds: 0 }).run(facts, systemClock())
    const { ask } = createOperator()
    expect((await ask('GET', '/users')).body.users).toEqual([])
    expect((await ask('GET', `/users/${CANARY_USER_ID}`)).status).toBe(404)
  })

  it('keeps the newest hundred figures', async () => {
    const runs = createCanaryRuns(env.DIRECTORY)
    for (let at = 1; at <= 103; at += 1) {
      await runs.add({
        at,
        problem: null,
        acceptedMilliseconds: { strict: 0, bounded: 1, cached: 2 },
        watchedMilliseconds: 3,
      })
    }
    const kept = (await runs.list()).map(({ at }) => at)
    expect([kept.length, kept[0], kept.at(-1)]).toEqual([100, 103, 4])
  })
})
