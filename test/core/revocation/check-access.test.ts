import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createAccessChecks } from '../../../src/core/revocation/check-access.ts'
import type { AccessRequest } from '../../../src/core/revocation/check-access.ts'
import { ok, refuse } from '../../../src/platform/refusal.ts'
import { freezeClock } from '../../world/clock.ts'
import { createProver, goodClaims, prepareKeyRing, signAsUs } from '../../world/signed-by-us.ts'
import { createCore } from './guarded-api.ts'

/** Far ahead of real time, so that no alarm comes by itself while a test runs. */
const NOON = 2_000_000_000

beforeEach(async () => {
  freezeClock(NOON)
  await prepareKeyRing(NOON)
})

/** The check with a revocation that answers as told and remembers what it was asked. */
function checksWith(answer: 'stands' | 'revoked' | 'unavailable' = 'stands') {
  const check = vi.fn(async () => (answer === 'stands' ? ok(undefined) : refuse(answer)))
  const { accessTokens } = createCore()
  return { checks: createAccessChecks({ accessTokens, revocation: { check } }), check }
}

const request = (authorization: string | undefined, changes: Partial<AccessRequest> = {}) => ({
  authorization,
  dpop: undefined,
  method: 'GET',
  url: 'https://api.example/orders',
  level: 'bounded' as const,
  ...changes,
})

describe('the check of one request', () => {
  it('answers with the claims of a token that stands', async () => {
    const claims = goodClaims(NOON)
    const { checks } = checksWith()
    const decision = await checks.check(request(`Bearer ${await signAsUs(claims, NOON)}`), NOON)
    expect(decision).toEqual({ ok: true, value: claims })
  })

  it.each(['cached', 'bounded', 'strict'] as const)('asks at the level %s', async (level) => {
    const { checks, check } = checksWith()
    const token = await signAsUs(goodClaims(NOON), NOON)
    await checks.check(request(`Bearer ${token}`, { level }), NOON)
    expect(check).toHaveBeenCalledExactlyOnceWith(level, expect.anything(), NOON)
  })

  it('asks about nobody before the signature is verified', async () => {
    const { checks, check } = checksWith()
    const token = await signAsUs(goodClaims(NOON), NOON)
    const forged = `${token.slice(0, -8)}AAAAAAAA`
    for (const header of [undefined, 'Bearer', 'Bearer x', `Bearer ${forged}`, 'Basic x']) {
      expect((await checks.check(request(header), NOON)).ok).toBe(false)
    }
    expect(check).not.toHaveBeenCalled()
  })

  it.each(['revoked', 'unavailable'] as const)(
    'is a refusal when revocation says %s',
    async (code) => {
      const { checks } = checksWith(code)
      const claims = goodClaims(NOON)
      const decision = await checks.check(request(`Bearer ${await signAsUs(claims, NOON)}`), NOON)
      expect(decision).toEqual({
        ok: false,
        refusal: { code },
        whose: { sub: claims.sub, sid: claims.sid },
      })
    },
  )

  it('refuses with the reasons that the map to the wire knows, and names them', async () => {
    const { checks } = checksWith()
    const codeOf = async (
      changes: Partial<AccessRequest> & { authorization: string | undefined },
    ) => {
      const decision = await checks.check({ ...request(undefined), ...changes }, NOON)
      return decision.ok ? 'accepted' : decision.refusal.code
    }
    const plain = await signAsUs(goodClaims(NOON), NOON)
    const cnf = { jkt: 'j'.repeat(43) }
    const bound = await signAsUs(goodClaims(NOON, { cnf }), NOON)
    expect(await codeOf({ authorization: undefined })).toBe('no_credentials')
    expect(await codeOf({ authorization: `Bearer ${plain}, x` })).toBe('malformed_credentials')
    expect(await codeOf({ authorization: 'Bearer x' })).toBe('invalid_token')
    expect(await codeOf({ authorization: `Bearer ${bound}` })).toBe('invalid_token')
    expect(await codeOf({ authorization: `DPoP ${plain}` })).toBe('invalid_token')
    expect(await codeOf({ authorization: `DPoP ${bound}` })).toBe('invalid_dpop_proof')
    expect(await codeOf({ authorization: `Bearer ${plain}`, scope: 'admin' })).toBe(
      'insufficient_scope',
    )
    expect(await codeOf({ authorization: `Bearer ${plain}` })).toBe('accepted')
  })

  it('ignores a proof beside a token that is not bound', async () => {
    const { checks } = checksWith()
    const token = await signAsUs(goodClaims(NOON), NOON)
    const dpop = await (await createProver()).prove({ url: 'https://elsewhere.example', now: NOON })
    expect((await checks.check(request(`Bearer ${token}`, { dpop }), NOON)).ok).toBe(true)
  })
})
