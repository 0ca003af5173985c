/** Operators rotate the API keys of a service; none is ever shown again. */
import { createRoute, z } from '@hono/zod-openapi'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApi } from '../api/admin-api.ts'
import { idInPath, json, problems } from '../api/operation.ts'
import { recordRead } from '../api/record-read.ts'
import { answerProblem } from '../problem.ts'
import { secretSchema, showSecret } from './application-shape.ts'
import { rotation, ROTATION_PROBLEMS } from './secret-routes.ts'

const PATH = '/applications/{id}/handoff-keys'

const rotateKey = createRoute({
  method: 'post',
  path: PATH,
  summary: 'Makes a new API key for service hand-off, shown this once; those before it run out',
  request: {
    params: idInPath,
    body: { required: false, content: { 'application/json': { schema: rotation } } },
  },
  responses: {
    201: json(z.object({ id: z.string(), apikey: z.string() }), 'Made'),
    ...problems('invalid_request', 'not_found', 'no_secret_used'),
  },
})

const listKeys = createRoute({
  method: 'get',
  path: PATH,
  summary: 'The API keys that are accepted now, without the keys',
  request: { params: idInPath },
  responses: { 200: json(z.object({ keys: z.array(secretSchema) })), ...problems('not_found') },
})

const removeKey = createRoute({
  method: 'delete',
  path: `${PATH}/{key}`,
  summary: 'Ends an API key at once; the only one can be rotated instead',
  request: { params: idInPath.extend({ key: z.string() }) },
  responses: { 204: { description: 'Removed' }, ...problems('not_found', 'last_secret') },
})

export function handoffKeyRoutes(
  api: AdminApi,
  { audit, clock, applicationRegistry: registry }: AdminParts,
): void {
  const recorded = (id: string, key: string) =>
    ({ actor: 'operator', facts: { application: id, secret: key, of: 'handoff' } }) as const

  api.openapi(rotateKey, async (c) => {
    const { id } = c.req.valid('param')
    const { overlap_seconds: overlapSeconds } = rotation.parse(c.req.valid('json'))
    const rotated = await registry.rotateHandoffKey({ id, overlapSeconds }, clock())
    if (!rotated.ok) return answerProblem(c, ROTATION_PROBLEMS[rotated.refusal.code])
    const made = rotated.value
    const facts = c.get('facts')
    await audit.record(facts, { event: 'application.secret_rotated', ...recorded(id, made.id) })
    return c.json({ id: made.id, apikey: made.key }, 201)
  })

  api.openapi(listKeys, async (c) => {
    const { id } = c.req.valid('param')
    if ((await registry.find(id)) === undefined) return answerProblem(c, 'not_found')
    const listed = await registry.handoffKeysOf(id, clock())
    await recordRead(c, audit, 'handoff_keys')
    return c.json({ keys: listed.map(showSecret) })
  })

  api.openapi(removeKey, async (c) => {
    const { id, key } = c.req.valid('param')
    const removed = await registry.removeHandoffKey({ id, secretId: key }, clock())
    if (!removed.ok) {
      const isUnknown = removed.refusal.code === 'unknown_secret'
      return answerProblem(c, isUnknown ? 'not_found' : 'last_secret')
    }
    const facts = c.get('facts')
    await audit.record(facts, { event: 'application.secret_removed', ...recorded(id, key) })
    return c.body(null, 204)
  })
}
