/** Operators rotate the secret that an application's widget tokens are signed with; none is ever shown again. */
import { createRoute, z } from '@hono/zod-openapi'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApi } from '../api/admin-api.ts'
import { idInPath, json, jsonBody, problems } from '../api/operation.ts'
import { recordRead } from '../api/record-read.ts'
import { answerProblem } from '../problem.ts'
import { secretSchema, showSecret } from './application-shape.ts'

const HOUR_SECONDS = 3600

const rotation = z.strictObject({
  overlap_seconds: z
    .int()
    .min(0)
    .max(30 * 24 * HOUR_SECONDS)
    .default(HOUR_SECONDS)
    .openapi({ description: 'How long tokens under the secret before it are still accepted' }),
  secret: z.string().optional().openapi({ description: 'Brought from elsewhere' }),
})

const rotateWidgetSecret = createRoute({
  method: 'post',
  path: '/applications/{id}/widget-secrets',
  summary:
    'Signs widget tokens with a new secret, shown this once; any but the last one before it end',
  request: { params: idInPath, body: { ...jsonBody(rotation), required: false } },
  responses: {
    201: json(z.object({ id: z.string(), secret: z.string() }), 'Made'),
    ...problems('invalid_request', 'invalid_registration', 'not_found', 'no_widget'),
  },
})

const listWidgetSecrets = createRoute({
  method: 'get',
  path: '/applications/{id}/widget-secrets',
  summary: 'The secrets under which widget tokens are accepted now, without the secrets',
  request: { params: idInPath },
  responses: { 200: json(z.object({ secrets: z.array(secretSchema) })), ...problems('not_found') },
})

const ROTATION_PROBLEMS = {
  unknown_application: 'not_found',
  no_secret_used: 'no_widget',
} as const

export function widgetSecretRoutes(api: AdminApi, parts: AdminParts): void {
  const { audit, clock, applicationRegistry: registry } = parts

  api.openapi(rotateWidgetSecret, async (c) => {
    const { id } = c.req.valid('param')
    const { overlap_seconds: overlapSeconds, secret } = rotation.parse(c.req.valid('json'))
    const rotated = await parts.rotateWidgetSecret({ id, overlapSeconds, secret }, clock())
    if (!rotated.ok) {
      const errors = rotated.problems.map(({ pointer, detail }) => ({
        pointer: `#${pointer}`,
        detail,
      }))
      return answerProblem(c, 'invalid_registration', errors)
    }
    if (!rotated.value.ok) return answerProblem(c, ROTATION_PROBLEMS[rotated.value.refusal.code])
    const made = rotated.value.value
    await audit.record(c.get('facts'), {
      event: 'application.secret_rotated',
      actor: 'operator',
      facts: { application: id, secret: made.id, of: 'widget' },
    })
    return c.json(made, 201)
  })

  api.openapi(listWidgetSecrets, async (c) => {
    const { id } = c.req.valid('param')
    if ((await registry.find(id)) === undefined) return answerProblem(c, 'not_found')
    const listed = await parts.widgetSecrets.list(id, clock())
    await recordRead(c, audit, 'secrets')
    return c.json({ secrets: listed.map(showSecret) })
  })
}
