/** Operators read the audit trail; nobody writes to it here. */
import type { StoredEvent } from '../../core/audit/audit.ts'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApi } from '../api/admin-api.ts'
import { inPages, json, place, placeOf, problems, queryText, seconds } from '../api/operation.ts'
import type { Operation } from '../api/operation.ts'
import { recordRead } from '../api/record-read.ts'
import {
  anything,
  integer,
  list,
  nullable,
  object,
  openObject,
  optional,
  record,
  text,
} from '../api/schema.ts'
import type { ValueOf } from '../api/schema.ts'

const eventSchema = openObject({
  id: integer,
  at: seconds,
  event: text,
  request_id: text,
  actor: nullable(text),
  user: nullable(text),
  sid_hash: nullable(text),
  provider: nullable(text),
  reason: nullable(text),
  details: record(anything),
})

const showEvent = (event: StoredEvent): ValueOf<typeof eventSchema> => ({
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

const listEvents = {
  method: 'get',
  path: '/audit',
  summary: 'Stored audit events, newest first: all, or those that concern one user',
  request: {
    query: object({
      user: optional(queryText),
      cursor: optional(place),
      ...inPages,
    }),
  },
  responses: {
    200: json(openObject({ events: list(eventSchema), next_cursor: nullable(text) })),
    ...problems(),
  },
} satisfies Operation

export function auditRoutes(api: AdminApi, { audit }: AdminParts): void {
  api.serve(listEvents, async (c, { query }) => {
    const { user, cursor, limit } = query
    const events = await audit.list({ userId: user, before: placeOf(cursor), limit })
    await recordRead(c, audit, 'audit')
    const next = events.length === limit ? String(events.at(-1)?.id) : null
    return c.json({ events: events.map(showEvent), next_cursor: next })
  })
}
