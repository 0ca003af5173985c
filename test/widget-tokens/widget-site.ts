import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import type { KeptApplication } from '../../src/core/applications/applications-table.ts'
import type { WidgetRegistration } from '../../src/core/applications/widget-rules.ts'
import type { Registration } from '../../src/core/applications/registration.ts'
import type { BroughtCredentials } from '../../src/core/applications/brought-credentials.ts'
import type { Profile, UserId } from '../../src/core/sessions/session.ts'
import { newUserId } from '../../src/core/sessions/session.ts'
import { gatewayFor } from '../../src/gateway.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openInput, sessionsOf } from '../core/sessions/signed-in-user.ts'
import { applicationRegistry } from '../world/applications.ts'
import { settings } from '../world/settings.ts'

export const SITE = 'https://video.example'

/** An application that is a widget, and its secret. */
export interface WidgetSite {
  readonly id: string
  readonly secret: string
  readonly application: KeptApplication
  readonly tokenUrl: string
  readonly authUrl: string
}

/** Registers a widget whose pages are on `SITE`. */
export async function registerWidget(
  widget: WidgetRegistration = {},
  more: Partial<Registration> & BroughtCredentials = {},
): Promise<WidgetSite> {
  const registered = await applicationRegistry().register(
    { name: 'Comments', widget: { allowedOrigins: [SITE], ...widget }, ...more },
    systemClock(),
  )
  if (!registered.ok) throw new Error(JSON.stringify(registered.problems))
  const { application, widgetSecret } = registered.value
  const base = `${settings.ISSUER}/widgets/${application.id}`
  return {
    id: application.id,
    secret: widgetSecret?.secret ?? '',
    application,
    tokenUrl: `${base}/token`,
    authUrl: `${base}/auth`,
  }
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly body: {
    readonly success?: boolean
    readonly token?: string
    readonly expires_in?: number
    readonly error?: string
    readonly user?: Readonly<Record<string, unknown>>
    readonly request_id?: string
  }
}

/** One request to the gateway; waits also for what it leaves to be done after the answer. */
export async function ask(url: string, init: RequestInit = {}, bindings: Partial<Env> = {}) {
  const context = createExecutionContext()
  const gateway = gatewayFor(Object.keys(bindings).length === 0 ? env : { ...env, ...bindings })
  const response = await gateway.fetch(new Request(url, init), env, context)
  await waitOnExecutionContext(context)
  const text = await response.text()
  const isJson =
    text !== '' && response.headers.get('content-type')?.startsWith('application/json') === true
  const body = (isJson ? JSON.parse(text) : {}) as Answer['body']
  return { status: response.status, headers: response.headers, text, body }
}

export const cookieOf = (cookie: string) => ({ Cookie: `__Host-drawbridge_session=${cookie}` })

/** What a page of the widget's does when it loads. */
export const askToken = (site: Pick<WidgetSite, 'tokenUrl'>, cookie: string | undefined) =>
  ask(site.tokenUrl, { headers: { Origin: SITE, ...(cookie && cookieOf(cookie)) } })

export const present = (site: Pick<WidgetSite, 'authUrl'>, token: unknown) =>
  ask(site.authUrl, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ token }),
  })

/** A person who is signed in, with a row in the directory. */
export async function signedInPerson(
  profile: Profile = { name: 'Ada Lovelace', email: 'ada@example.com' },
  userId: UserId = newUserId(),
) {
  const now = systemClock()
  await env.DIRECTORY.prepare(
    'INSERT INTO users (id, created_at, updated_at) VALUES (?1, ?2, ?2) ON CONFLICT DO NOTHING',
  )
    .bind(userId, now)
    .run()
  const opened = await sessionsOf().open(openInput(now, userId, { profile }))
  if (!opened.ok) throw new Error(opened.refusal.code)
  return { userId, ...opened.value }
}
