import { env, exports } from 'cloudflare:workers'
import type { LiveSession } from '../../src/core/sessions/session.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { applicationRegistry } from './applications.ts'
import type { RegisteredApplication } from './applications.ts'
import { settings } from './settings.ts'
import type { World } from './sign-in.ts'

export interface TestSite {
  readonly id: string
  readonly subdomain: string
  readonly keys: { readonly publicKey: string; readonly privateKey: string }
}

/** A registered site. Throws with all problems where the registration is not taken. */
export async function registerSite({
  subdomain,
  group = 'acme',
  allowedDomains = [`${subdomain}.example`],
  isFirstParty = true,
}: {
  readonly subdomain: string
  readonly group?: string | null
  readonly allowedDomains?: readonly string[]
  readonly isFirstParty?: boolean
}): Promise<TestSite> {
  const sharedSessions = { subdomain, allowedDomains, group: group ?? undefined }
  const registered = await applicationRegistry().register(
    { name: subdomain, isFirstParty, sharedSessions },
    systemClock(),
  )
  if (!registered.ok) throw new Error(JSON.stringify(registered.problems))
  const { application, siteKeys } = registered.value
  return { id: application.id, subdomain, keys: siteKeys! }
}

/** A session that a site opened for whoever is signed in; its cookie. */
export async function openAtSite(
  { core }: Pick<World, 'core'>,
  { userId, authentication }: LiveSession,
): Promise<string> {
  const opened = await core.sessions.open({
    userId,
    authentication: { ...authentication, applicationId: 'shop' },
    profile: {},
    userAgent: undefined,
    continent: undefined,
    now: systemClock(),
  })
  if (!opened.ok) throw new Error(opened.refusal.code)
  return opened.value.cookie
}

/** An application that there is already becomes a site besides. */
export async function alsoSite(
  { core }: Pick<World, 'core'>,
  { id, application }: Pick<RegisteredApplication, 'id' | 'application'>,
  subdomain: string,
): Promise<TestSite> {
  const sharedSessions = { subdomain, allowedDomains: [`${subdomain}.example`], group: undefined }
  await env.DIRECTORY.prepare('UPDATE applications SET shared_sessions = ?2 WHERE id = ?1')
    .bind(id, JSON.stringify(sharedSessions))
    .run()
  const keys = await core.siteKeys.keep({ ...application, sharedSessions }, systemClock())
  return { id, subdomain, keys: keys! }
}

/** Parsed JSON, looked into freely: a wrong way in it fails the test that goes it. */
type Json = ReturnType<typeof JSON.parse>

/** What a site receives: the status, and what the envelope holds. */
export interface SiteAnswer {
  readonly status: number
  readonly headers: Headers
  readonly request: { readonly resource: string; readonly status: { code: number; flag: string } }
  /** `response.result`; undefined where there is none. */
  readonly result: { readonly data?: Json } | undefined
  readonly data: Json
}

const basic = ({ publicKey, privateKey }: TestSite['keys']): string =>
  `Basic ${btoa(`${publicKey}:${privateKey}`)}`

/** One call as a client makes it; `body` is what stands under `request`. */
export async function ask(
  site: Pick<TestSite, 'subdomain'> & { readonly keys?: TestSite['keys'] },
  method: string,
  path: string,
  body?: unknown,
  {
    headers = {},
    text,
    origin = settings.ISSUER,
    prefix = `/oneall/${site.subdomain}`,
    fetch = (request: Request) => exports.default.fetch(request),
  } = {} as {
    headers?: Record<string, string>
    text?: string
    origin?: string
    prefix?: string
    /** Another gateway than that of the settings. */
    fetch?: (request: Request) => Promise<Response>
  },
): Promise<SiteAnswer> {
  const request = new Request(`${origin}${prefix}${path}`, {
    method,
    headers: { ...(site.keys && { authorization: basic(site.keys) }), ...headers },
    ...(text !== undefined && { body: text }),
    ...(body !== undefined && { body: JSON.stringify({ request: body }) }),
  })
  const response = await fetch(request)
  const { response: envelope } = (await response.json()) as { response: Json }
  return {
    status: response.status,
    headers: response.headers,
    request: envelope.request,
    result: envelope.result,
    data: envelope.result?.data,
  }
}

/** Pushes a person; answers their tokens. */
export async function pushUser(
  site: TestSite,
  user: Record<string, unknown> = {},
): Promise<{ readonly userToken: string; readonly identityToken: string }> {
  const answer = await ask(site, 'POST', '/storage/users.json', {
    user: { identity: { displayName: 'Ada Lovelace' }, ...user },
  })
  if (answer.status !== 201) throw new Error(`not pushed: ${JSON.stringify(answer.request)}`)
  const { user: made } = answer.data
  return { userToken: made.user_token, identityToken: made.identity.identity_token }
}

/** Starts a shared session on an identity; answers its token. */
export async function startShared(
  site: TestSite,
  identityToken: string,
  session: unknown = {},
): Promise<string> {
  const path = `/sso/sessions/identities/${identityToken}.json`
  const answer = await ask(site, 'PUT', path, { sso_session: session })
  if (answer.status !== 201) throw new Error(`not started: ${JSON.stringify(answer.request)}`)
  return answer.data.sso_session.sso_session_token
}
