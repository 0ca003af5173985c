import { exports } from 'cloudflare:workers'
import { calculateJwkThumbprint } from 'jose'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { AccessCheckRequest } from '../src/access-check-entrypoint.ts'
import { createCore, tokenFor } from './core/revocation/guarded-api.ts'
import { sessionsOf, signedIn } from './core/sessions/signed-in-user.ts'
import { freezeClock } from './world/clock.ts'
import { createProver, prepareKeyRing } from './world/signed-by-us.ts'

/** Far ahead of real time, so that no alarm comes by itself while a test runs. */
let now = 2_100_000_000

beforeEach(async () => {
  // Later than any earlier test by more than the isolate holds its keys: it takes those of this test's ring.
  now += 100_000
  freezeClock(now)
  await prepareKeyRing(now)
})

/** Asks as another Worker does, over RPC. */
const ask = async (request: unknown, props: unknown = { client: 'orders-api' }) =>
  exports.AccessCheck({ props: props as never }).check(request as AccessCheckRequest)

async function person() {
  const signed = await signedIn(now)
  return { ...signed, token: await tokenFor(createCore(), signed.session, now) }
}

describe('the access check for other Workers', () => {
  it('answers with plain claims, for a token or a whole header', async () => {
    const { token, userId, session } = await person()
    for (const request of [{ token }, { authorization: `Bearer ${token}` }]) {
      const answer = await ask(request)
      expect(answer).toMatchObject({ ok: true, claims: { sub: userId, sid: session.sid } })
    }
  })

  it.each(['cached', 'bounded', 'strict'])('refuses a revoked token at level %s', async (level) => {
    const { token, userId, session } = await person()
    await sessionsOf().end(userId, session.sid, 'person', now)
    expect(await ask({ token, level })).toMatchObject({
      ok: false,
      error: 'invalid_token',
      answer: {
        status: 401,
        challenges: [expect.stringContaining('invalid_token'), expect.anything()],
      },
    })
  })

  it('tells the caller what to tell its own client', async () => {
    const { token } = await person()
    expect(await ask({})).toMatchObject({ error: 'no_credentials', answer: { status: 401 } })
    expect(await ask({ authorization: 'Bearer a, b' })).toMatchObject({ answer: { status: 400 } })
    expect(await ask({ token, scope: 'orders:read' })).toMatchObject({
      error: 'insufficient_scope',
      answer: {
        status: 403,
        challenges: ['Bearer error="insufficient_scope", scope="orders:read"', expect.anything()],
      },
    })
  })

  it('takes a bound token only with the proof for the URL that the caller serves', async () => {
    const { session } = await signedIn(now)
    const prover = await createProver()
    const jkt = await calculateJwkThumbprint(prover.jwk)
    const token = await tokenFor(createCore(), session, now, { jkt })
    const url = 'https://orders.example/orders/1'
    const dpop = await prover.prove({ method: 'POST', url, token, now })
    expect(await ask({ token })).toMatchObject({ error: 'invalid_token' })
    expect(
      await ask({ token, dpop, method: 'POST', url: 'https://orders.example/' }),
    ).toMatchObject({
      error: 'invalid_dpop_proof',
    })
    expect(await ask({ token, dpop })).toMatchObject({ error: 'invalid_dpop_proof' })
    expect(await ask({ token, dpop, method: 'POST', url })).toMatchObject({ ok: true })
    expect(await ask({ token, dpop, method: 'POST', url })).toMatchObject({
      error: 'invalid_dpop_proof',
    })
  })

  it.each([
    {},
    { client: '' },
    { client: 1 },
    { client: ['orders-api'] },
    { client: 'x y' },
    { client: 'x'.repeat(65) },
    { name: 'orders-api' },
  ])('answers nobody that its binding does not name: %j', async (props) => {
    const { token } = await person()
    expect(await ask({ token }, props)).toEqual({
      ok: false,
      error: 'unknown_caller',
      requestId: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
    })
  })

  it('does not take its caller from the request', async () => {
    const { token } = await person()
    const request = { token, client: 'orders-api', props: { client: 'orders-api' } }
    expect(await ask(request, {})).toMatchObject({ error: 'unknown_caller' })
  })

  it.each([
    undefined,
    null,
    'Bearer x',
    [[]],
    { token: 1 },
    { token: null },
    { authorization: {} },
    { authorization: 'Bearer x', token: 'x' },
    { token: 'x', level: 'none' },
    { token: 'x', level: null },
    { token: 'x', method: 1 },
    { token: 'x', url: {} },
    { token: 'x', dpop: ['a', 'b'] },
    { token: 'x', scope: ['a'] },
    { token: 'x', scope: 'a", error="none' },
    { token: 'x', scope: 'a\r\nSet-Cookie: b' },
  ])('refuses a request that is not one: %j', async (request) => {
    expect(await ask(request)).toMatchObject({ ok: false, error: 'invalid_request' })
  })

  it('leaves one event with the name of the caller, and no token', async () => {
    const { token } = await person()
    const info = vi.spyOn(console, 'info')
    const warn = vi.spyOn(console, 'warn')
    await ask({ token })
    await ask({ token: `${token}x` })
    const events = [...info.mock.calls, ...warn.mock.calls].map(
      ([line]) => JSON.parse(String(line)) as { event: string },
    )
    expect(events).toMatchObject([
      { event: 'access.accepted', client: 'orders-api' },
      { event: 'access.refused', client: 'orders-api', reason: 'invalid_token' },
    ])
    expect(JSON.stringify(events)).not.toContain(token.slice(0, 60))
  })
})
