/**
 * An authenticated API request: an API behind our guard, at each level, beside the floors of its kind and beside
 * what people would use instead. With one token, and with those of many people.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { generateKeyPair, SignJWT } from 'jose'
import { startBenchGateway } from './bench-gateway.ts'
import { edgePeers, preparePeer } from './edge-peers.ts'
import { floors, guardedApi, hintNameOf, people, post, signIn } from './edge-workers.ts'
import { compare, measureBesideFloors, medians } from './in-turn.ts'
import { CONNECTIONS, measureOnce } from './load.ts'
import type { Measurement, Target } from './load.ts'
import { residentMegabytesOf } from './processes.ts'
import { spread, table } from './section.ts'
import type { Section } from './section.ts'

const ROUNDS = { rounds: 14, milliseconds: 500 }
/** Whose objects hold a session. */
const PEOPLE = 1_000
/** For whom there is a hint in KV. */
const PEOPLE_WITH_HINT = 10_000
/** By then an object that nobody asks is out of memory. */
const ASLEEP_MILLISECONDS = 15_000
/** To be signed up with a peer, one after the other. */
const PEOPLE_OF_PEER = 50

interface Row {
  readonly target: Target
  /** The floor that it stands beside: another row, unless `floorTarget` is the same for the requests of this one. */
  readonly floor?: string
  readonly floorTarget?: Target
  readonly isAwake?: boolean
}

type Rows = Readonly<Record<string, Row>>

export const edge: Section = {
  name: 'edge',
  title: 'An authenticated API request',
  async run() {
    const signing = await generateKeyPair('ES256', { extractable: true })
    const peers = await edgePeers()
    const gateway = await startBenchGateway({
      beside: [
        await floors(signing),
        await guardedApi(),
        await people(),
        ...peers.map(({ worker }) => worker),
      ],
    })
    try {
      const megabytesBefore = residentMegabytesOf(gateway.processId)
      /** Beside a bare answer to the very same requests: a short cookie costs less to read than a long token. */
      const besideBare = (target: Target): Row => ({
        target,
        floor: 'bare Hono',
        floorTarget: { ...target, port: gateway.portOf('floors'), path: '/bare' },
      })
      const peerRows: Rows = Object.fromEntries(
        await Promise.all(
          peers.map(async (peer) => [
            `${peer.title}; refuses what was revoked: ${peer.refusesRevoked}`,
            besideBare(await preparePeer(peer, gateway, PEOPLE_OF_PEER)),
          ]),
        ),
      )
      const signed = await new SignJWT({ sub: 'somebody' })
        .setProtectedHeader({ alg: 'ES256' })
        .setExpirationTime('1h')
        .sign(signing.privateKey)
      /** The very requests that the guarded API gets, with the name of whoever they are of. */
      const floor = (path: string, tokens: readonly string[]): Target => ({
        port: gateway.portOf('floors'),
        path,
        each: tokens.map((token) => ({
          headers: { authorization: `Bearer ${token}`, 'x-user': hintNameOf(token) },
        })),
      })
      const guarded = (path: string, tokens: readonly string[]): Target => ({
        port: gateway.portOf('guarded-api'),
        path,
        each: tokens.map((token) => ({ headers: { authorization: `Bearer ${token}` } })),
      })
      const prepare = async (names: readonly string[]) =>
        post(gateway.portOf('floors'), '/prepare', { names })

      // One person first: thousands leave the runtime with objects to put to sleep, whose CPU time falls on whoever
      // is measured then.
      const [token] = await signIn(gateway.portOf('people'), 'sessions', 1)
      const ones = Array.from({ length: CONNECTIONS }, () => token!)
      await prepare([hintNameOf(token!)])
      const one = await measureRows({
        'bare Hono': { target: floor('/bare', ones) },
        cached: { target: guarded('/cached', ones), floor: 'bare Hono' },
        'bare Hono + a middleware that reads two headers and sets two': {
          target: floor('/middleware', ones),
          floor: 'bare Hono',
        },
        'bare Hono + one line logged': { target: floor('/log', ones), floor: 'bare Hono' },
        'cached, with a line of its own': {
          target: guarded('/cached/logged', ones),
          floor: 'bare Hono + one line logged',
        },
        'bare Hono + one KV read': { target: floor('/kv', ones), floor: 'bare Hono' },
        bounded: { target: guarded('/bounded', ones), floor: 'bare Hono + one KV read' },
        'bare Hono + one object, one row': {
          target: floor('/object', ones),
          floor: 'bare Hono',
        },
        strict: { target: guarded('/strict', ones), floor: 'bare Hono + one object, one row' },
        'bare Hono + one ES256 verification': {
          target: {
            ...floor('/signature', ones),
            each: ones.map(() => ({ headers: { authorization: `Bearer ${signed}` } })),
          },
          floor: 'bare Hono',
        },
      })
      const some = await signIn(gateway.portOf('people'), 'sessions', PEOPLE_OF_PEER)
      const others = await measureRows({
        'bare Hono': { target: floor('/bare', some) },
        'Drawbridge, `cached`; refuses what was revoked: when KV has it, 5 s later at most':
          besideBare(guarded('/cached', some)),
        ...peerRows,
      })

      const withSession = await signIn(gateway.portOf('people'), 'sessions', PEOPLE)
      await delay(ASLEEP_MILLISECONDS)
      const firstAtStrict = await measureOnce(guarded('/strict', withSession))
      const megabytesAfter = residentMegabytesOf(gateway.processId)
      const awake = await measureRows({
        'bare Hono + one object, one row': {
          ...besideBare(floor('/object', withSession)),
          isAwake: true,
        },
        strict: {
          target: guarded('/strict', withSession),
          floor: 'bare Hono + one object, one row',
          isAwake: true,
        },
      })
      const everyone = await signIn(gateway.portOf('people'), 'hints', PEOPLE_WITH_HINT)
      const names = everyone.map(hintNameOf)
      for (let from = 0; from < names.length; from += 1000) {
        await prepare(names.slice(from, from + 1000))
      }
      // The objects all go to sleep at once, and hold up whatever is measured meanwhile.
      await delay(ASLEEP_MILLISECONDS)
      const firstAtCached = await measureOnce(guarded('/cached', everyone))
      const many = await measureRows({
        'bare Hono': { target: floor('/bare', everyone) },
        cached: { target: guarded('/cached', everyone), floor: 'bare Hono' },
        'bare Hono + one KV read': { target: floor('/kv', everyone), floor: 'bare Hono' },
        bounded: { target: guarded('/bounded', everyone), floor: 'bare Hono + one KV read' },
      })
      return {
        text: [
          'The guard leaves its decision to the one line that an API writes of a request anyway, unless a row says otherwise: here, where each line goes through a pipe, it costs about what the whole answer does.',
          `One token:\n\n${one.text}`,
          `${PEOPLE} people, each once a round, right after their objects were asked before:\n\n${awake.text}`,
          `${everyone.length} people in turn:\n\n${many.text}`,
          'Among so many a person comes back later than the five seconds for which `cached` believes a hint: most of its checks read KV again, as at `bounded`.',
          `For the first time: cached, a token never seen, ${firstAtCached.cpuMicroseconds.toFixed(0)} µs CPU; strict, an object not asked for a while, ${firstAtStrict.cpuMicroseconds.toFixed(0)} µs CPU.`,
          `Beside others. ${PEOPLE_OF_PEER} people send in turn; each row stands beside a bare answer to its own requests:\n\n${others.text}`,
          `Memory of the whole workerd, ${peers.length + 6} Workers: ${megabytesBefore.toFixed(0)} MB before, ${megabytesAfter.toFixed(0)} MB with the objects of ${PEOPLE} people awake ("Memory" tells them apart).`,
        ].join('\n\n'),
        figures: {
          one: one.figures,
          awake: awake.figures,
          many: many.figures,
          others: others.figures,
          firstAtStrict,
          firstAtCached,
          megabytesBefore,
          megabytesAfter,
        },
      }
    } finally {
      await gateway.stop()
    }
  },
}

