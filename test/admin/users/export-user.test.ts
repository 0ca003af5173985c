import { beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/platform/clock.ts'
import { captureLog } from '../../world/log-lines.ts'
import { people } from '../../world/people.ts'
import { createWorld } from '../../world/sign-in.ts'
import { prepareKeyRing } from '../../world/signed-by-us.ts'
import { createOperator, unreachable } from '../operator.ts'
import { aliceWithEverything } from './alice-with-everything.ts'

beforeEach(async () => {
  captureLog()
  await prepareKeyRing(systemClock())
})

describe('what is kept of a user', () => {
  it('is told in one answer', async () => {
    const world = await createWorld()
    const { id } = await aliceWithEverything(world)
    const { ask } = createOperator()
    const { status, body } = await ask('GET', `/users/${id}/export`)
    expect(status).toBe(200)
    expect(Object.keys(body)).toEqual([
      'user',
      'claims',
      'username',
      'roles',
      'sessions',
      'applications',
      'services',
      'site_users',
    ])
    expect(body.user).toEqual((await ask('GET', `/users/${id}`)).body)
    expect(body.sessions).toEqual((await ask('GET', `/users/${id}/sessions`)).body.sessions)
    expect(body).toMatchObject({
      claims: { name: people.alice.name, email: people.alice.email, email_verified: true },
      username: 'alice',
      roles: ['moderator'],
      applications: [
        {
          application: 'shop',
          consent: { scope: ['openid'], claims: [], resources: ['https://orders.example'] },
        },
      ],
      services: [],
      site_users: [
        {
          group: 'acme',
          identities: [
            { provider: world.otrotl.config.id, content: { displayName: people.alice.name } },
          ],
        },
      ],
    })
  })

  it('is told with no secret, and no hash of one', async () => {
    const world = await createWorld()
    const { id } = await aliceWithEverything(world)
    const told = JSON.stringify((await createOperator().ask('GET', `/users/${id}/export`)).body)
    for (const secret of ['scrypt', 'sealed', '"hash"', 'handle'])
      expect(told).not.toContain(secret)
  })

  it('leaves in the trail who has asked for it', async () => {
    const world = await createWorld()
    const { id } = await aliceWithEverything(world)
    const { ask } = createOperator()
    await ask('GET', `/users/${id}/export`)
    expect((await ask('GET', `/audit?user=${id}&limit=1`)).body.events).toMatchObject([
      { event: 'user.exported', actor: 'operator' },
    ])
  })

  it('is not told in part: 503 where the user’s object does not answer', async () => {
    const world = await createWorld()
    const { id } = await aliceWithEverything(world)
    const { ask } = createOperator({ USER_SESSIONS: unreachable() })
    expect((await ask('GET', `/users/${id}/export`)).status).toBe(503)
  })

  it('is of nobody: 404', async () => {
    const { ask } = createOperator()
    for (const id of ['a'.repeat(32), 'nobody'])
      expect((await ask('GET', `/users/${id}/export`)).status).toBe(404)
  })
})
