/** A Durable Object that never answers is as good as one that fails: each question of it ends, as `unavailable`. */
import { beforeEach, expect, it, vi } from 'vitest'
import { createClaims } from '../../../src/core/references/claims.ts'
import { createKeptValues } from '../../../src/core/references/kept-values.ts'
import { createCutOffs } from '../../../src/core/revocation/cut-offs.ts'
import { askUserSessions } from '../../../src/core/sessions/ask-user-sessions.ts'
import { createKeyOperations } from '../../../src/core/tokens/key-operations.ts'
import { captureLog } from '../../world/log-lines.ts'

const NOW = 2_000_000_000
const KID = 'a'.repeat(43)

/** Not a thenable: a stub may be awaited before it is asked. */
const silent = new Proxy(
  {},
  { get: (_, name) => (name === 'then' ? undefined : () => new Promise(() => {})) },
)
const objects = { getByName: () => silent } as never
const keys = { cutOffs: () => Promise.reject(new Error()), refresh: async () => {} } as never
const attempt = { kind: 'attempt', parts: ['a'] } as const
const user = { scope: 'user', id: 'a'.repeat(32), cause: 'user_disabled' } as const

const claims = createClaims(objects)
const kept = createKeptValues({ references: objects, handleKey: ['a'.repeat(32)] })
const cutOffs = createCutOffs({ keyRing: objects, keys })
const operations = createKeyOperations({ keyRing: objects, keys })

beforeEach(() => {
  captureLog()
  const { setTimeout } = globalThis
  const soon = (work: (value: unknown) => void, milliseconds: number, value: unknown) =>
    setTimeout(work, milliseconds / 1000, value)
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(soon as typeof setTimeout)
})

it.each([
  ['a claim', () => claims.claim(attempt, { now: NOW, expiresAt: NOW + 60 })],
  ['a look for a claim', () => claims.isClaimed(attempt)],
  ['a value to be kept', () => kept.keep('user_code', 1, NOW + 60)],
  ['a value to be taken', () => kept.take('user_code', 'x', NOW)],
  ['a cut-off', () => cutOffs.add(user, NOW)],
  ['a cut-off that has been told', () => cutOffs.removeUser(user.id, NOW)],
  ['a list of keys', () => operations.list(NOW)],
  ['a withdrawal of a key', () => operations.compromise(KID, NOW)],
  [
    'a user',
    () => askUserSessions(objects, user.id, async (object) => object.hasSession({} as never)),
  ],
])('%s', async (_, ask) => {
  expect(await ask()).toEqual({ ok: false, refusal: { code: 'unavailable' } })
})