async function measureRows(
  rows: Rows,
): Promise<{ readonly text: string; readonly figures: Readonly<Record<string, unknown>> }> {
  const names = Object.keys(rows)
  const targets = Object.fromEntries(
    Object.entries(rows).map(([name, { target, floor, floorTarget, isAwake }]) => [
      name,
      {
        target,
        floor: floorTarget ?? (floor === undefined ? undefined : rows[floor]!.target),
        isAwake,
      },
    ]),
  )
  const found = await measureBesideFloors(targets, ROUNDS)
  const ratiosOf = (name: string) =>
    rows[name]!.floor === undefined ? undefined : compare(found[name]!.floor, found[name]!.measured)
  return {
    text: table(
      ['request', 'CPU µs', 'requests/s', 'beside', 'by CPU', 'by requests/s'],
      names.map((name) => rowOf(name, found[name]!.measured, rows[name]!.floor, ratiosOf(name))),
    ),
    figures: Object.fromEntries(
      names.map((name) => [
        name,
        { ...medians(found[name]!.measured), floor: rows[name]!.floor, ...ratiosOf(name) },
      ]),
    ),
  }
}

const rowOf = (
  name: string,
  measured: readonly Measurement[],
  floor: string | undefined,
  ratios: ReturnType<typeof compare> | undefined,
): string[] => [
  name,
  medians(measured).cpuMicroseconds.toFixed(0),
  medians(measured).requestsPerSecond.toFixed(0),
  floor ?? '',
  ratios === undefined ? '' : spread(ratios.ofCpu, 2),
  ratios === undefined ? '' : spread(ratios.ofRequestsPerSecond, 2),
]
