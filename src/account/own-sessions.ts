/**
 * A person's own sessions, listed and ended. Whose they are, is decided by the session cookie alone: an id
 * that is asked for only ever selects among them, so another user's id is one that is not there. Whatever
 * ends something must come from a page of our own, whatever else it carries.
 */
import type { Config } from '../config.ts'
import type { Audit } from '../core/audit/audit.ts'
import type { EndSession } from '../core/revocation/end-session.ts'
import { readSessionCookie } from '../core/sessions/session-cookie.ts'
import { parseSessionId } from '../core/sessions/session.ts'
import type { LiveSession } from '../core/sessions/session.ts'
import type { Sessions } from '../core/sessions/sessions.ts'
import type { EpochSeconds } from '../platform/clock.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'
import type { RequestFacts } from '../platform/request-facts.ts'
import { isFromOwnPage } from '../protocol/same-origin.ts'

export interface OwnSessionsParts {
  readonly config: Pick<Config, 'issuer' | 'isHttps'>
  readonly audit: Audit
  readonly sessions: Pick<Sessions, 'peek' | 'list' | 'has'>
  readonly ends: Pick<EndSession, 'endSession' | 'endOtherSessions' | 'endAllSessions'>
}

export type OwnSessionsRefusalCode =
  | 'not_from_our_page'
  | 'no_session'
  | 'unknown_session'
  | 'unavailable'

/** Who asks, and when. */
export interface OwnSessionsRequest {
  readonly headers: Headers
  readonly facts: RequestFacts
  readonly now: EpochSeconds
}

type Outcome<Value> = Promise<Result<Value, OwnSessionsRefusalCode>>

export interface OwnSessions {
  /** The live sessions, newest first, and which of them asks. Moves no deadline. */
  list(
    request: OwnSessionsRequest,
  ): Outcome<{ readonly current: LiveSession; readonly all: readonly LiveSession[] }>
  /** Ends one of them. One that has ended already is no error: nothing is left to be done. */
  end(
    request: OwnSessionsRequest,
    sid: string | undefined,
  ): Outcome<{ readonly isCurrent: boolean }>
  /** Ends all but the one that asks. */
  endOthers(request: OwnSessionsRequest): Outcome<undefined>
  /** Ends all, and every token minted before. */
  endAll(request: OwnSessionsRequest): Outcome<undefined>
}

export function createOwnSessions({
  config,
  audit,
  sessions,
  ends,
}: OwnSessionsParts): OwnSessions {
  const cause = 'person'

  const whoAsks = ({ headers, now }: OwnSessionsRequest) =>
    sessions.peek(readSessionCookie(headers.get('cookie'), config), now)

  /** Refusals are audited without the user: a row for each would be a way to fill the directory. */
  async function audited<Value>(
    { facts }: OwnSessionsRequest,
    outcome: Outcome<Value>,
  ): Outcome<Value> {
    const result = await outcome
    if (!result.ok) await audit.record(facts, { event: 'account.refused', refusal: result.refusal })
    return result
  }

  const change = <Value>(
    request: OwnSessionsRequest,
    work: (current: LiveSession) => Outcome<Value>,
  ): Outcome<Value> =>
    audited(
      request,
      (async () => {
        if (!isFromOwnPage(request.headers, config.issuer)) return refuse('not_from_our_page')
        const current = await whoAsks(request)
        return current.ok ? work(current.value) : current
      })(),
    )

  return {
    list: (request) =>
      audited(
        request,
        (async () => {
          const current = await whoAsks(request)
          if (!current.ok) return current
          const all = await sessions.list(current.value.userId, request.now)
          return all.ok ? ok({ current: current.value, all: all.value }) : all
        })(),
      ),

    end: (request, text) =>
      change(request, async ({ userId, sid: currentSid }) => {
        const sid = parseSessionId(text)
        if (sid === undefined) return refuse('unknown_session')
        const { facts, now } = request
        const ended = await ends.endSession(facts, { userId, sid, cause, now })
        if (!ended.ok) return ended
        if (!ended.value.ended) {
          const has = await sessions.has(userId, sid)
          if (!has.ok) return has
          if (!has.value) return refuse('unknown_session')
        }
        return ok({ isCurrent: sid === currentSid })
      }),

    endOthers: (request) =>
      change(request, async ({ userId, sid }) => {
        const { facts, now } = request
        const ended = await ends.endOtherSessions(facts, { userId, sid, cause, now })
        return ended.ok ? ok(undefined) : ended
      }),

    endAll: (request) =>
      change(request, async ({ userId }) => {
        const { facts, now } = request
        const ended = await ends.endAllSessions(facts, { userId, cause, now })
        return ended.ok ? ok(undefined) : ended
      }),
  }
}
