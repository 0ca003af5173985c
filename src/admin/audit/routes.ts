/** Operators read the audit trail; nobody writes to it here. */
import { createRoute, z } from '@hono/zod-openapi'
import type { StoredEvent } from '../../core/audit/audit.ts'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApi } from '../api/admin-api.ts'
import { inPages, json, problems, queryText, seconds } from '../api/operation.ts'
import { recordRead } from '../api/record-read.ts'

const eventSchema = z.object({
  id: z.int(),
  at: seconds,
  event: z.string(),
  request_id: z.string(),
  actor: z.string().nullable(),
  user: z.string().nullable(),
  sid_hash: z.string().nullable(),
  provider: z.string().nullable(),
  reason: z.string().nullable(),
  details: z.record(z.string(), z.unknown()),
})

const showEvent = (event: StoredEvent): z.infer<typeof eventSchema> => ({
  id: event.id,
  at: event.at,
  event: event.event,
  request_id: event.requestId,
  actor: event.actor,
  user: event.userId,
  sid_hash: event.sidHash,
  provider: event.providerId,
  reason: event.reason,
  details: event.details,
})

const listEvents = createRoute({
  method: 'get',
  path: '/audit',
  summary: 'Stored audit events, newest first: all, or those that concern one user',
  request: {
    query: z.strictObject({
      user: queryText.optional(),
      cursor: z
        .string()
        .regex(/^[0-9]{1,15}$/)
        .optional(),
      ...inPages,
    }),
  },
  responses: {
    200: json(z.object({ events: z.array(eventSchema), next_cursor: z.string().nullable() })),
    ...problems('invalid_request'),
  },
})

export function auditRoutes(api: AdminApi, { audit }: AdminParts): void {
  api.openapi(listEvents, async (c) => {
    const { user, cursor, limit } = c.req.valid('query')
    const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(cursor)
    const events = await audit.list({ userId: user, before, limit })
    await recordRead(c, audit, 'audit')
    const next = events.length === limit ? String(events.at(-1)?.id) : null
    return c.json({ events: events.map(showEvent), next_cursor: next })
  })
}
