import { env } from 'cloudflare:workers'
import type { SessionId, UserId } from '../../../src/core/sessions/session.ts'
import { createSitePeople } from '../../../src/core/users/site-people.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { people } from '../../world/people.ts'
import { settings } from '../../world/settings.ts'
import { liveSession, signIn } from '../../world/sign-in.ts'
import type { World } from '../../world/sign-in.ts'
import { createOperator } from '../operator.ts'

const { siteUsers, siteSessions } = createSitePeople(env.DIRECTORY, settings.ISSUER)

/** Alice, signed in, with whatever else the directory may know of somebody. */
export async function aliceWithEverything(world: World) {
  const { ask } = createOperator()
  const first = world.newBrowser()
  await signIn(first, world.otrotl)
  const { userId } = (await liveSession(first.session()))!
  const password = { username: 'alice', password: 'correct horse battery' }
  await ask('PUT', `/users/${userId}/password`, password)
  await ask('PUT', `/users/${userId}/roles`, { roles: ['moderator'] })
  const browser = world.newBrowser()
  await signIn(browser, world.otrotl)
  const { sid } = (await liveSession(browser.session()))!
  const { access_token: token } = await (
    await browser.fetch('/auth/sso/token')
  ).json<{ access_token: string }>()
  const now = systemClock()
  await world.core.consents.give({
    userId,
    sid,
    consent: {
      applicationId: 'shop',
      scope: ['openid'],
      claims: [],
      resources: ['https://orders.example'],
    },
    now,
  })
  await connectToSite(world, userId)
  const connected = await siteUsers.find('acme', { userId })
  await siteSessions.put(
    {
      identityToken: 'identity',
      tokenHash: 'hash',
      sealedToken: 'sealed',
      company: 'acme',
      applicationId: 'shop',
      userToken: connected!.userToken,
      userId,
      sid: 'another' as SessionId,
      topRealm: undefined,
      subRealm: undefined,
      data: { note: people.alice.name },
      createdAt: now,
      updatedAt: now,
      expiresAt: now + 3600,
    } as Parameters<typeof siteSessions.put>[0],
    now,
  )
  return {
    id: userId,
    userToken: connected!.userToken,
    browser,
    api: async () =>
      (await browser.fetch('/api/me', { headers: { authorization: `Bearer ${token}` } })).status,
    bridge: async () => (await browser.fetch('/auth/sso/token')).status,
  }
}

/** A site of a company comes to know her. */
export const connectToSite = (world: World, userId: UserId) =>
  siteUsers.connect(
    'acme',
    {
      userId,
      issuer: world.otrotl.config.issuer,
      subject: people.alice.sub,
      providerId: world.otrotl.config.id,
      content: { displayName: people.alice.name } as never,
    },
    systemClock(),
  )
