import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import type { UserId } from '../../../src/core/sessions/session.ts'
import { createSitePeople } from '../../../src/core/users/site-people.ts'
import type { NewSiteSession } from '../../../src/core/users/site-sessions-table.ts'
import { createUsers } from '../../../src/core/users/users.ts'
import { countedDirectory } from '../../world/counted-directory.ts'
import { populate, populated, populateSites } from '../../world/populate.ts'
import { settings } from '../../world/settings.ts'

const { directory, rowsRead } = countedDirectory(env.DIRECTORY)
const { siteUsers, siteSessions } = createSitePeople(directory, settings.ISSUER)
const company = 'acme'
const now = Math.floor(Date.now() / 1000)

describe('what is asked of the people of a company', () => {
  it('reads as many rows among 2,000 as among 30', async () => {
    await populate(env.DIRECTORY, 1, 30)
    await populateSites(env.DIRECTORY, company, 1, 30)
    const { id, subject } = populated(7)
    const user = (await siteUsers.find(company, { userId: id }))!
    const [session] = await siteSessions.ofUser(user.userToken)
    const { sealedToken, ...shown } = session!
    const again: NewSiteSession = { ...shown, sealedToken }
    const asked: Record<string, () => Promise<unknown>> = {
      'of all companies': () => siteUsers.ofAllCompanies(id as UserId),
      'the session of a token': () => siteSessions.findByToken(company, session!.tokenHash, now),
      'the session of an identity': () =>
        siteSessions.findByIdentity(company, session!.identityToken, now),
      'to keep it again': () => siteSessions.put(again, now),
      'who comes by a provider': () =>
        siteUsers.connect(
          company,
          { userId: id as UserId, issuer: 'i', subject, providerId: 'people', content: {} },
          now,
        ),
      'to erase somebody': () => createUsers(directory).erase(populated(8).id as UserId),
    }
    const few = new Map<string, number>()
    for (const [name, work] of Object.entries(asked)) few.set(name, await rowsRead(work))
    await populate(env.DIRECTORY, 31, 2000)
    await populateSites(env.DIRECTORY, company, 31, 2000)
    asked['to erase somebody'] = () => createUsers(directory).erase(populated(9).id as UserId)
    for (const [name, work] of Object.entries(asked)) {
      expect(await rowsRead(work), name).toBeLessThanOrEqual(few.get(name)! + 3)
    }
  })
})
