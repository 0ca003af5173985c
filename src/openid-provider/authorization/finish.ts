/** How the story of a request ends: the application gets its answer, and what waited is used up. */
import type { AuditEvent } from '../../core/audit/audit-event.ts'
import type { LiveSession } from '../../core/sessions/session.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import type { AuthorizationRefusal, AuthorizationRequest } from './authorization-request.ts'
import type { AuthorizeParts } from './authorize-parts.ts'
import { issueAnswer } from './issue-answer.ts'
import { page, refusedTo } from './outcome.ts'
import type { Answered, PageShown } from './outcome.ts'
import type { ReadRequest } from './read-request.ts'
import type { AnswerParameters } from './response-mode.ts'

type Finished = Pick<ReadRequest, 'request' | 'received'>

/**
 * Yes. A request that waited is used up once there is an answer, and before anybody gets it: of any number of
 * tabs one does, and what was made for another is never handed out.
 */
export async function answerGranted(
  parts: AuthorizeParts,
  finished: Finished,
  { session, now }: { readonly session: LiveSession; readonly now: EpochSeconds },
): Promise<Answered | PageShown> {
  const { request, received } = finished
  const issued = await issueAnswer(parts, request, session, now)
  if (!issued.ok) {
    return refuseRequest(parts, finished, { refusal: issued.refusal, person: session, now })
  }
  if (received.requestUri !== undefined) {
    const taken = await parts.pendingRequests.take(received.requestUri, now)
    if (!taken.ok) return page(taken.refusal)
  }
  return answered(parts, request, {
    session,
    parameters: issued.value,
    // Who has just signed in is on record; who only comes by, in the log.
    isRoutine: received.requestUri === undefined,
  })
}

/** The yes as it is sent, and its event. */
export function answered(
  { config }: Pick<AuthorizeParts, 'config'>,
  { target, responseType, scope }: AuthorizationRequest,
  {
    session,
    parameters,
    facts = {},
    isRoutine,
  }: {
    readonly session: LiveSession
    readonly parameters: AnswerParameters
    readonly facts?: NonNullable<AuditEvent['facts']>
    readonly isRoutine: boolean
  },
): Answered {
  return {
    kind: 'answered',
    target,
    parameters: {
      ...parameters,
      ...(target.state !== undefined && { state: target.state }),
      iss: config.issuer,
    },
    event: {
      event: 'authorization.accepted',
      userId: session.userId,
      sid: session.sid,
      isRoutine,
      facts: {
        application_id: target.application.id,
        response_type: responseType,
        scope: scope.join(' '),
        ...facts,
      },
    },
  }
}

/** No. A request that waited is over with it, unless things may be better in a moment. */
export async function refuseRequest(
  parts: Pick<AuthorizeParts, 'config' | 'pendingRequests'>,
  { request, received }: Finished,
  no: {
    readonly refusal: AuthorizationRefusal
    readonly person: LiveSession | undefined
    readonly now: EpochSeconds
  },
): Promise<Answered | PageShown> {
  const { refusal, person, now } = no
  if (received.requestUri !== undefined && refusal.code !== 'temporarily_unavailable') {
    const taken = await parts.pendingRequests.take(received.requestUri, now)
    if (!taken.ok) return page(taken.refusal)
  }
  const who = person && { userId: person.userId, sid: person.sid }
  return refusedTo(request.target, refusal, parts.config, who)
}
