import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { createAudit } from '../../../src/core/audit/audit.ts'
import { createUserDirectory } from '../../../src/core/users/user-directory.ts'
import type { UserSearch } from '../../../src/core/users/user-directory.ts'
import { countedDirectory } from '../../world/counted-directory.ts'
import { populate, populated, POPULATED_ISSUER } from '../../world/populate.ts'

const { directory, rowsRead } = countedDirectory(env.DIRECTORY)
const people = createUserDirectory(directory)

const known = populated(7)
const identity = { issuer: POPULATED_ISSUER, subject: known.subject }

describe('a search among people', () => {
  it('reads as many rows among 3,000 as among 30', async () => {
    await populate(env.DIRECTORY, 1, 30)
    const { id } = known
    const early = populated(1).id
    const searches: Record<string, () => Promise<unknown>> = {
      'by id': () => people.search({ id }, '', 10),
      'by issuer and subject': () => people.search({ identity }, '', 10),
      'by address': () => people.search({ emailPrefix: known.email }, '', 10),
      'by the beginning of many addresses': () => people.search({ emailPrefix: 'p' }, '', 10),
      'on a later page of them': () => people.search({ emailPrefix: 'p' }, early, 10),
      'for an address and an identity': () =>
        people.search({ emailPrefix: known.email, identity }, '', 10),
      'for nobody': () => people.search({ emailPrefix: 'nobody@' }, '', 10),
      'for everybody': () => people.search({}, '', 10),
      'for what has happened to one': () =>
        createAudit(directory, () => 0).list({ userId: id, before: 1e9, limit: 10 }),
    }
    const few = new Map<string, number>()
    for (const [name, search] of Object.entries(searches)) few.set(name, await rowsRead(search))
    await populate(env.DIRECTORY, 31, 3000)
    for (const [name, search] of Object.entries(searches)) {
      expect(await rowsRead(search), name).toBeLessThanOrEqual(few.get(name)! + 2)
    }
  })

  it('by the beginning of an address answers in order of it, each person once', async () => {
    await populate(env.DIRECTORY, 1, 25)
    const found: string[] = []
    let after = ''
    for (;;) {
      const page = await people.search({ emailPrefix: 'person-1' }, after, 4)
      found.push(...page.map(({ email }) => email ?? ''))
      after = page.at(-1)?.id ?? ''
      if (page.length < 4) break
    }
    const expected = [1, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19].map((n) => populated(n).email)
    expect(found).toEqual(expected.toSorted())
  })

  it('goes on from the beginning after somebody who has been removed meanwhile', async () => {
    await populate(env.DIRECTORY, 1, 3)
    const gone = 'f'.repeat(32)
    expect(await people.search({ emailPrefix: 'person-' }, gone, 10)).toHaveLength(3)
  })

  it('by several things finds who has all of them', async () => {
    await populate(env.DIRECTORY, 1, 9)
    const { id } = known
    const other = { ...identity, subject: populated(8).subject }
    const ids = async (search: UserSearch) =>
      (await people.search(search, '', 10)).map((user) => user.id)
    expect(await ids({ id, identity, emailPrefix: 'person-7' })).toEqual([id])
    expect(await ids({ id, identity: other })).toEqual([])
    expect(await ids({ identity, emailPrefix: 'person-8' })).toEqual([])
    expect(await ids({ id, emailPrefix: 'person-8' })).toEqual([])
  })
})

it('of many whose disabling is pending, each has a turn, whoever of them never answers', async () => {
  await populate(env.DIRECTORY, 1, 12)
  await env.DIRECTORY.prepare('UPDATE users SET is_disable_pending = 1').run()
  const seen = new Set<string>()
  for (let turn = 0; turn < 40; turn += 1) {
    const pending = await people.pendingDisables(6)
    expect(new Set(pending).size).toBe(6)
    for (const id of pending) seen.add(id)
  }
  expect(seen.size).toBe(12)
})
