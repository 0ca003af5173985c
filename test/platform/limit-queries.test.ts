import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { limitQueries } from '../../src/platform/limit-queries.ts'
import { captureLog } from '../world/log-lines.ts'
import { createWorld, signIn } from '../world/sign-in.ts'
import { snapshot } from '../world/snapshot.ts'

beforeEach(() => {
  captureLog()
})

/** Every wait is a thousandth of what it is. */
function hurry(): void {
  const { setTimeout } = globalThis
  const soon = (work: (value: unknown) => void, milliseconds: number, value: unknown) =>
    setTimeout(work, milliseconds / 1000, value)
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(soon as typeof setTimeout)
}

const never = () => new Promise(() => {})

/** A database that takes every query and answers none. */
function silentDirectory(): D1Database {
  const statement = { bind: () => statement, first: never, all: never, run: never }
  return { prepare: () => statement, batch: never } as unknown as D1Database
}

describe('a limited database', () => {
  it('answers as the database does', async () => {
    const directory = limitQueries(env.DIRECTORY)
    const one = directory.prepare('SELECT ?1 AS one, ?2 AS two').bind('a', 2)
    expect(await one.first()).toEqual({ one: 'a', two: 2 })
    expect(await one.first('two')).toBe(2)
    expect((await one.all()).results).toEqual([{ one: 'a', two: 2 }])
    expect((await one.run()).success).toBe(true)
    const plain = env.DIRECTORY.prepare('SELECT 3 AS three')
    const answers = await directory.batch([one, directory.prepare('SELECT 4 AS four'), plain])
    expect(answers.map(({ results }) => results)).toEqual([
      [{ one: 'a', two: 2 }],
      [{ four: 4 }],
      [{ three: 3 }],
    ])
    await expect(directory.prepare('SELECT nowhere').first()).rejects.toThrow('no such column')
  })

  it('is one for all who ask the same: what is remembered of it is found again by it', () => {
    expect(limitQueries(env.DIRECTORY)).toBe(limitQueries(env.DIRECTORY))
    expect(limitQueries(silentDirectory())).not.toBe(limitQueries(env.DIRECTORY))
  })

  it.each([
    ['first', (directory: D1Database) => directory.prepare('SELECT 1').bind(1).first()],
    ['all', (directory: D1Database) => directory.prepare('SELECT 1').all()],
    ['run', (directory: D1Database) => directory.prepare('SELECT 1').run()],
    ['batch', (directory: D1Database) => directory.batch([])],
  ])('fails where the database never answers: %s', async (_name, ask) => {
    hurry()
    await expect(ask(limitQueries(silentDirectory()))).rejects.toThrow('late')
  })
})

describe('a directory that never answers', () => {
  it('keeps nobody waiting who signs in, and signs nobody in', async () => {
    const world = await createWorld({}, { DIRECTORY: silentDirectory() })
    const before = await snapshot()
    hurry()
    const page = await signIn(world.newBrowser(), world.otrotl)
    expect(page.response.status).toBe(503)
    expect(await snapshot()).toEqual(before)
  })

  it.each([
    ['GET', '/account', [200, 302, 303]],
    ['GET', '/auth/sso/token', [401]],
    ['GET', '/oauth/authorize?client_id=shop', [503]],
    ['GET', '/.well-known/openid-configuration', [200]],
    ['GET', '/oneall/acme/users.json', [503]],
  ])('leaves no request unanswered: %s %s', async (method, path, statuses) => {
    const world = await createWorld({}, { DIRECTORY: silentDirectory() })
    hurry()
    const answer = await world.fetch(new Request(`https://login.example${path}`, { method }))
    expect(statuses).toContain(answer.status)
  })
})
