/**
 * The way of an open tab into the user's object. A WebSocket cannot be handed over RPC, so the upgrade is a
 * request to the object: made here, read here, and never reachable from outside. It names the session and
 * carries the hash of the handle's secret, which the object holds against its own row: being sent by our
 * Worker is no proof of a live session.
 */
import { isJsonObject } from '../../platform/json-object.ts'
import { ok } from '../../platform/refusal.ts'
import type { Refusal, Result } from '../../platform/refusal.ts'
import type { SessionQuestion } from './live-session.ts'
import { parseSessionId } from './session.ts'

export type TabRefusalCode = 'no_session' | 'too_many_tabs'

const QUESTION_HEADER = 'Drawbridge-Session'

const statuses: Record<TabRefusalCode, number> = { no_session: 401, too_many_tabs: 429 }

/** Asks the object to take a tab of this session. Answers the browser's end of the connection. */
export async function connectTab(
  object: Pick<DurableObjectStub, 'fetch'>,
  question: Required<SessionQuestion>,
): Promise<Result<WebSocket, TabRefusalCode>> {
  const response = await object.fetch('https://user-sessions/tab', {
    headers: { Upgrade: 'websocket', [QUESTION_HEADER]: JSON.stringify(question) },
  })
  if (response.webSocket !== null) return ok(response.webSocket)
  return { ok: false, refusal: (await response.json()) as Refusal<TabRefusalCode> }
}

/**
 * The object's part. `take` judges the question and takes the tab, in one turn; a request that `connectTab`
 * has not made is not even asked about.
 */
export function answerTab(
  request: Request,
  take: (question: Required<SessionQuestion>) => Result<WebSocket, TabRefusalCode>,
): Response {
  const question = parseQuestion(request.headers)
  if (question === undefined) return new Response(null, { status: 400 })
  const taken = take(question)
  return taken.ok
    ? new Response(null, { status: 101, webSocket: taken.value })
    : Response.json(taken.refusal, { status: statuses[taken.refusal.code] })
}

function parseQuestion(headers: Headers): Required<SessionQuestion> | undefined {
  const question: unknown = JSON.parse(headers.get(QUESTION_HEADER) ?? 'null')
  if (!isJsonObject(question) || headers.get('upgrade') !== 'websocket') return undefined
  const { secretHash, now } = question
  const sid = parseSessionId(question.sid)
  if (sid === undefined || typeof secretHash !== 'string' || typeof now !== 'number')
    return undefined
  return { sid, secretHash, now }
}
