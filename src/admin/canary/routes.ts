/** What the canary measured, for operators. */
import { createRoute, z } from '@hono/zod-openapi'
import type { CanaryRun } from '../../core/revocation/canary-runs.ts'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApi } from '../api/admin-api.ts'
import { json, problems, seconds } from '../api/operation.ts'
import { recordRead } from '../api/record-read.ts'

const milliseconds = z.int().nullable()

const runSchema = z
  .object({
    at: seconds,
    problem: z.string().nullable(),
    accepted_ms: z
      .object({ strict: milliseconds, bounded: milliseconds, cached: milliseconds })
      .openapi({ description: 'From the answered logout to the last accepted request, per level' }),
    watched_ms: z.int(),
  })
  .openapi('CanaryRun')

const showRun = (run: CanaryRun): z.infer<typeof runSchema> => ({
  at: run.at,
  problem: run.problem,
  accepted_ms: run.acceptedMilliseconds,
  watched_ms: run.watchedMilliseconds,
})

const listRuns = createRoute({
  method: 'get',
  path: '/canary',
  summary:
    'How long each level kept accepting the token of an ended session, measured from the one location in which the cron ran; newest first',
  responses: { 200: json(z.object({ runs: z.array(runSchema) })), ...problems() },
})

export function canaryRoutes(api: AdminApi, { audit, canaryRuns }: AdminParts): void {
  api.openapi(listRuns, async (c) => {
    const runs = await canaryRuns.list()
    await recordRead(c, audit, 'canary')
    return c.json({ runs: runs.map(showRun) })
  })
}
