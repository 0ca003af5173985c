/**
 * What grows with the directory, and what must not: sign-ins and the management API beside a thousand, a hundred
 * thousand and a million people; the applications' list and the metadata beside two hundred applications; and the
 * check of a token while signing keys change.
 */
import { people } from '../../dev/otrotl/people.ts'
import { HttpVisitor } from '../clients/http-visitor.ts'
import type { DirectoryCost } from '../world/counted-directory.ts'
import { populate, populated, POPULATED_ISSUER } from '../world/populate.ts'
import { startBenchGateway } from './bench-gateway.ts'
import type { BenchGateway } from './bench-gateway.ts'
import { workerdMegabytes } from './memory.ts'
import { registerApplication } from './receivers.ts'
import { median, spread, table } from './section.ts'
import type { Section } from './section.ts'

const repetitions = 7
const directorySizes = [1_000, 100_000, 1_000_000]
const applicationCounts = [1, 200]

export const growth: Section = {
  name: 'growth',
  title: 'Growth',
  async run() {
    const gateway = await startBenchGateway({ isCounting: true })
    try {
      const byPeople = await measurePeople(gateway)
      const byApplications = await measureApplications(gateway)
      const byKeys = await measureKeys(gateway)
      const memoryMegabytes = workerdMegabytes()
      return {
        text: [
          'Rows are those that D1 counts and bills. Each cell: median ms (smallest–largest), rows read.',
          grid('people in the directory', byPeople),
          grid('applications', byApplications),
          grid('public keys in the set', byKeys),
          `Memory of workerd at the end: ${memoryMegabytes.toFixed(0)} MB.`,
        ].join('\n\n'),
        figures: {
          people: figuresOf(byPeople),
          applications: figuresOf(byApplications),
          keys: figuresOf(byKeys),
          memoryMegabytes,
        },
      }
    } finally {
      await gateway.stop()
    }
  },
}

interface Measured {
  readonly milliseconds: readonly number[]
  readonly cost: DirectoryCost
}

/** By how many there are, and by what was done. */
type Measurements = ReadonlyMap<number, Readonly<Record<string, Measured>>>

type Directory = Awaited<ReturnType<BenchGateway['directory']>>

type Works = Readonly<Record<string, () => Promise<unknown>>>

async function measurePeople(gateway: BenchGateway): Promise<Measurements> {
  const directory = await gateway.directory()
  const admin = adminOf(gateway)
  const known = populated(777)
  const search = async (query: Record<string, string>) =>
    admin(`/users?${String(new URLSearchParams(query))}`)
  const byIdentity = { issuer: POPULATED_ISSUER, subject: known.subject }
  const found = new Map<number, Readonly<Record<string, Measured>>>()
  let there = 0
  for (const size of directorySizes) {
    await populate(directory, there + 1, size)
    there = size
    const newcomer = people[found.size % people.length]!
    found.set(size, {
      'a first sign-in': await timed(gateway, {
        prepare: async () => forget(directory, newcomer.subject),
        work: async () => new HttpVisitor().signIn(gateway.origin, newcomer),
      }),
      ...(await allTimed(gateway, {
        'a later sign-in': async () => new HttpVisitor().signIn(gateway.origin, newcomer),
        'search by address': async () => search({ query: known.email }),
        'by its first letters': async () => search({ query: 'person-' }),
        'by issuer and subject': async () => search(byIdentity),
        'by id': async () => search({ query: known.id }),
        'all, a page': async () => search({}),
        'what happened to one': async () => admin(`/audit?user=${known.id}`),
      })),
    })
  }
  return found
}

/** As if that person had never been here. */
async function forget(directory: Directory, subject: string): Promise<void> {
  const users = directory.prepare(
    'DELETE FROM users WHERE id IN (SELECT user_id FROM identities WHERE subject = ?)',
  )
  const identities = directory.prepare('DELETE FROM identities WHERE subject = ?')
  await directory.batch([
    directory.prepare('PRAGMA defer_foreign_keys = on'),
    users.bind(subject),
    identities.bind(subject),
  ])
}

