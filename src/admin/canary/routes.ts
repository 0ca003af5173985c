/** What the canary measured, for operators. */
import type { CanaryRun } from '../../core/revocation/canary-runs.ts'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApi } from '../api/admin-api.ts'
import { json, problems, seconds } from '../api/operation.ts'
import type { Operation } from '../api/operation.ts'
import { recordRead } from '../api/record-read.ts'
import { described, integer, list, named, nullable, openObject, text } from '../api/schema.ts'
import type { ValueOf } from '../api/schema.ts'

const milliseconds = nullable(integer)

const runSchema = named(
  'CanaryRun',
  openObject({
    at: seconds,
    problem: nullable(text),
    accepted_ms: described(
      openObject({ strict: milliseconds, bounded: milliseconds, cached: milliseconds }),
      { description: 'From the answered logout to the last accepted request, per level' },
    ),
    watched_ms: integer,
  }),
)

const showRun = (run: CanaryRun): ValueOf<typeof runSchema> => ({
  at: run.at,
  problem: run.problem,
  accepted_ms: run.acceptedMilliseconds,
  watched_ms: run.watchedMilliseconds,
})

const listRuns = {
  method: 'get',
  path: '/canary',
  summary:
    'How long each level kept accepting the token of an ended session, measured from the one location in which the cron ran; newest first',
  responses: { 200: json(openObject({ runs: list(runSchema) })), ...problems() },
} satisfies Operation

export function canaryRoutes(api: AdminApi, { audit, canaryRuns }: AdminParts): void {
  api.serve(listRuns, async (c) => {
    const runs = await canaryRuns.list()
    await recordRead(c, audit, 'canary')
    return c.json({ runs: runs.map(showRun) })
  })
}
