/** Operators rotate the client secrets of an application; none is ever shown again. */
import { createRoute, z } from '@hono/zod-openapi'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApi } from '../api/admin-api.ts'
import { idInPath, json, problems } from '../api/operation.ts'
import { recordRead } from '../api/record-read.ts'
import { answerProblem } from '../problem.ts'
import { secretSchema, showSecret } from './application-shape.ts'

const DAY_SECONDS = 86_400

const rotation = z.strictObject({
  overlap_seconds: z
    .int()
    .min(0)
    .max(30 * DAY_SECONDS)
    .default(DAY_SECONDS)
    .openapi({ description: 'How long the secrets before it are still accepted' }),
})

const rotateSecret = createRoute({
  method: 'post',
  path: '/applications/{id}/secrets',
  summary: 'Makes a new client secret, shown this once; those before it run out',
  request: {
    params: idInPath,
    body: { required: false, content: { 'application/json': { schema: rotation } } },
  },
  responses: {
    201: json(z.object({ id: z.string(), client_secret: z.string() }), 'Made'),
    ...problems('invalid_request', 'not_found', 'no_secret_used'),
  },
})

const listSecrets = createRoute({
  method: 'get',
  path: '/applications/{id}/secrets',
  summary: 'The client secrets that are accepted now, without the secrets',
  request: { params: idInPath },
  responses: { 200: json(z.object({ secrets: z.array(secretSchema) })), ...problems('not_found') },
})

const secretInPath = idInPath.extend({ secret: z.string() })

const showSecretOf = createRoute({
  method: 'get',
  path: '/applications/{id}/secrets/{secret}',
  summary: 'A client secret that is accepted now, without the secret',
  request: { params: secretInPath },
  responses: { 200: json(secretSchema), ...problems('not_found') },
})

const removeSecret = createRoute({
  method: 'delete',
  path: '/applications/{id}/secrets/{secret}',
  summary: 'Ends a client secret at once; the only one can be rotated instead',
  request: { params: secretInPath },
  responses: { 204: { description: 'Removed' }, ...problems('not_found', 'last_secret') },
})

const ROTATION_PROBLEMS = {
  unknown_application: 'not_found',
  no_secret_used: 'no_secret_used',
  too_many_secrets: 'too_many_secrets',
} as const

export function secretRoutes(
  api: AdminApi,
  { audit, clock, applicationRegistry: registry }: AdminParts,
): void {
  const recorded = (id: string, secret: string) =>
    ({ actor: 'operator', facts: { application: id, secret } }) as const

  api.openapi(rotateSecret, async (c) => {
    const { id } = c.req.valid('param')
    const { overlap_seconds: overlapSeconds } = rotation.parse(c.req.valid('json'))
    const rotated = await registry.rotateSecret({ id, overlapSeconds }, clock())
    if (!rotated.ok) return answerProblem(c, ROTATION_PROBLEMS[rotated.refusal.code])
    const made = rotated.value
    const facts = c.get('facts')
    await audit.record(facts, { event: 'application.secret_rotated', ...recorded(id, made.id) })
    return c.json({ id: made.id, client_secret: made.secret }, 201)
  })

  api.openapi(listSecrets, async (c) => {
    const { id } = c.req.valid('param')
    if ((await registry.find(id)) === undefined) return answerProblem(c, 'not_found')
    const listed = await registry.secretsOf(id, clock())
    await recordRead(c, audit, 'secrets')
    return c.json({ secrets: listed.map(showSecret) })
  })

  api.openapi(showSecretOf, async (c) => {
    const { id, secret } = c.req.valid('param')
    const listed = await registry.secretsOf(id, clock())
    const found = listed.find((each) => each.id === secret)
    if (found === undefined) return answerProblem(c, 'not_found')
    await recordRead(c, audit, 'secret')
    return c.json(showSecret(found))
  })

  api.openapi(removeSecret, async (c) => {
    const { id, secret } = c.req.valid('param')
    const removed = await registry.removeSecret({ id, secretId: secret }, clock())
    if (!removed.ok) {
      const isUnknown = removed.refusal.code === 'unknown_secret'
      return answerProblem(c, isUnknown ? 'not_found' : 'last_secret')
    }
    const facts = c.get('facts')
    await audit.record(facts, { event: 'application.secret_removed', ...recorded(id, secret) })
    return c.body(null, 204)
  })
}
