import type { WidgetApplication } from '../core/applications/application.ts'
import { readSessionCookie } from '../core/sessions/session-cookie.ts'
import type { EpochSeconds } from '../platform/clock.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'
import type { RequestFacts } from '../platform/request-facts.ts'
import { isAllowedOrigin } from '../protocol/cors.ts'
import { originsOf } from './widget-token-parts.ts'
import type { WidgetTokenParts } from './widget-token-parts.ts'

export type WidgetTabRefusalCode =
  | 'upgrade_required'
  | 'origin_not_allowed'
  | 'no_session'
  | 'too_many_tabs'
  | 'unavailable'

/**
 * A page with a widget asks to be told when its session ends. A handshake carries cookies from any site and CORS
 * does not hold it back, so the origin has to be one of the widget's, and a missing one is not. Being connected
 * is no use of the session.
 */
export async function openWidgetTab(
  parts: WidgetTokenParts,
  application: WidgetApplication,
  headers: Headers,
  facts: RequestFacts,
  now: EpochSeconds,
): Promise<Result<WebSocket, WidgetTabRefusalCode>> {
  const connected = await connect(parts, application, headers, now)
  const about = { application: application.id }
  if (connected.ok) {
    const { socket, userId, sid } = connected.value
    await parts.audit.record(facts, { event: 'tab.connected', userId, sid, facts: about })
    return ok(socket)
  }
  await parts.audit.record(facts, {
    event: 'tab.refused',
    refusal: connected.refusal,
    facts: about,
  })
  return connected
}

async function connect(
  parts: WidgetTokenParts,
  application: WidgetApplication,
  headers: Headers,
  now: EpochSeconds,
) {
  if (headers.get('upgrade')?.toLowerCase() !== 'websocket') return refuse('upgrade_required')
  const origin = headers.get('origin') ?? undefined
  if (!isAllowedOrigin(origin, originsOf(parts, application))) return refuse('origin_not_allowed')
  const cookie = readSessionCookie(headers.get('cookie'), parts.config)
  return parts.sessions.connectTab(cookie, now)
}
