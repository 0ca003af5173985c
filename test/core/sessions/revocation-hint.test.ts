import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  MOST_REVOKED_IN_HINT,
  parseRevocationHint,
  revocationHintKey,
  serializeRevocationHint,
} from '../../../src/core/sessions/revocation-hint.ts'
import type { RevocationHint } from '../../../src/core/sessions/revocation-hint.ts'
import { newSessionId } from '../../../src/core/sessions/session.ts'

const hint: RevocationHint = {
  version: 7,
  epoch: 3,
  revoked: [{ id: newSessionId(), until: 1000 }],
}
const record = JSON.parse(serializeRevocationHint(hint)) as Record<string, unknown>

describe('a revocation hint', () => {
  it('is read as it was written, with a list or without', () => {
    const counts = fc.maxSafeNat()
    const revoked = fc.record({ id: fc.constant(null).map(() => newSessionId()), until: counts })
    const ids = fc.array(revoked, { maxLength: MOST_REVOKED_IN_HINT, size: 'max' })
    fc.assert(
      fc.property(
        fc.record({ version: counts, epoch: counts, revoked: fc.option(ids, { nil: undefined }) }),
        (written) => {
          expect(parseRevocationHint(serializeRevocationHint(written))).toEqual(written)
        },
      ),
    )
  })

  it.each([
    '',
    'null',
    'true',
    '[]',
    '{}',
    'not json',
    '{"v":1',
    JSON.stringify([record]),
    JSON.stringify({ ...record, v: 1 }),
    JSON.stringify({ ...record, v: '2' }),
    JSON.stringify({ ...record, version: undefined }),
    JSON.stringify({ ...record, version: -1 }),
    JSON.stringify({ ...record, epoch: '3' }),
    JSON.stringify({ ...record, epoch: 3.5 }),
    JSON.stringify({ ...record, epoch: null }),
    JSON.stringify({ ...record, epoch: undefined }),
    JSON.stringify({ ...record, epoch: Number.MAX_VALUE }),
    JSON.stringify({ ...record, revoked: undefined }),
    JSON.stringify({ ...record, revoked: {} }),
    JSON.stringify({ ...record, revoked: 'all' }),
    JSON.stringify({ ...record, revoked: [null] }),
    JSON.stringify({ ...record, revoked: ['x'] }),
    JSON.stringify({ ...record, revoked: [{ id: 'x', until: 1 }] }),
    JSON.stringify({ ...record, revoked: [{ id: newSessionId() }] }),
    JSON.stringify({ ...record, revoked: [...(hint.revoked ?? []), {}] }),
    JSON.stringify({
      ...record,
      revoked: Array.from({ length: 201 }, () => ({ id: newSessionId(), until: 1 })),
    }),
  ])('is not read from %s', (text) => {
    expect(parseRevocationHint(text)).toBeUndefined()
  })

  it('is not read from any other text, and reading never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(parseRevocationHint(text)).toBeUndefined()
      }),
    )
  })

  it('stands under a key of fixed length, whatever the user is called', async () => {
    const keys = await Promise.all(['a', '', "x'; --", 'é'.repeat(1000)].map(revocationHintKey))
    for (const key of keys) expect(key).toMatch(/^v1:revocation:[A-Za-z0-9_-]{43}$/)
    expect(new Set(keys).size).toBe(4)
  })
})
