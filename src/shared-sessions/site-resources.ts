/** `/site…` and `/providers.json`: what a site reads and changes of itself. */
import { checkAllowedDomain } from '../core/applications/shared-sessions-site.ts'
import { created, dateText, done, failed } from './envelope.ts'
import type { Answer } from './envelope.ts'
import type { SiteParts, SiteRequest } from './site-parts.ts'
import { all, readObject, readText } from './wire-values.ts'

const MOST_DOMAINS = 100

/** GET /site.json: plugins look at `has_single_signon` when somebody presses "verify settings". */
export async function readSite(_parts: SiteParts, { site }: SiteRequest): Promise<Answer> {
  const { name, subdomain, allowedDomains, createdAt } = site
  const features = { has_single_signon: true, has_social_login: site.isFirstParty }
  return done({
    site: {
      name,
      subdomain,
      date_creation: dateText(createdAt),
      allowed_domains: allowedDomains,
      subscription_plan: { key: 'drawbridge', name: 'Drawbridge', features },
    },
  })
}

/** GET /site/allowed-domains.json */
export const readAllowedDomains = async (
  _parts: SiteParts,
  { site }: Pick<SiteRequest, 'site'>,
): Promise<Answer> => domainsAnswer(site.allowedDomains)

const domainsAnswer = (domains: readonly string[]): Answer =>
  done({ allowed_domains: domains, site: { allowed_domains: domains } })

/** PUT /site/allowed-domains.json: takes addresses as well, as people write them there. */
export async function writeAllowedDomains(
  { sites, audit }: SiteParts,
  { site, content, facts, now }: SiteRequest,
): Promise<Answer> {
  const { allowed_domains: given } = content
  if (!Array.isArray(given) || given.length > MOST_DOMAINS) return failed(400)
  const domains: string[] = []
  for (const each of given as readonly unknown[]) {
    const domain = typeof each === 'string' ? domainOf(each) : ''
    const problem = checkAllowedDomain(domain)
    if (problem !== undefined) return failed(400, `allowed_domains: one ${problem}`)
    domains.push(domain)
  }
  const unique = [...new Set(domains)]
  if (!(await sites.setAllowedDomains(site, unique, now))) return failed(404)
  const more = { application: site.applicationId, what: 'allowed_domains' }
  await audit.record(facts, { event: 'site.changed', facts: more })
  return domainsAnswer(unique)
}

const domainOf = (text: string): string =>
  text
    .trim()
    .toLowerCase()
    .replace(/^https?:\/\//, '')
    .replace(/\/$/, '')

/** POST /site/connections.json: somebody has signed in, or up, with a form of the site. */
export async function noteFormLogin(
  { siteUsers, audit }: SiteParts,
  { site, content, facts, now }: SiteRequest,
): Promise<Answer> {
  const connection = readObject(content, 'connection')
  const fields = connection.ok
    ? all({
        action: readText(connection.value, 'action'),
        username: readText(connection.value, 'username', 255),
        email: readText(connection.value, 'email', 255),
      })
    : connection
  if (!fields.ok) return failed(400)
  const { action, username } = fields.value
  if (action !== 'signin' && action !== 'signup') {
    return failed(400, 'action is neither signin nor signup')
  }
  const user = username && (await siteUsers.find(site.company, { login: username }))
  if (user) await siteUsers.noteLogin(user, now)
  await audit.record(facts, {
    event: 'site.changed',
    ...(user && { userId: user.userId }),
    facts: { application: site.applicationId, what: action },
  })
  return created({ connection: { action, date: dateText(now) } })
}

/** GET /providers.json: the identity providers that people may come by. */
export async function listProviders({ config }: SiteParts): Promise<Answer> {
  const entries = config.identityProviders.map(({ id, name }) => ({
    key: id,
    name,
    is_configurable: false,
    configuration: { is_required: false, is_completed: true },
    authentication: { is_user_input_required: false, user_input_type: null },
  }))
  return done({ providers: { count: entries.length, entries } })
}
