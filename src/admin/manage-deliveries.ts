import type { LogoutDeliveries, UndeliveredLogout } from '../core/revocation/logout-delivery.ts'
import { answerProblem } from './problem.ts'
import { readQuery } from './read-query.ts'
import { recordRead } from './record-read.ts'
import type { AdminContext, AdminParts } from './routes.ts'

export interface DeliveryParts extends Pick<AdminParts, 'audit' | 'clock'> {
  readonly deliveries: Pick<LogoutDeliveries, 'listUndelivered' | 'replay'>
}

const ID = /^[0-9a-f]{32}$/

/** `GET /undelivered-logouts`: the applications that could not be told of an end, newest first. */
export async function listUndeliveredLogouts(
  c: AdminContext,
  parts: DeliveryParts,
): Promise<Response> {
  const query = readQuery(c.req.url, [])
  if (!query.ok) return answerProblem(c, query.refusal.code)
  const { cursor: before, limit } = query.value.page
  if (before !== undefined && !ID.test(before)) return answerProblem(c, 'invalid_request')
  const listed = await parts.deliveries.listUndelivered({ before, limit })
  await recordRead(c, parts, 'undelivered_logouts')
  const isFull = listed.length === limit
  const next = isFull ? listed.at(-1)?.id : undefined
  return c.json({ undelivered_logouts: listed.map(showUndelivered), next_cursor: next ?? null })
}

/** `POST /undelivered-logouts/:id/replay`: tries one again, at once and then as any other. */
export async function replayLogout(c: AdminContext, parts: DeliveryParts): Promise<Response> {
  const id = c.req.param('id') ?? ''
  const replayed = ID.test(id) ? await parts.deliveries.replay(id, parts.clock()) : undefined
  if (replayed === undefined) return answerProblem(c, 'not_found')
  if (!replayed.ok) {
    return answerProblem(c, replayed.refusal.code === 'unknown' ? 'not_found' : 'unavailable')
  }
  await parts.audit.record(c.get('facts'), {
    event: 'logout.replayed',
    actor: 'operator',
    facts: { delivery: id },
  })
  return c.body(null, 202)
}

const showUndelivered = (undelivered: UndeliveredLogout) => ({
  id: undelivered.id,
  user: undelivered.userId,
  application: undelivered.applicationId,
  attempts: undelivered.attempts,
  last_error: undelivered.lastError,
  ended_at: undelivered.endedAt,
  given_up_at: undelivered.givenUpAt,
})
