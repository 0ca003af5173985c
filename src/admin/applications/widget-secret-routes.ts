/** Operators rotate the secret that an application's widget tokens are signed with; none is ever shown again. */
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApi } from '../api/admin-api.ts'
import { idInPath, json, optionalBody, problems } from '../api/operation.ts'
import type { Operation } from '../api/operation.ts'
import { recordRead } from '../api/record-read.ts'
import { described, list, object, openObject, optional, text } from '../api/schema.ts'
import { answerProblem, inFragment } from '../problem.ts'
import { secretSchema, showSecret } from './application-shape.ts'
import { overlap } from './secret-routes.ts'

const HOUR_SECONDS = 3600

const rotation = object({
  overlap_seconds: overlap(
    HOUR_SECONDS,
    'How long tokens under the secret before it are still accepted',
  ),
  secret: optional(described(text, { description: 'Brought from elsewhere' })),
})

const rotateWidgetSecret = {
  method: 'post',
  path: '/applications/{id}/widget-secrets',
  summary:
    'Signs widget tokens with a new secret, shown this once; any but the last one before it end',
  request: { params: idInPath, body: optionalBody(rotation) },
  responses: {
    201: json(openObject({ id: text, secret: text }), 'Made'),
    ...problems('invalid_registration', 'not_found', 'no_widget'),
  },
} satisfies Operation

const listWidgetSecrets = {
  method: 'get',
  path: '/applications/{id}/widget-secrets',
  summary: 'The secrets under which widget tokens are accepted now, without the secrets',
  request: { params: idInPath },
  responses: { 200: json(openObject({ secrets: list(secretSchema) })), ...problems('not_found') },
} satisfies Operation

const ROTATION_PROBLEMS = {
  unknown_application: 'not_found',
  no_secret_used: 'no_widget',
} as const

export function widgetSecretRoutes(api: AdminApi, parts: AdminParts): void {
  const { audit, clock, applicationRegistry: registry } = parts

  api.serve(rotateWidgetSecret, async (c, { params, body }) => {
    const { id } = params
    const { overlap_seconds: overlapSeconds, secret } = body
    const rotated = await parts.rotateWidgetSecret({ id, overlapSeconds, secret }, clock())
    if (!rotated.ok) {
      const errors = rotated.problems.map(({ pointer, detail }) => ({
        pointer: inFragment(pointer),
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

  api.serve(listWidgetSecrets, async (c, { params }) => {
    const { id } = params
    if ((await registry.find(id)) === undefined) return answerProblem(c, 'not_found')
    const listed = await parts.widgetSecrets.list(id, clock())
    await recordRead(c, audit, 'secrets')
    return c.json({ secrets: listed.map(showSecret) })
  })
}
