/**
 * Sites: applications with the capability `shared_sessions`. Found by their subdomain, proven by a key pair.
 * A private key is shown once, when it is made, and kept as a hash. Read from the directory each time, so
 * that a change, a disabling or a withdrawn key holds at once.
 */
import { askDirectory } from '../../platform/ask-directory.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { isSameHash, sha256Base64url } from '../../platform/digest.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { isUuid } from '../../platform/uuid.ts'
import type { Application } from './application.ts'
import { createApplicationsTable } from './applications-table.ts'
import type { KeptApplication } from './applications-table.ts'
import { isSubdomain } from './shared-sessions-site.ts'
import type { ShownSiteKeys } from './kept-site-keys.ts'
import { createSiteKeysTable } from './site-keys-table.ts'

/** A site that may act now. */
export interface Site {
  readonly applicationId: string
  readonly name: string
  readonly isFirstParty: boolean
  /** Where it is an OAuth client too, it knows people as that. */
  readonly oauth: Application['oauth']
  readonly subdomain: string
  readonly allowedDomains: readonly string[]
  /** Whose people and sessions it shares: of its group, or its own alone. */
  readonly company: string
  readonly createdAt: EpochSeconds
}

export interface Sites {
  /** The active site of a subdomain. */
  find(subdomain: string): Promise<Result<Site, 'unknown_site' | 'unavailable'>>
  /** As `find`, but only for who presents one of the site's key pairs that are valid now. */
  authenticate(
    subdomain: string,
    keys: ShownSiteKeys | undefined,
    now: EpochSeconds,
  ): Promise<Result<Site, 'unknown_site' | 'wrong_keys' | 'unavailable'>>
  /** The active site behind an application. */
  findByApplication(id: string): Promise<Result<Site, 'unknown_site' | 'unavailable'>>
  /** Throws where the directory does not answer. */
  setAllowedDomains(site: Site, domains: readonly string[], now: EpochSeconds): Promise<boolean>
}

export function createSites(directory: D1Database): Sites {
  const applications = createApplicationsTable(directory)
  const keyPairs = createSiteKeysTable(directory)

  const find: Sites['find'] = async (subdomain) => {
    if (!isSubdomain(subdomain)) return refuse('unknown_site')
    return askDirectory(async () => toSite(await applications.findBySubdomain(subdomain)))
  }

  return {
    find,

    async authenticate(subdomain, keys, now) {
      const found = await find(subdomain)
      if (!found.ok) return found
      if (keys === undefined || !isUuid(keys.publicKey)) return refuse('wrong_keys')
      return askDirectory(async () => {
        const { applicationId } = found.value
        const hash = await keyPairs.validHash(applicationId, keys.publicKey, now)
        const presented = await sha256Base64url(keys.privateKey)
        return isSameHash(hash, presented) ? found : refuse('wrong_keys')
      })
    },

    findByApplication: (id) => askDirectory(async () => toSite(await applications.find(id))),

    setAllowedDomains: ({ applicationId }, domains, now) =>
      applications.setAllowedDomains(applicationId, domains, now),
  }
}

/** What is no site, or may not act as one now, is unknown. */
function toSite(application: KeptApplication | undefined): Result<Site, 'unknown_site'> {
  const site = application?.sharedSessions
  if (application?.status !== 'active' || site === undefined) return refuse('unknown_site')
  const { id, name, isFirstParty, oauth, createdAt } = application
  return ok({
    applicationId: id,
    name,
    isFirstParty,
    oauth,
    subdomain: site.subdomain,
    allowedDomains: site.allowedDomains,
    company: site.group === undefined ? `site:${id}` : `group:${site.group}`,
    createdAt,
  })
}
