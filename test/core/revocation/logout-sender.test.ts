/** Where an application is told of a logout, when the directory cannot say where it is. */
import { env } from 'cloudflare:workers'
import { expect, it, vi } from 'vitest'
import { createApplication, takePart } from '../../world/application.ts'
import { freezeClock, NOON } from '../../world/clock.ts'
import { captureLog } from '../../world/log-lines.ts'
import { prepareKeyRing } from '../../world/signed-by-us.ts'
import { createWorld } from '../../world/sign-in.ts'
import { ring } from '../sessions/published-hint.ts'
import { rowsOf, sessionsOf, signedIn } from '../sessions/signed-in-user.ts'

const rename = async (from: string, to: string) =>
  env.DIRECTORY.prepare(`ALTER TABLE ${from} RENAME TO ${to}`).run()

it.each([
  { when: 'as soon as it can, where it could not at first', isKnown: false },
  { when: 'where the application was last, while it cannot', isKnown: true },
])('$when', async ({ isKnown }) => {
  const clock = freezeClock()
  captureLog()
  await prepareKeyRing(NOON)
  const shop = await createApplication(await createWorld())
  const { session } = await signedIn(NOON)
  const { userId, sid } = session
  await takePart(shop, session)
  shop.manner = 'fails'
  if (!isKnown) await rename('applications', 'away')
  await sessionsOf().end(userId, sid, 'person', NOON)
  const lastError = isKnown ? 'status_500' : 'directory_unavailable'
  await vi.waitFor(
    async () =>
      expect(await rowsOf(userId, 'SELECT state, last_error FROM deliveries')).toEqual([
        { state: 'due', last_error: lastError },
      ]),
    { timeout: 10_000 },
  )
  await (isKnown ? rename('applications', 'away') : rename('away', 'applications'))
  shop.manner = 'takes'
  clock.advance(2)
  await ring(userId)
  await vi.waitFor(() => expect(shop.received).toHaveLength(isKnown ? 2 : 1), { timeout: 10_000 })
})

it('nobody is told, nor tried again, where an application is gone that was never told of anything', async () => {
  freezeClock()
  await prepareKeyRing(NOON)
  const shop = await createApplication(await createWorld())
  const { session } = await signedIn(NOON)
  const { userId, sid } = session
  await takePart(shop, session)
  await env.DIRECTORY.prepare('DELETE FROM applications').run()
  await sessionsOf().end(userId, sid, 'person', NOON)
  await vi.waitFor(
    async () =>
      expect(await rowsOf(userId, 'SELECT state FROM deliveries')).toEqual([
        { state: 'unconcerned' },
      ]),
    { timeout: 10_000 },
  )
  expect(shop.received).toEqual([])
})
