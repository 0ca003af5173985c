/** What is priced: each operation done for some people in turn, by us and by what people would use instead. */
import { setTimeout as delay } from 'node:timers/promises'
import type { HttpVisitor } from '../../clients/http-visitor.ts'
import type { BenchGateway } from '../bench-gateway.ts'
import { benchPerson } from '../bench-people.ts'
import { ask, callEach } from '../calls.ts'
import { gatewaySite, logIn } from '../login-steps.ts'
import type { LoginSite } from '../login-steps.ts'
import type { CodeProvider } from '../peers/code-providers.ts'
import type { LoginPeer } from '../peers/login-peers.ts'
import { takeCounts } from './counted-worker.ts'
import type { Operations } from './prices.ts'

/** An operation of somebody's, for one person. */
export interface Priced {
  readonly who: string
  readonly operation: string
  readonly operations: Operations
}

export type Note = (who: string, operation: string, operations: Operations) => void

/** What an answer leaves to be done. */
const AFTERWARDS_MILLISECONDS = 700
const PEOPLE = 8
const REQUESTS_EACH = 5

interface Measured {
  readonly processId: number
  /** Of the Workers that do the work. */
  readonly ports: readonly number[]
}

/** Does it for everybody, and counts what it was for one. */
async function price<Answer>(
  { processId, ports }: Measured,
  calls: readonly (() => Promise<Answer>)[],
): Promise<{ readonly operations: Operations; readonly answers: readonly Answer[] }> {
  await takeCounts(ports)
  const { cpuMicroseconds, answers } = await callEach(processId, calls)
  await delay(AFTERWARDS_MILLISECONDS)
  const counted = Object.entries(await takeCounts(ports))
  const perCall = counted.map(([what, count]) => [what, count / calls.length])
  const operations = { ...Object.fromEntries(perCall), cpuMilliseconds: cpuMicroseconds / 1000 }
  return { operations, answers }
}

const forEach = <Item, Answer>(items: readonly Item[], call: (item: Item) => Promise<Answer>) =>
  items.map((item) => async () => call(item))

const often = <Item>(items: readonly Item[]): Item[] =>
  Array.from({ length: REQUESTS_EACH }, () => items).flat()

const people = Array.from({ length: PEOPLE }, (_, index) => benchPerson(index))

/** A first sign-in of each, and a second one, from another browser. */
async function priceLogins(who: string, measured: Measured, site: LoginSite, note: Note) {
  // Whatever an isolate or a connection does once is done.
  await logIn(site, benchPerson(PEOPLE))
  const first = await price(
    measured,
    forEach(people, async (person) => logIn(site, person)),
  )
  note(who, 'login, the first ever', first.operations)
  const later = await price(
    measured,
    forEach(people, async (person) => logIn(site, person)),
  )
  note(who, 'login', later.operations)
  return later.answers
}

const cookieOf = (visitor: HttpVisitor, { origin }: LoginSite): Record<string, string> => ({
  host: new URL(origin).host,
  cookie: visitor.cookieHeader('localhost'),
})

const portOf = ({ origin }: LoginSite): number => Number(new URL(origin).port)

export async function priceGateway(gateway: BenchGateway, note: Note): Promise<void> {
  const who = 'Drawbridge'
  const { processId, port, apiPort } = gateway
  const site = gatewaySite(gateway.origin)
  const measured = { processId, ports: [port, apiPort] }
  const visitors = await priceLogins(who, measured, site, note)
  const bridge = async (visitor: HttpVisitor): Promise<string> => {
    const { body } = await visitor.visit(`${gateway.origin}/auth/sso/token`)
    return (JSON.parse(body) as { access_token: string }).access_token
  }
  const renewed = await price(measured, forEach(visitors, bridge))
  note(who, 'renewal: session to token', renewed.operations)
  for (const level of ['cached', 'bounded', 'strict']) {
    const request = async (token: string) =>
      ask(
        {
          port: apiPort,
          path: '/',
          headers: { authorization: `Bearer ${token}`, 'x-level': level },
        },
        200,
      )
    await price(measured, forEach(renewed.answers, request))
    const { operations } = await price(measured, forEach(often(renewed.answers), request))
    note(who, `API request, ${level}`, operations)
  }
  const signOut = async (visitor: HttpVisitor) =>
    ask(
      {
        port,
        path: '/auth/sso/logout',
        headers: { ...cookieOf(visitor, site), origin: gateway.origin },
        form: {},
      },
      303,
    )
  note(who, 'logout', (await price(measured, forEach(visitors, signOut))).operations)
}

/** A peer that keeps sessions itself, or none at all. */
export async function priceLoginPeer(
  { name: who, site, hasTables }: LoginPeer,
  processId: number,
  note: Note,
): Promise<void> {
  const port = portOf(site)
  const measured = { processId, ports: [port] }
  const visitors = await priceLogins(who, measured, site, note)
  const get = (path: string) => async (visitor: HttpVisitor) =>
    ask({ port, path, headers: cookieOf(visitor, site) }, 200)
  const path = hasTables ? '/api/auth/get-session' : '/dashboard'
  const request = await price(measured, forEach(often(visitors), get(path)))
  note(who, 'API request', request.operations)
  if (!hasTables) return
  const bridge = get('/api/auth/token')
  await price(measured, forEach(visitors, bridge))
  note(
    who,
    'renewal: session to token',
    (await price(measured, forEach(visitors, bridge))).operations,
  )
  const signOut = async (visitor: HttpVisitor) => {
    const headers = {
      ...cookieOf(visitor, site),
      origin: site.origin,
      'content-type': 'application/json',
    }
    const answer = await fetch(`${site.origin}/api/auth/sign-out`, {
      method: 'POST',
      headers,
      body: '{}',
    })
    if (!answer.ok) throw new Error(`${who} signs nobody out: ${await answer.text()}`)
  }
  note(who, 'logout', (await price(measured, forEach(visitors, signOut))).operations)
}

/** What an application's sign-in costs its provider. */
export async function priceProvider(
  provider: CodeProvider,
  port: number,
  note: Note,
): Promise<void> {
  const { name: who, processId } = provider
  const measured = { processId, ports: [port] }
  const cookies = provider.people.slice(0, PEOPLE)
  const goThrough = async (cookie: string) =>
    provider.refresh(await provider.exchange(await provider.authorize(cookie)))
  await price(measured, forEach(cookies, goThrough))
  const others = provider.people.slice(PEOPLE, 2 * PEOPLE)
  const codes = await price(
    measured,
    forEach(others, async (cookie) => provider.authorize(cookie)),
  )
  note(who, 'silent login', codes.operations)
  const tokens = await price(
    measured,
    forEach(codes.answers, async (code) => provider.exchange(code)),
  )
  note(who, 'code exchange', tokens.operations)
  const refreshed = await price(
    measured,
    forEach(tokens.answers, async (token) => provider.refresh(token)),
  )
  note(who, 'refresh', refreshed.operations)
}
