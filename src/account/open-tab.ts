/**
 * An open tab asks to be told when its session ends. The checks, in order: that it is a WebSocket at all,
 * whose page it is, how often, and whose session. A handshake carries cookies from any site and CORS does
 * not hold it back, so the origin has to be one of ours, and a missing one is not.
 */
import type { Config } from '../config.ts'
import type { Audit } from '../core/audit/audit.ts'
import { readSessionCookie } from '../core/sessions/session-cookie.ts'
import type { Sessions } from '../core/sessions/sessions.ts'
import type { EpochSeconds } from '../platform/clock.ts'
import type { Doors } from '../platform/doors.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'
import type { RequestFacts } from '../platform/request-facts.ts'
import { isAllowedOrigin } from '../protocol/cors.ts'

export interface OpenTabParts {
  readonly config: Pick<Config, 'issuer' | 'isHttps' | 'allowedOrigins'>
  readonly audit: Audit
  readonly doors: Doors
  readonly sessions: Pick<Sessions, 'connectTab'>
}

export type OpenTabRefusalCode =
  | 'upgrade_required'
  | 'origin_not_allowed'
  | 'rate_limited'
  | 'no_session'
  | 'too_many_tabs'
  | 'unavailable'

/** Answers the browser's end of a connection to the user's object. Being connected is no use of the session. */
export async function openTab(
  parts: OpenTabParts,
  headers: Headers,
  facts: RequestFacts,
  now: EpochSeconds,
): Promise<Result<WebSocket, OpenTabRefusalCode>> {
  const connected = await connect(parts, headers, facts, now)
  if (connected.ok) {
    const { socket, userId, sid } = connected.value
    await parts.audit.record(facts, { event: 'tab.connected', userId, sid })
    return ok(socket)
  }
  const { refusal } = connected
  const event = refusal.code === 'rate_limited' ? 'rate.limited' : 'tab.refused'
  await parts.audit.record(facts, { event, refusal, facts: { door: 'bridge' } })
  return connected
}

async function connect(
  { config, doors, sessions }: OpenTabParts,
  headers: Headers,
  facts: RequestFacts,
  now: EpochSeconds,
) {
  if (headers.get('upgrade')?.toLowerCase() !== 'websocket') return refuse('upgrade_required')
  const origin = headers.get('origin') ?? undefined
  if (!isAllowedOrigin(origin, [config.issuer, ...config.allowedOrigins])) {
    return refuse('origin_not_allowed')
  }
  const entry = await doors.mayEnter('bridge', facts)
  if (!entry.ok) return entry
  return sessions.connectTab(readSessionCookie(headers.get('cookie'), config), now)
}
