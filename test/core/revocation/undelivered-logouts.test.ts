import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import { createUndeliveredLogouts } from '../../../src/core/revocation/undelivered-logouts.ts'
import { newSessionId, newUserId } from '../../../src/core/sessions/session.ts'
import { NOON } from '../../world/clock.ts'

it('a logout that was given up again since it was read stays on the list', async () => {
  const undelivered = createUndeliveredLogouts(env.DIRECTORY)
  const delivery = {
    id: 'd'.repeat(32),
    userId: newUserId(),
    sid: newSessionId(),
    applicationId: 'shop',
    subject: 'ada',
    clientSid: 'session',
    protocol: 'openid',
    attempts: 4,
    lastError: 'status_400',
    endedAt: NOON,
    remembered: undefined,
  } as const
  await undelivered.keep(delivery, NOON)
  await undelivered.keep(delivery, NOON + 60)
  await undelivered.strike(delivery.id, NOON)
  expect(await undelivered.find(delivery.id)).toMatchObject({ givenUpAt: NOON + 60 })
  await undelivered.strike(delivery.id, NOON + 60)
  expect(await undelivered.find(delivery.id)).toBeUndefined()
})
