/** Operators see which applications could not be told that a session is over, and have them tried again. */
import type { UndeliveredLogout } from '../../core/revocation/logout-delivery.ts'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApi } from '../api/admin-api.ts'
import { idInPath, inPages, json, problems, seconds } from '../api/operation.ts'
import type { Operation } from '../api/operation.ts'
import { recordRead } from '../api/record-read.ts'
import {
  integer,
  list,
  named,
  nullable,
  object,
  openObject,
  optional,
  text,
  textMatching,
} from '../api/schema.ts'
import type { ValueOf } from '../api/schema.ts'
import { answerProblem } from '../problem.ts'

const undeliveredSchema = named(
  'UndeliveredLogout',
  openObject({
    id: text,
    user: text,
    application: text,
    attempts: integer,
    last_error: text,
    ended_at: seconds,
    given_up_at: seconds,
  }),
)

const showUndelivered = (undelivered: UndeliveredLogout): ValueOf<typeof undeliveredSchema> => ({
  id: undelivered.id,
  user: undelivered.userId,
  application: undelivered.applicationId,
  attempts: undelivered.attempts,
  last_error: undelivered.lastError,
  ended_at: undelivered.endedAt,
  given_up_at: undelivered.givenUpAt,
})

const listUndelivered = {
  method: 'get',
  path: '/undelivered-logouts',
  summary: 'Applications that could not be told of the end of a session, newest first',
  request: {
    query: object({
      cursor: optional(textMatching(/^[0-9a-f]{32}$/, 'is no cursor of this list')),
      ...inPages,
    }),
  },
  responses: {
    200: json(
      openObject({
        undelivered_logouts: list(undeliveredSchema),
        next_cursor: nullable(text),
      }),
    ),
    ...problems(),
  },
} satisfies Operation

const replay = {
  method: 'post',
  path: '/undelivered-logouts/{id}/replay',
  summary: 'Tries one again, at once and then as any other',
  request: { params: idInPath },
  responses: { 202: { description: 'It is being tried' }, ...problems('not_found') },
} satisfies Operation

export function undeliveredLogoutRoutes(
  api: AdminApi,
  { audit, clock, deliveries }: AdminParts,
): void {
  api.serve(listUndelivered, async (c, { query }) => {
    const { cursor: before, limit } = query
    const listed = await deliveries.listUndelivered({ before, limit })
    await recordRead(c, audit, 'undelivered_logouts')
    const last = listed.length === limit ? listed.at(-1)?.id : undefined
    return c.json({
      undelivered_logouts: listed.map(showUndelivered),
      next_cursor: last ?? null,
    })
  })

  api.serve(replay, async (c, { params }) => {
    const { id } = params
    const replayed = await deliveries.replay(id, clock())
    if (!replayed.ok) {
      return answerProblem(c, replayed.refusal.code === 'unknown' ? 'not_found' : 'unavailable')
    }
    const facts = { delivery: id }
    await audit.record(c.get('facts'), { event: 'logout.replayed', actor: 'operator', facts })
    return c.body(null, 202)
  })
}
