/** Operators rotate the API keys of a service; none is ever shown again. */
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApi } from '../api/admin-api.ts'
import { idInPath, json, optionalBody, problems } from '../api/operation.ts'
import type { Operation } from '../api/operation.ts'
import { recordRead } from '../api/record-read.ts'
import { list, openObject, text } from '../api/schema.ts'
import { answerProblem } from '../problem.ts'
import { secretSchema, showSecret } from './application-shape.ts'
import { rotation, ROTATION_PROBLEMS } from './secret-routes.ts'

const PATH = '/applications/{id}/handoff-keys'

const rotateKey = {
  method: 'post',
  path: PATH,
  summary: 'Makes a new API key for service hand-off, shown this once; those before it run out',
  request: {
    params: idInPath,
    body: optionalBody(rotation),
  },
  responses: {
    201: json(openObject({ id: text, apikey: text }), 'Made'),
    ...problems('not_found', 'no_secret_used', 'too_many_secrets'),
  },
} satisfies Operation

const listKeys = {
  method: 'get',
  path: PATH,
  summary: 'The API keys that are accepted now, without the keys',
  request: { params: idInPath },
  responses: { 200: json(openObject({ keys: list(secretSchema) })), ...problems('not_found') },
} satisfies Operation

const removeKey = {
  method: 'delete',
  path: `${PATH}/{key}`,
  summary: 'Ends an API key at once; the only one can be rotated instead',
  request: { params: openObject({ ...idInPath.members, key: text }) },
  responses: { 204: { description: 'Removed' }, ...problems('not_found', 'last_secret') },
} satisfies Operation

export function handoffKeyRoutes(
  api: AdminApi,
  { audit, clock, applicationRegistry: registry }: AdminParts,
): void {
  const recorded = (id: string, key: string) =>
    ({ actor: 'operator', facts: { application: id, secret: key, of: 'handoff' } }) as const

  api.serve(rotateKey, async (c, { params, body }) => {
    const { id } = params
    const { overlap_seconds: overlapSeconds } = body
    const rotated = await registry.rotateHandoffKey({ id, overlapSeconds }, clock())
    if (!rotated.ok) return answerProblem(c, ROTATION_PROBLEMS[rotated.refusal.code])
    const made = rotated.value
    const facts = c.get('facts')
    await audit.record(facts, { event: 'application.secret_rotated', ...recorded(id, made.id) })
    return c.json({ id: made.id, apikey: made.key }, 201)
  })

  api.serve(listKeys, async (c, { params }) => {
    const { id } = params
    if ((await registry.find(id)) === undefined) return answerProblem(c, 'not_found')
    const listed = await registry.handoffKeysOf(id, clock())
    await recordRead(c, audit, 'handoff_keys')
    return c.json({ keys: listed.map(showSecret) })
  })

  api.serve(removeKey, async (c, { params }) => {
    const { id, key } = params
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
