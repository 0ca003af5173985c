/**
 * Any history of one gateway, through HTTP: people sign in and out, applications and sites get and lose what they are
 * given, providers and operators end things, time passes. After each step, everything that was ever handed out is as
 * good as a small model says (`whole-life-model.ts`).
 */
import fc from 'fast-check'
import { expect, it, vi } from 'vitest'
import type { UserId } from '../src/core/sessions/session.ts'
import { ring } from './core/sessions/published-hint.ts'
import {
  signOut,
  signOutEverywhere,
  endOwn,
  leaveApplication,
  upstreamLogout,
  frame,
  endAll,
  disable,
  enable,
  endOne,
  cutOff,
  switchApplication,
  rotateKey,
  compromise,
  hearElsewhere,
  advance,
  ringAll,
  evict,
  erase,
  changePassword,
} from './whole-life-ends.ts'
import { APPLICATIONS, Model } from './whole-life-model.ts'
import type { Credential } from './whole-life-model.ts'
import {
  askTicket,
  leaveService,
  redeem,
  revokeAccess,
  revokeRefresh,
  shareSession,
  takeConnection,
  unshare,
  visitSite,
  withdraw,
} from './whole-life-services.ts'
import {
  CLIENTS,
  settleDoubts,
  passTime,
  signInAt,
  bridge,
  authorize,
  exchange,
  refresh,
} from './whole-life-steps.ts'
import type { Step, Client } from './whole-life-steps.ts'
import { openGateway } from './whole-life.ts'
import type { Real } from './whole-life.ts'
import { emptyStores } from './world/empty-stores.ts'

/** One after the other, as far as they can be taken. */
const inTurn = (...steps: readonly Step[]): Step => ({
  toString: () => steps.map((each) => each.toString()).join(' + '),
  check: () => true,
  run: async (model, real) => {
    for (const each of steps) if (each.check(model)) await each.run(model, real)
  },
})

const NEWEST = 0
const NEWEST_BUT_ONE = 2
const getTokens = (browser: number, name: Client) =>
  inTurn(authorize(browser, name), exchange(NEWEST))
const handOver = (browser: number) => inTurn(askTicket(browser), redeem(NEWEST))
const meetSite = (browser: number) => inTurn(visitSite(browser), takeConnection(NEWEST))

const OPENING = [
  signInAt(0, 0),
  signInAt(1, 0),
  signInAt(2, 1),
  getTokens(0, 'mall'),
  getTokens(1, 'forum'),
  getTokens(2, 'phone'),
  getTokens(1, 'phone'),
  getTokens(2, 'mall'),
  handOver(0),
  handOver(2),
  meetSite(1),
  shareSession(0),
  meetSite(2),
  shareSession(1),
  // What was taken before is shown again: a code, a ticket, and a refresh token in time and too late.
  inTurn(getTokens(0, 'forum'), exchange(NEWEST)),
  inTurn(handOver(1), redeem(NEWEST)),
  inTurn(getTokens(1, 'mall'), refresh(NEWEST), refresh(NEWEST_BUT_ONE), advance(11)),
  refresh(NEWEST_BUT_ONE),
]

const browser = fc.nat(3)
const who = fc.nat(2)
const pick = fc.nat(15)
const name = fc.constantFrom(...APPLICATIONS)
const client = fc.constantFrom(...CLIENTS)

const often = [
  fc.tuple(browser, who).map(([b, w]) => signInAt(b, w)),
  fc.tuple(browser, who).map(([b, w]) => signInAt(b, w)),
  pick.map(bridge),
  pick.map(bridge),
  fc.tuple(browser, client).map(([b, c]) => authorize(b, c)),
  fc.tuple(browser, client).map(([b, c]) => getTokens(b, c)),
  fc.tuple(browser, client).map(([b, c]) => getTokens(b, c)),
  pick.map(exchange),
  pick.map(refresh),
  pick.map(refresh),
  browser.map(askTicket),
  browser.map(handOver),
  pick.map(redeem),
  browser.map(visitSite),
  browser.map(meetSite),
  pick.map(takeConnection),
  who.map(shareSession),
  fc.constantFrom(0, 1, 9, 30, 59).map(advance),
  fc.constantFrom(10, 11, 60, 61, 119, 299).map(advance),
  fc.constant(hearElsewhere()),
]

