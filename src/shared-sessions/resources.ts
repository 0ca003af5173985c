/**
 * Every resource of OneAll's API in one table, in its own words. What is OneAll's and is not done here answers
 * 501, so that nobody takes silence for success.
 */
import { listConnections, readConnection } from './connection-resources.ts'
import type { Answer } from './envelope.ts'
import { importUser } from './import-user.ts'
import * as sessions from './session-resources.ts'
import type { SiteParts, SiteRequest } from './site-parts.ts'
import * as site from './site-resources.ts'
import * as storage from './storage-resources.ts'
import * as users from './user-resources.ts'

export type SiteMethod = 'GET' | 'POST' | 'PUT' | 'DELETE'

export interface Resource {
  readonly method: SiteMethod
  /** Path below the site, without `.json`; each `*` is a token. */
  readonly path: string
  readonly answer: (parts: SiteParts, request: SiteRequest) => Promise<Answer>
  /** What an application on a phone brings instead of the site's keys; undefined where only those will do. */
  readonly phoneBrings: 'nothing' | 'nonce' | undefined
  /** What people are called and reached by is in its answer: the log says who has read it. */
  readonly tellsOfPeople: boolean
  /** Nothing is removed unless the query says `confirm_deletion=true`. */
  readonly isDeletion: boolean
}

type Handle = Resource['answer']

const resource = (
  method: SiteMethod,
  path: string,
  answer: Handle,
  { phoneBrings, tellsOfPeople = false }: Partial<Resource> = {},
): Resource => ({
  method,
  path,
  answer,
  phoneBrings,
  tellsOfPeople,
  isDeletion: method === 'DELETE',
})

const OF_PEOPLE = { tellsOfPeople: true }

export const resources: readonly Resource[] = [
  resource('GET', '/sso/sessions', sessions.listSessions),
  resource('PUT', '/sso/sessions', sessions.startByTokens),
  resource('GET', '/sso/sessions/*', sessions.readByToken),
  resource('DELETE', '/sso/sessions/*', sessions.endByToken),
  // The documentation spells it both ways.
  ...['/sso/sessions/identities/*', '/sso/sessions/identites/*'].flatMap((path) => [
    resource('PUT', path, sessions.startByIdentity),
    resource('GET', path, sessions.readByIdentity),
    resource('DELETE', path, sessions.endByIdentity),
  ]),

  resource('POST', '/storage/users', storage.createUser),
  resource('PUT', '/storage/users/*', storage.updateUser),
  resource('POST', '/storage/users/*', storage.updateUser),
  resource('PUT', '/storage/users/user/synchronize', storage.synchronizeUser),
  resource('POST', '/storage/users/user/lookup', storage.lookUpUser, OF_PEOPLE),

  resource('GET', '/users', users.listUsers, OF_PEOPLE),
  resource('PUT', '/users', importUser, { phoneBrings: 'nothing' }),
  resource('GET', '/users/*', users.readUser, OF_PEOPLE),
  resource('DELETE', '/users/*', users.deleteUser),

  resource('GET', '/identities', users.listIdentities, OF_PEOPLE),
  resource('GET', '/identities/*', users.readIdentity, OF_PEOPLE),
  resource('DELETE', '/identities/*', users.deleteIdentity),
  resource('PUT', '/identities/*/link', users.linkIdentity),
  resource('PUT', '/identities/*/synchronize', users.synchronizeIdentity, OF_PEOPLE),

  resource('GET', '/connections', listConnections),
  // Clients in Python and on phones use the singular.
  resource('GET', '/connections/*', readConnection, { phoneBrings: 'nonce' }),
  resource('GET', '/connection/*', readConnection, { phoneBrings: 'nonce' }),

  // Read before anybody can have keys.
  resource('GET', '/providers', site.listProviders, { phoneBrings: 'nothing' }),

  resource('GET', '/site', site.readSite),
  resource('GET', '/site/allowed-domains', site.readAllowedDomains),
  resource('PUT', '/site/allowed-domains', site.writeAllowedDomains),
  resource('GET', '/site/connections', listConnections),
  resource('POST', '/site/connections', site.noteFormLogin),
]

/** Publishing, statistics, comments, and what a social network knows of somebody; and all the rest in XML. */
const NOT_OFFERED =
  /^\/(?:sharing|shorturls|discussions|loudvoice|push|pull|search|(?:site\/)?providers\/|(?:users|identities)\/[^/]+\/(?:contacts|publish|[^/]+\/))|\.xml$/

export type FoundResource =
  | { readonly kind: 'found'; readonly resource: Resource; readonly tokens: readonly string[] }
  | { readonly kind: 'other_methods'; readonly methods: readonly string[] }
  | { readonly kind: 'not_offered' }
  | { readonly kind: 'unknown' }

const patterns = resources.map((each) => ({
  each,
  pattern: new RegExp(`^${each.path.replaceAll('*', '([^/]+)')}\\.json$`),
}))

/** `path`: below the site, with its extension. */
export function findResource(method: string, path: string): FoundResource {
  const matches = patterns.flatMap(({ each, pattern }) => {
    const match = pattern.exec(path)
    return match === null ? [] : [{ each, tokens: match.slice(1) }]
  })
  const match = matches.find(({ each }) => each.method === method)
  if (match) return { kind: 'found', resource: match.each, tokens: match.tokens }
  if (NOT_OFFERED.test(path)) return { kind: 'not_offered' }
  if (matches.length > 0) {
    return { kind: 'other_methods', methods: matches.map(({ each }) => each.method) }
  }
  return { kind: 'unknown' }
}
