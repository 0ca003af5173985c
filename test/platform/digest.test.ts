import { describe, expect, it } from 'vitest'
import {
  createStorageNames,
  isEqualConstantTime,
  isSameHash,
  sha256Base64url,
  storageName,
} from '../../src/platform/digest.ts'

describe('the name of what is stored', () => {
  it('says its version and type, and is of one length whatever it names', async () => {
    for (const part of ['', 'a', 'a'.repeat(9999)]) {
      expect(await storageName('user', part)).toMatch(/^v1:user:[\w-]{43}$/)
    }
  })

  it('is of one list of parts alone: what is moved from one to the next gives another name', async () => {
    const lists = [['ab', 'c'], ['a', 'bc'], ['abc'], ['abc', ''], ['a,b', 'c'], ['a","b', 'c']]
    const names = await Promise.all(lists.map((parts) => storageName('attempt', ...parts)))
    expect(new Set(names).size).toBe(lists.length)
  })

  it('is the same from memory', async () => {
    const nameOf = createStorageNames('user')
    const name = await storageName('user', 'alice')
    expect([await nameOf('alice'), await nameOf('alice')]).toEqual([name, name])
    expect(await nameOf('bob')).toBe(await storageName('user', 'bob'))
  })
})

describe('two hashes', () => {
  it('are the same when each character is, and where one is kept at all', async () => {
    const [kept, other] = [await sha256Base64url('kept'), await sha256Base64url('other')]
    expect(isSameHash(kept, kept)).toBe(true)
    expect(isSameHash(kept, other)).toBe(false)
    expect(isSameHash(kept, kept.slice(0, -1))).toBe(false)
    expect(isSameHash(undefined, kept)).toBe(false)
    // What stands in for a hash that is not kept is nobody's.
    expect(isSameHash(undefined, '-'.repeat(43))).toBe(false)
  })
})

describe('two texts', () => {
  it('are equal whole', async () => {
    expect(await isEqualConstantTime('key', 'key')).toBe(true)
    expect(await isEqualConstantTime('key', 'kez')).toBe(false)
    expect(await isEqualConstantTime('key', 'keys')).toBe(false)
    expect(await isEqualConstantTime('', '')).toBe(true)
  })
})
