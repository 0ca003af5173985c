import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { expect, it, vi } from 'vitest'
import { createRevocation } from '../../../src/core/revocation/revocation.ts'
import type { JudgedToken } from '../../../src/core/revocation/revocation.ts'
import type { LiveSession, UserId } from '../../../src/core/sessions/session.ts'
import { deadlineOf, newUserId } from '../../../src/core/sessions/session.ts'
import { randomId } from '../../../src/platform/random.ts'
import { freezeClock } from '../../world/clock.ts'
import type { TestClock } from '../../world/clock.ts'
import {
  ABSOLUTE_SECONDS,
  IDLE_SECONDS,
  objectOf,
  openInput,
  sessionsOf,
  START,
  TOKEN_SECONDS,
} from './signed-in-user.ts'

/** What ought to be: the set of sessions that are live, and what they minted. Nothing else is remembered. */
interface Model {
  now: number
  isDisabled: boolean
  sessions: {
    isEnded: boolean
    lastUsedAt: number
    idleDeadlineAt: number
    absoluteDeadlineAt: number
  }[]
  /** The session each token came from, and when it expires. */
  tokens: { session: number; exp: number }[]
}

/** What is: the user's real object, the cookies and the tokens that were handed out. */
interface Real {
  clock: TestClock
  userId: UserId
  cookies: string[]
  sids: LiveSession[]
  tokens: JudgedToken[]
}

type Step = fc.AsyncCommand<Model, Real>

const sessions = sessionsOf()

const isLive = (model: Model, session: Model['sessions'][number]): boolean =>
  !session.isEnded && model.now < session.idleDeadlineAt && model.now < session.absoluteDeadlineAt

/** After each step: every cookie and every token ever handed out is judged as the model says. */
async function compare(model: Model, real: Real): Promise<void> {
  for (const session of model.sessions) if (!isLive(model, session)) session.isEnded = true
  const live = await sessions.list(real.userId, model.now)
  const expected = real.sids.filter((_, at) => isLive(model, model.sessions[at]!))
  expect(live.ok && live.value.map(({ sid }) => sid)).toEqual(
    expected.map(({ sid }) => sid).toReversed(),
  )
  const revocation = createRevocation({ hints: env.REVOCATION, userSessions: env.USER_SESSIONS })
  await Promise.all([
    ...real.cookies.map(async (cookie, at) => {
      const { ok } = await sessions.peek(cookie, model.now)
      expect(ok, `cookie ${at}`).toBe(isLive(model, model.sessions[at]!))
    }),
    ...real.tokens.map(async (token, at) => {
      const { session, exp } = model.tokens[at]!
      if (model.now >= exp) return
      for (const level of ['strict', 'bounded'] as const) {
        const { ok } = await revocation.check(level, token, model.now)
        expect(ok, `token ${at} at ${level}`).toBe(isLive(model, model.sessions[session]!))
      }
    }),
  ])
}

const step = (
  name: string,
  run: (model: Model, real: Real) => Promise<void>,
  check: (model: Model) => boolean = () => true,
): Step => ({
  toString: () => name,
  check,
  run: async (model, real) => {
    await run(model, real)
    await compare(model, real)
  },
})

const open = () =>
  step('open', async (model, real) => {
    const opened = await sessions.open(openInput(model.now, real.userId))
    expect(opened.ok).toBe(!model.isDisabled)
    if (!opened.ok) return
    real.cookies.push(opened.value.cookie)
    real.sids.push(opened.value.session)
    model.sessions.push({
      isEnded: false,
      lastUsedAt: model.now,
      idleDeadlineAt: model.now + IDLE_SECONDS,
      absoluteDeadlineAt: model.now + ABSOLUTE_SECONDS,
    })
  })

const at = (model: Model, pick: number) => pick % model.sessions.length
const hasSessions = (model: Model) => model.sessions.length > 0

const useAndMint = (pick: number) =>
  step(
    `use(${pick})`,
    async (model, real) => {
      const index = at(model, pick)
      const session = model.sessions[index]!
      const used = await sessions.use(real.cookies[index], model.now)
      expect(used.ok).toBe(isLive(model, session))
      if (!used.ok) return
      if (model.now - session.lastUsedAt >= 60) {
        session.lastUsedAt = model.now
        session.idleDeadlineAt = model.now + IDLE_SECONDS
      }
      expect(used.value.idleDeadlineAt).toBe(session.idleDeadlineAt)
      const exp = Math.min(model.now + TOKEN_SECONDS, deadlineOf(used.value))
      const { sid, epoch } = used.value
      real.tokens.push({ sub: real.userId, sid, epoch, jti: randomId(), exp })
      model.tokens.push({ session: index, exp })
    },
    hasSessions,
  )

const end = (pick: number) =>
  step(
    `end(${pick})`,
    async (model, real) => {
      const index = at(model, pick)
      const session = model.sessions[index]!
      const { sid } = real.sids[index]!
      const ended = await sessions.end(real.userId, sid, 'person', model.now)
      const sids = isLive(model, session) ? [sid] : []
      expect(ended).toEqual({ ok: true, value: { sids } })
      session.isEnded = true
    },
    hasSessions,
  )

const endAll = () =>
  step('endAll', async (model, real) => {
    const live = model.sessions.filter((session) => isLive(model, session))
    expect(await sessions.endAll(real.userId, 'operator', model.now)).toMatchObject({
      value: { ended: live.length },
    })
    for (const session of live) session.isEnded = true
  })

const disable = () =>
  step('disable', async (model, real) => {
    await sessions.disable(real.userId, model.now)
    model.isDisabled = true
    for (const session of model.sessions) session.isEnded = true
  })

const enable = () =>
  step('enable', async (model, real) => {
    await sessions.enable(real.userId)
    model.isDisabled = false
  })

const advance = (seconds: number) =>
  step(`advance(${seconds})`, async (model, real) => {
    real.clock.advance(seconds)
    model.now += seconds
  })

const ring = () =>
  step('ring', async (_model, real) => {
    await runDurableObjectAlarm(await objectOf(real.userId))
  })

const evict = () =>
  step('evict', async (model, real) => {
    // Only an object that runs can be evicted.
    await sessions.list(real.userId, model.now)
    await evictDurableObject(await objectOf(real.userId))
  })

it('every history of opens, uses, ends and time leaves exactly the sessions and tokens of the model alive', async () => {
  vi.spyOn(console, 'info').mockImplementation(() => {})
  const pick = fc.nat(7)
  const seconds = fc.constantFrom(0, 1, 30, 59, 60, 61, 299, 300, 400, 1800, 3599, 3600, 43_200)
  const histories = fc.commands(
    [
      fc.constant(open()),
      fc.constant(open()),
      pick.map(useAndMint),
      pick.map(useAndMint),
      pick.map(end),
      fc.constant(endAll()),
      fc.constant(disable()),
      fc.constant(enable()),
      fc.constant(enable()),
      seconds.map(advance),
      fc.constant(ring()),
      fc.constant(evict()),
    ],
    { maxCommands: 40, size: 'max' },
  )
  await fc.assert(
    fc.asyncProperty(histories, async (history) => {
      const clock = freezeClock(START)
      const model: Model = { now: START, isDisabled: false, sessions: [], tokens: [] }
      const real: Real = { clock, userId: newUserId(), cookies: [], sids: [], tokens: [] }
      await fc.asyncModelRun(() => ({ model, real }), history)
    }),
    { numRuns: 40, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: false },
  )
}, 120_000)
