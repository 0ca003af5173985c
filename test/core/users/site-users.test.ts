/** What it costs to look for somebody, however many people a company has. */
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import type { SessionId } from '../../../src/core/sessions/session.ts'
import { createSitePeople } from '../../../src/core/users/site-people.ts'
import type { ContentChange, SiteUser } from '../../../src/core/users/site-user.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { countedDirectory } from '../../world/counted-directory.ts'
import { settings } from '../../world/settings.ts'

const PEOPLE = 40
const FEW = 4
const NO_CHANGE: ContentChange = {
  merge: () => ({}),
  profileOf: () => ({ emailVerified: false, details: {} }) as never,
}

const { directory, rowsRead } = countedDirectory(env.DIRECTORY)
const { siteUsers, siteSessions, siteConnections } = createSitePeople(directory, settings.ISSUER)

let ada: SiteUser
beforeEach(async () => {
  const now = systemClock()
  for (let made = 0; made < PEOPLE; made += 1) {
    const pushed = { externalId: `${made}`, login: `person-${made}`, change: NO_CHANGE }
    const created = await siteUsers.create('group:acme', pushed, now)
    if (!created.ok) throw new Error(created.refusal.code)
    ;({ user: ada } = created.value)
    const { userToken, userId } = ada
    const [identity] = created.value.identities
    const sid = `sid-${made}` as SessionId
    await siteSessions.put(
      {
        sid,
        userId,
        userToken,
        identityToken: identity!.identityToken,
        tokenHash: sid,
        sealedToken: sid,
        company: 'group:acme',
        applicationId: 'shop',
        topRealm: undefined,
        subRealm: undefined,
        data: undefined,
        expiresAt: now + 600,
      },
      now,
    )
  }
})

describe('of a company with many people', () => {
  it('one is found by what is known of them without a look at the others', async () => {
    const { userToken, externalId, login, userId } = ada
    for (const criteria of [{ userToken }, { externalId }, { login }, { userId }]) {
      const found = async () => expect(await siteUsers.find('group:acme', criteria)).toEqual(ada)
      expect([criteria, await rowsRead(found)]).toEqual([
        criteria,
        expect.toSatisfy((rows) => rows <= FEW),
      ])
    }
    expect(await siteUsers.find('group:acme', { userToken, login: 'person-1' })).toBeUndefined()
    expect(await siteUsers.find('group:acme', { userToken: undefined })).toBeUndefined()
  })

  it('one is told to be known to others, or to be leaving, without a look at the others', async () => {
    expect(await rowsRead(() => siteUsers.isOfOthers(ada))).toBeLessThanOrEqual(FEW)
    expect(await rowsRead(() => siteUsers.listLeaving(9))).toBeLessThanOrEqual(FEW)
    await siteUsers.leave(ada)
    const leaving = async () => expect(await siteUsers.listLeaving(9)).toEqual([ada])
    expect(await rowsRead(leaving)).toBeLessThanOrEqual(FEW)
  })

  it('a session is counted and forgotten without a look at the others', async () => {
    const now = systemClock()
    const session = (await siteSessions.ofUser(ada.userToken))[0]!
    expect(await rowsRead(() => siteSessions.countCookie(session, now))).toBeLessThanOrEqual(FEW)
    expect((await siteSessions.ofUser(ada.userToken))[0]!.cookieCount).toBe(1)
    expect(await rowsRead(() => siteSessions.forget([session]))).toBeLessThanOrEqual(FEW)
    expect(await siteSessions.ofUser(ada.userToken)).toEqual([])
  })
})

describe('connections that sites were told', () => {
  it('are not looked at by the cron before they are too old', async () => {
    const day = 86_400
    const now = systemClock()
    for (let made = 0; made < PEOPLE; made += 1) {
      const connection = {
        tokenHash: `${made}`,
        applicationId: 'shop',
        sealedGrant: 'sealed',
        plugin: 'single_sign_on' as const,
        callbackUri: 'https://shop.example/',
        identityToken: 'i',
        userToken: 'u',
        expiresAt: now + 120,
      }
      await siteConnections.add(connection, now)
      await siteConnections.spend({ ...connection, createdAt: now }, `told-${made}`)
    }
    const page = { limit: PEOPLE, offset: 0, isDescending: false }
    const listed = async () => (await siteConnections.list('shop', page)).total
    const forget = (days: number) => siteConnections.forgetExpired(now + days * day)
    expect(await rowsRead(() => forget(29))).toBeLessThanOrEqual(FEW)
    expect(await siteConnections.find('shop', '1', now)).toBeUndefined()
    expect(await listed()).toBe(PEOPLE)
    await forget(30)
    expect(await listed()).toBe(0)
  })
})
