/**
 * The applications that a person is connected to, listed and disconnected. Whose they are, is decided by the
 * session cookie alone, and disconnecting must come from a page of our own.
 */
import type { Config } from '../config.ts'
import type { Applications } from '../core/applications/application.ts'
import type { Audit } from '../core/audit/audit.ts'
import type { EndSession } from '../core/revocation/end-session.ts'
import type { Connection, Consents } from '../core/sessions/grant.ts'
import { readSessionCookie } from '../core/sessions/session-cookie.ts'
import type { UserId } from '../core/sessions/session.ts'
import type { Sessions } from '../core/sessions/sessions.ts'
import type { EpochSeconds } from '../platform/clock.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'
import { isFromOwnPage } from '../protocol/same-origin.ts'
import type { OwnSessionsRefusalCode, OwnSessionsRequest } from './own-sessions.ts'

export interface OwnApplicationsParts {
  readonly config: Pick<Config, 'issuer' | 'isHttps'>
  readonly audit: Audit
  readonly sessions: Pick<Sessions, 'peek'>
  readonly applications: Pick<Applications, 'namesOf'>
  readonly consents: Pick<Consents, 'connections'>
  readonly ends: Pick<EndSession, 'disconnectApplication'>
}

/** A connection, with the name that the person knows the application by. */
export interface NamedConnection extends Connection {
  readonly name: string
}

export interface OwnApplications {
  list(
    userId: UserId,
    now: EpochSeconds,
  ): Promise<Result<readonly NamedConnection[], 'unavailable'>>
  /** Withdraws consent, grants and tokens. One that is not connected is no error: nothing is left to be done. */
  disconnect(
    request: OwnSessionsRequest,
    applicationId: string | undefined,
  ): Promise<Result<undefined, OwnSessionsRefusalCode>>
}

export function createOwnApplications({
  config,
  audit,
  sessions,
  applications,
  consents,
  ends,
}: OwnApplicationsParts): OwnApplications {
  async function end(
    { headers, facts, now }: OwnSessionsRequest,
    applicationId: string | undefined,
  ): Promise<Result<undefined, OwnSessionsRefusalCode>> {
    if (!isFromOwnPage(headers, config.issuer)) return refuse('not_from_our_page')
    const current = await sessions.peek(readSessionCookie(headers.get('cookie'), config), now)
    if (!current.ok) return current
    if (applicationId === undefined || applicationId === '') return ok(undefined)
    const { userId } = current.value
    const ended = await ends.disconnectApplication(facts, { userId, applicationId, now })
    return ended.ok ? ok(undefined) : ended
  }

  return {
    async list(userId, now) {
      const connections = await consents.connections(userId, now)
      if (!connections.ok) return connections
      const ids = connections.value.map(({ applicationId }) => applicationId)
      const names = await applications.namesOf(ids)
      // Without names a person can still disconnect: an id stands in for what the directory does not say.
      return ok(
        connections.value.map((connection) => ({
          ...connection,
          name: names.get(connection.applicationId) ?? connection.applicationId,
        })),
      )
    },

    async disconnect(request, applicationId) {
      const result = await end(request, applicationId)
      if (!result.ok) {
        await audit.record(request.facts, { event: 'account.refused', refusal: result.refusal })
      }
      return result
    },
  }
}
