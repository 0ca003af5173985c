import { describe, expect, it } from 'vitest'
import type { GrantRow } from '../../../src/core/sessions/grants-table.ts'
import { newSessionId } from '../../../src/core/sessions/session.ts'
import { standingOf } from '../../../src/core/sessions/take-grant.ts'
import type { PresentedGrant } from '../../../src/core/sessions/take-grant.ts'

const hash = (letter: string) => letter.repeat(43)
const TAKEN_AT = 1000

/** A refresh token in its fifth generation. */
const grant: GrantRow = {
  id: 'a'.repeat(24),
  family: 'b'.repeat(32),
  kind: 'refresh_token',
  sid: newSessionId(1),
  epoch: 1,
  applicationId: 'shop',
  generation: 5,
  secretHash: hash('e'),
  previousHash: hash('d'),
  sealedSuccessor: 'sealed',
  takenAt: TAKEN_AT,
  binding: { applicationId: 'shop' },
  content: '{}',
  createdAt: 1,
  expiresAt: 9000,
  tokensUntil: 0,
}

const standing = (
  changes: Partial<PresentedGrant>,
  row: GrantRow | undefined = grant,
  now = TAKEN_AT + 5,
) => {
  const presented = { kind: 'refresh_token' as const, grantId: grant.id, generation: 5 }
  const found = standingOf(row, { ...presented, secretHash: hash('e'), ...changes }, now)
  return found.ok ? found.value : found.refusal.code
}

describe('a handle stands in its grant’s line of descent', () => {
  it('as the present one, with the present secret and kind only', () => {
    expect(standing({})).toBe('present')
    expect(standing({ secretHash: hash('x') })).toBe('unknown')
    expect(standing({ secretHash: hash('d') })).toBe('unknown')
    expect(standing({ secretHash: '' })).toBe('unknown')
    expect(standing({ kind: 'authorization_code' })).toBe('unknown')
    expect(standing({ kind: 'device_code' })).toBe('unknown')
  })

  it('as the one before, with its own secret only: retried in time, reused after it', () => {
    const before = { generation: 4, secretHash: hash('d') }
    expect(standing(before)).toBe('retried')
    expect(standing(before, grant, TAKEN_AT + 10)).toBe('retried')
    expect(standing(before, grant, TAKEN_AT + 11)).toBe('reused')
    // Of two requests the one that set out first may arrive last; a clock that went back makes nothing young again.
    expect(standing(before, grant, TAKEN_AT - 10)).toBe('retried')
    expect(standing(before, grant, TAKEN_AT - 11)).toBe('reused')
    expect(standing({ ...before, secretHash: hash('x') })).toBe('unknown')
    expect(standing({ ...before, secretHash: hash('e') })).toBe('unknown')
  })

  it('as reused, if what followed is not kept for a retry: a code is for once', () => {
    const { sealedSuccessor: _, ...row } = grant
    const taken = { ...row, sealedSuccessor: undefined }
    expect(standing({ generation: 4, secretHash: hash('d') }, taken)).toBe('reused')
  })

  it('as reused, of every generation before', () => {
    for (const generation of [0, 1, 2, 3]) expect(standing({ generation })).toBe('reused')
  })

  it('nowhere, if it is of a generation to come, or of no grant at all', () => {
    expect(standing({ generation: 6 })).toBe('unknown')
    expect(
      standingOf(undefined, { ...grant, grantId: grant.id, secretHash: hash('e') }, 1),
    ).toEqual({ ok: false, refusal: { code: 'unknown' } })
  })

  it('nowhere, if nothing followed: what is spent has no present one', () => {
    const spent = { ...grant, secretHash: undefined }
    expect(standing({}, spent)).toBe('unknown')
    expect(standing({ secretHash: '' }, spent)).toBe('unknown')
  })
})