const seldom = [
  fc.constantFrom(300, 1800, 3599, 3600, 43_200).map(advance),
  pick.map(revokeRefresh),
  pick.map(revokeAccess),
  fc.tuple(browser, name).map(([b, n]) => withdraw(b, n)),
  pick.map(leaveService),
  pick.map(unshare),
  browser.map(signOut),
  fc.tuple(browser, fc.boolean()).map(([b, but]) => signOutEverywhere(b, but)),
  fc.tuple(browser, pick).map(([b, p]) => endOwn(b, p)),
  fc.tuple(browser, pick).map(([b, p]) => leaveApplication(b, p)),
  fc
    .tuple(pick, fc.constantFrom('sid' as const, 'sub' as const, 'both' as const))
    .map(([p, names]) => upstreamLogout(p, names)),
  pick.map(frame),
  who.map(endAll),
  fc.tuple(who, fc.boolean()).map(([w, isOff]) => (isOff ? disable(w) : enable(w))),
  who.map(erase),
  who.map(changePassword),
  pick.map(endOne),
  fc
    .tuple(
      fc.constantFrom('everyone' as const, 'otrotl' as const, 'second' as const, ...APPLICATIONS),
      fc.boolean(),
    )
    .map(([scope, isCarried]) => cutOff(scope, isCarried)),
  fc
    .tuple(
      name,
      fc.constantFrom(
        'disable' as const,
        'enable' as const,
        'enable' as const,
        'enable' as const,
        'remove' as const,
      ),
    )
    .map(([n, to]) => switchApplication(n, to)),
  fc.constant(rotateKey()),
  pick.map(compromise),
  fc.constant(ringAll()),
  who.map(evict),
]

/** What cannot be looked at without using it up, is used up. */
async function useUp(model: Model, real: Real): Promise<void> {
  await settleDoubts(model, real)
  const each = async (kind: Credential['kind'], take: (pick: number) => Step) => {
    for (let at = model.of(kind).length; at > 0; at -= 1) await take(-at).run(model, real)
  }
  await each('cookie', bridge)
  await each('code', exchange)
  await each('ticket', redeem)
  await each('connection', takeConnection)
  await each('refresh token', refresh)
}

const ENDS = new Set(['session.ended', 'sessions.ended'])

/** In the end every session is over, was told of once, and so was every application that took part in it. */
async function expectTold(model: Model, real: Real): Promise<void> {
  passTime(model, 86_400)
  for (const session of model.sessions) expect(model.isLive(session)).toBe(false)
  const told = () => {
    const byApplication = CLIENTS.flatMap((name) =>
      real.clients[name].received.map(({ sid }) => `${name} ${String(sid)}`),
    )
    return [...byApplication, ...real.books.told.map((sid) => `books ${String(sid)}`)].toSorted()
  }
  const expected = model.toBeTold.map((each) => `${each.application} ${each.name}`).toSorted()
  await vi.waitFor(async () => {
    await real.carry()
    for (const id of model.everybody) await ring(id as UserId)
    expect(told()).toEqual(expected)
  }, 20_000)
  const ends = real.lines.filter(({ event }) => ENDS.has(event))
  const count = ends.reduce(
    (sum, { event, ended }) => sum + (event === 'session.ended' ? 1 : Number(ended)),
    0,
  )
  expect(count, JSON.stringify(ends)).toBe(model.sessions.length)
  // The clock may have jumped while one was on its way; it was sent anew then.
  for (const { problems } of Object.values(real.clients))
    expect(problems.filter((problem) => !problem.startsWith('JWTExpired'))).toEqual([])
}

const openings = fc.oneof(
  { withCrossShrink: true },
  { arbitrary: fc.subarray(OPENING), weight: 1 },
  { arbitrary: fc.constant(OPENING), weight: 4 },
)
const histories = fc.commands([...often, ...seldom], { maxCommands: 40, size: 'max' })

it('after every history, exactly what the model says is still good', async () => {
  await fc.assert(
    fc.asyncProperty(openings, histories, async (opening, history) => {
      await emptyStores()
      const real = await openGateway()
      const model = new Model(real.clock.now())
      await inTurn(...opening).run(model, real)
      await fc.asyncModelRun(() => ({ model, real }), history)
      await useUp(model, real)
      await expectTold(model, real)
    }),
    { numRuns: 3, seed: 2 },
  )
}, 120_000)
