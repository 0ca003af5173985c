import { createSiteConnections } from './site-connections-table.ts'
import { createSiteSessions } from './site-sessions-table.ts'
import { createSiteUsers } from './site-users.ts'

/** Everything that the directory keeps of people for the sites of companies. */
export const createSitePeople = (directory: D1Database, issuer: string) => ({
  siteUsers: createSiteUsers({ directory, issuer }),
  siteSessions: createSiteSessions(directory),
  siteConnections: createSiteConnections(directory),
})