async function measureApplications(gateway: BenchGateway): Promise<Measurements> {
  const admin = adminOf(gateway)
  const found = new Map<number, Readonly<Record<string, Measured>>>()
  let there = 0
  let id = ''
  for (const count of applicationCounts) {
    for (; there < count; there += 1) {
      id = await registerApplication(gateway, `Application ${there}`, 'http://127.0.0.1:9/bcl')
    }
    const metadata = `http://127.0.0.1:${gateway.port}/.well-known/openid-configuration`
    const works = {
      'the list, a page of 100': async () => admin('/applications?limit=100'),
      one: async () => admin(`/applications/${id}`),
      'metadata of the provider': async () => (await fetch(metadata)).arrayBuffer(),
    }
    found.set(count, await allTimed(gateway, works))
  }
  return found
}

async function measureKeys(gateway: BenchGateway): Promise<Measurements> {
  const admin = adminOf(gateway)
  const visitor = new HttpVisitor()
  await visitor.signIn(gateway.origin)
  const bridge = await visitor.visit(`${gateway.origin}/auth/sso/token`)
  const { access_token: token } = JSON.parse(bridge.body) as { access_token: string }
  const check = async () => {
    const url = `http://127.0.0.1:${gateway.apiPort}/`
    const headers = { authorization: `Bearer ${token}`, 'x-level': 'strict' }
    const { status } = await fetch(url, { headers })
    if (status !== 200) throw new Error(`the token is not accepted: ${status}`)
  }
  const keys = async () => {
    const answer = await fetch(`http://127.0.0.1:${gateway.port}/.well-known/jwks.json`)
    return ((await answer.json()) as { keys: unknown[] }).keys.length
  }
  const works = { 'the check of a token at strict': check, 'the key set': keys }
  const before: [number, Readonly<Record<string, Measured>>] = [
    await keys(),
    await allTimed(gateway, works),
  ]
  // As if the next keys had been public for long enough.
  await gateway.inKeyRing(
    `UPDATE signing_keys SET announced_at = announced_at - 7200 WHERE state = 'announced'`,
  )
  await admin('/keys/rotate', 'POST')
  return new Map([before, [await keys(), await allTimed(gateway, works)]])
}

const adminOf =
  (gateway: BenchGateway) =>
  async <Answer>(path: string, method = 'GET'): Promise<Answer> => {
    const answer = await fetch(`http://127.0.0.1:${gateway.port}/admin/api${path}`, {
      method,
      headers: {
        authorization: `Bearer ${gateway.adminKey}`,
        'content-type': 'application/json',
      },
      ...(method === 'POST' && { body: '{}' }),
    })
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`)
    return (await answer.json()) as Answer
  }

const countedOf = async ({ port }: BenchGateway): Promise<DirectoryCost> =>
  (await (await fetch(`http://127.0.0.1:${port}/counted`)).json()) as DirectoryCost

async function timed(
  gateway: BenchGateway,
  {
    prepare,
    work,
  }: { readonly prepare?: () => Promise<unknown>; readonly work: () => Promise<unknown> },
): Promise<Measured> {
  const milliseconds: number[] = []
  let cost: DirectoryCost = { roundTrips: 0, rowsRead: 0, rowsWritten: 0 }
  for (let count = 0; count <= repetitions; count += 1) {
    await prepare?.()
    await countedOf(gateway)
    const startedAt = performance.now()
    await work()
    // The first one warms up.
    if (count > 0) milliseconds.push(performance.now() - startedAt)
    cost = await countedOf(gateway)
  }
  return { milliseconds, cost }
}

async function allTimed(gateway: BenchGateway, works: Works): Promise<Record<string, Measured>> {
  const found: Record<string, Measured> = {}
  for (const [name, work] of Object.entries(works)) found[name] = await timed(gateway, { work })
  return found
}

function grid(what: string, measurements: Measurements): string {
  const counts = [...measurements.keys()]
  const [first = {}] = measurements.values()
  return table(
    [what, ...counts.map((count) => count.toLocaleString('en'))],
    Object.keys(first).map((name) => [
      name,
      ...counts.map((count) => {
        const { milliseconds, cost } = measurements.get(count)![name]!
        return `${spread(milliseconds)}, ${cost.rowsRead}`
      }),
    ]),
  )
}

const figuresOf = (measurements: Measurements) =>
  [...measurements].map(([count, works]) => ({
    count,
    ...Object.fromEntries(
      Object.entries(works).map(([name, { milliseconds, cost }]) => [
        name,
        { milliseconds: median(milliseconds), ...cost },
      ]),
    ),
  }))
