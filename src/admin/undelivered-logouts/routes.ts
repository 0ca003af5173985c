/** Operators see which applications could not be told that a session is over, and have them tried again. */
import { createRoute, z } from '@hono/zod-openapi'
import type { UndeliveredLogout } from '../../core/revocation/logout-delivery.ts'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApi } from '../api/admin-api.ts'
import { idInPath, inPages, json, problems, seconds } from '../api/operation.ts'
import { recordRead } from '../api/record-read.ts'
import { answerProblem } from '../problem.ts'

const undeliveredSchema = z
  .object({
    id: z.string(),
    user: z.string(),
    application: z.string(),
    attempts: z.int(),
    last_error: z.string(),
    ended_at: seconds,
    given_up_at: seconds,
  })
  .openapi('UndeliveredLogout')

const showUndelivered = (undelivered: UndeliveredLogout): z.infer<typeof undeliveredSchema> => ({
  id: undelivered.id,
  user: undelivered.userId,
  application: undelivered.applicationId,
  attempts: undelivered.attempts,
  last_error: undelivered.lastError,
  ended_at: undelivered.endedAt,
  given_up_at: undelivered.givenUpAt,
})

const listUndelivered = createRoute({
  method: 'get',
  path: '/undelivered-logouts',
  summary: 'Applications that could not be told of the end of a session, newest first',
  request: {
    query: z.strictObject({
      cursor: z
        .string()
        .regex(/^[0-9a-f]{32}$/)
        .optional(),
      ...inPages,
    }),
  },
  responses: {
    200: json(
      z.object({
        undelivered_logouts: z.array(undeliveredSchema),
        next_cursor: z.string().nullable(),
      }),
    ),
    ...problems('invalid_request'),
  },
})

const replay = createRoute({
  method: 'post',
  path: '/undelivered-logouts/{id}/replay',
  summary: 'Tries one again, at once and then as any other',
  request: { params: idInPath },
  responses: { 202: { description: 'It is being tried' }, ...problems('not_found') },
})

export function undeliveredLogoutRoutes(
  api: AdminApi,
  { audit, clock, deliveries }: AdminParts,
): void {
  api.openapi(listUndelivered, async (c) => {
    const { cursor: before, limit } = c.req.valid('query')
    const listed = await deliveries.listUndelivered({ before, limit })
    await recordRead(c, audit, 'undelivered_logouts')
    const last = listed.length === limit ? listed.at(-1)?.id : undefined
    return c.json({
      undelivered_logouts: listed.map(showUndelivered),
      next_cursor: last ?? null,
    })
  })

  api.openapi(replay, async (c) => {
    const { id } = c.req.valid('param')
    const replayed = await deliveries.replay(id, clock())
    if (!replayed.ok) {
      return answerProblem(c, replayed.refusal.code === 'unknown' ? 'not_found' : 'unavailable')
    }
    const facts = { delivery: id }
    await audit.record(c.get('facts'), { event: 'logout.replayed', actor: 'operator', facts })
    return c.body(null, 202)
  })
}
