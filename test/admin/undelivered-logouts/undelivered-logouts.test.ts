import { env } from 'cloudflare:workers'
import { beforeEach, expect, it } from 'vitest'
import { createUndeliveredLogouts } from '../../../src/core/revocation/undelivered-logouts.ts'
import type { SessionId, UserId } from '../../../src/core/sessions/session.ts'
import { freezeClock, NOON } from '../../world/clock.ts'
import { captureLog, decisions } from '../../world/log-lines.ts'
import { rowsOf } from '../../core/sessions/signed-in-user.ts'
import { createOperator, unreachable } from '../operator.ts'

const userId = 'a'.repeat(32) as UserId
const idOf = (n: number) => String(n).padStart(32, '0')

const deliveryOf = (n: number) => ({
  id: idOf(n),
  userId,
  sid: 'b'.repeat(32) as SessionId,
  applicationId: 'shop',
  subject: 'sub',
  clientSid: 'sid',
  protocol: 'openid' as const,
  endedAt: NOON - 86_400,
  attempts: 30,
  lastError: 'timeout',
  remembered: undefined,
})

beforeEach(async () => {
  freezeClock()
  const undelivered = createUndeliveredLogouts(env.DIRECTORY)
  for (const n of [1, 2, 3]) await undelivered.keep(deliveryOf(n), NOON)
})

it('an operator reads them in pages, newest first, and never a token or a session id', async () => {
  const operator = createOperator()
  const first = await operator.ask('GET', '/undelivered-logouts?limit=2')
  expect([first.status, first.body]).toEqual([
    200,
    {
      undelivered_logouts: [3, 2].map((n) => ({
        id: idOf(n),
        user: userId,
        application: 'shop',
        attempts: 30,
        last_error: 'timeout',
        ended_at: NOON - 86_400,
        given_up_at: NOON,
      })),
      next_cursor: idOf(2),
    },
  ])
  const second = await operator.ask('GET', `/undelivered-logouts?limit=2&cursor=${idOf(2)}`)
  expect(second.body).toMatchObject({ undelivered_logouts: [{ id: idOf(1) }], next_cursor: null })
})

it('an operator who has each page tried again before the next one sees them all', async () => {
  const operator = createOperator()
  await operator.ask('POST', `/undelivered-logouts/${idOf(3)}/replay`)
  await operator.ask('POST', `/undelivered-logouts/${idOf(2)}/replay`)
  const second = await operator.ask('GET', `/undelivered-logouts?limit=2&cursor=${idOf(2)}`)
  expect(second.body).toMatchObject({ undelivered_logouts: [{ id: idOf(1) }], next_cursor: null })
})

it('an operator has one tried again: it is in the user’s object, off the list, and audited once', async () => {
  const operator = createOperator()
  const { lines } = captureLog()
  const path = `/undelivered-logouts/${idOf(2)}/replay`
  expect((await operator.ask('POST', path)).status).toBe(202)
  expect(await rowsOf(userId, 'SELECT id FROM deliveries')).toEqual([{ id: idOf(2) }])
  const left = await operator.ask('GET', '/undelivered-logouts')
  expect(left.body).toMatchObject({ undelivered_logouts: [{ id: idOf(3) }, { id: idOf(1) }] })
  expect(decisions(lines)).toContainEqual(
    expect.objectContaining({ event: 'logout.replayed', actor: 'operator', delivery: idOf(2) }),
  )
  expect((await operator.ask('POST', path)).status).toBe(404)
})

it('one that is given up again, and could not be struck out before, stands there as it was given up last', async () => {
  const again = { ...deliveryOf(2), attempts: 4, lastError: 'status_400' }
  await createUndeliveredLogouts(env.DIRECTORY).keep(again, NOON + 3600)
  const { ask } = createOperator()
  const listed = await ask('GET', '/undelivered-logouts')
  expect(listed.body).toMatchObject({
    undelivered_logouts: [
      { id: idOf(3) },
      { id: idOf(2), attempts: 4, last_error: 'status_400', given_up_at: NOON + 3600 },
      { id: idOf(1) },
    ],
  })
  expect((await ask('POST', `/undelivered-logouts/${idOf(2)}/replay`)).status).toBe(202)
  const left = await ask('GET', '/undelivered-logouts')
  expect(left.body.undelivered_logouts).toHaveLength(2)
})

it('nothing is lost while the object does not answer', async () => {
  captureLog()
  const operator = createOperator({ USER_SESSIONS: unreachable() })
  const answer = await operator.ask('POST', `/undelivered-logouts/${idOf(2)}/replay`)
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5'])
  const left = await operator.ask('GET', '/undelivered-logouts')
  expect(left.body.undelivered_logouts).toHaveLength(3)
})

it.each(['x', '0'.repeat(32), "' OR 1=1 --"])('nobody has the id %j', async (id) => {
  const path = `/undelivered-logouts/${encodeURIComponent(id)}/replay`
  expect((await createOperator().ask('POST', path)).status).toBe(404)
})

it.each(['cursor=x', 'cursor=', 'limit=0', 'limit=101', 'user=1'])(
  'the query %s is refused',
  async (query) => {
    expect((await createOperator().ask('GET', `/undelivered-logouts?${query}`)).status).toBe(400)
  },
)

it('nobody without the key is told anything, or has anything done', async () => {
  captureLog()
  const operator = createOperator()
  for (const [method, path] of [
    ['GET', ''],
    ['POST', `/${idOf(1)}/replay`],
  ] as const) {
    const answer = await operator.send(method, `/admin/api/undelivered-logouts${path}`)
    expect(answer.status).toBe(401)
  }
  expect(await rowsOf(userId, 'SELECT name FROM sqlite_master')).toEqual([])
})
