import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import {
  createTokenStore,
  parseStoredToken,
  signOutsKey,
  tokenKey,
} from '../../src/browser/token-store.ts'
import type { StoredToken, TokenStore } from '../../src/browser/token-store.ts'

const token: StoredToken = {
  accessToken: 'a.b.c',
  tokenType: 'Bearer',
  receivedAt: 1,
  expiresInSeconds: 300,
  user: { sub: 'ada' },
}

describe('the token in storage', () => {
  let items: Map<string, string>
  let store: TokenStore
  let serial = 0

  beforeEach(() => {
    items = new Map()
    const storage = {
      getItem: (key: string) => items.get(key) ?? null,
      setItem: (key: string, value: string) => void items.set(key, value),
      removeItem: (key: string) => void items.delete(key),
    }
    store = createTokenStore(storage, () => `random-${++serial}`)
  })

  it('is read as it was written', () => {
    store.write(token)
    expect(store.read()).toEqual(token)
    expect([...items.keys()]).toEqual([tokenKey])
  })

  it('is dropped only while it is the one that was meant', () => {
    store.write(token)
    store.drop('older.token.x')
    expect(store.read()).toEqual(token)
    store.drop('a.b.c')
    expect(store.read()).toBeUndefined()
  })

  it('is gone after a sign-out, and every sign-out can be told from the one before', () => {
    store.write(token)
    store.signOut()
    const first = store.signOuts()
    expect(items.has(tokenKey)).toBe(false)
    store.signOut()
    expect(store.signOuts()).not.toBe(first)
    expect([...items.keys()]).toEqual([signOutsKey])
  })
})

describe('parsing what is in storage', () => {
  it('takes nothing that has not the right shape', () => {
    const wrong = [
      {},
      { ...token, accessToken: '' },
      { ...token, accessToken: 7 },
      { ...token, tokenType: 'bearer' },
      { ...token, receivedAt: '1' },
      { ...token, receivedAt: null },
      { ...token, expiresInSeconds: undefined },
    ]
    for (const value of wrong) expect(parseStoredToken(JSON.stringify(value))).toBeUndefined()
  })

  it('never throws, whatever is there', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(parseStoredToken(text)).toBeUndefined()
      }),
    )
  })

  it('leaves behind what it does not know', () => {
    const parsed = parseStoredToken(JSON.stringify({ ...token, user: 'ada', more: 1 }))
    expect(parsed).toEqual({ ...token, user: undefined })
    expect(parsed).not.toHaveProperty('more')
  })
})
