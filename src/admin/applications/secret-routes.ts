/** Operators rotate the client secrets of an application; none is ever shown again. */
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApi } from '../api/admin-api.ts'
import { idInPath, json, optionalBody, problems } from '../api/operation.ts'
import type { Operation } from '../api/operation.ts'
import { recordRead } from '../api/record-read.ts'
import {
  described,
  integerBetween,
  list,
  object,
  openObject,
  text,
  withDefault,
} from '../api/schema.ts'
import type { Schema } from '../api/schema.ts'
import { answerProblem } from '../problem.ts'
import { secretSchema, showSecret } from './application-shape.ts'

export const DAY_SECONDS = 86_400

/** `overlap_seconds` of a rotation. */
export const overlap = (fallback: number, description: string): Schema<number> =>
  withDefault(described(integerBetween(0, 30 * DAY_SECONDS), { description }), fallback)

export const rotation = object({
  overlap_seconds: overlap(DAY_SECONDS, 'How long the secrets before it are still accepted'),
})

const rotateSecret = {
  method: 'post',
  path: '/applications/{id}/secrets',
  summary: 'Makes a new client secret, shown this once; those before it run out',
  request: {
    params: idInPath,
    body: optionalBody(rotation),
  },
  responses: {
    201: json(openObject({ id: text, client_secret: text }), 'Made'),
    ...problems('not_found', 'no_secret_used', 'too_many_secrets'),
  },
} satisfies Operation

const listSecrets = {
  method: 'get',
  path: '/applications/{id}/secrets',
  summary: 'The client secrets that are accepted now, without the secrets',
  request: { params: idInPath },
  responses: { 200: json(openObject({ secrets: list(secretSchema) })), ...problems('not_found') },
} satisfies Operation

const secretInPath = openObject({ ...idInPath.members, secret: text })

const showSecretOf = {
  method: 'get',
  path: '/applications/{id}/secrets/{secret}',
  summary: 'A client secret that is accepted now, without the secret',
  request: { params: secretInPath },
  responses: { 200: json(secretSchema), ...problems('not_found') },
} satisfies Operation

const removeSecret = {
  method: 'delete',
  path: '/applications/{id}/secrets/{secret}',
  summary:
    'Ends a client secret, within 30 seconds everywhere; the only one can be rotated instead',
  request: { params: secretInPath },
  responses: { 204: { description: 'Removed' }, ...problems('not_found', 'last_secret') },
} satisfies Operation

export const ROTATION_PROBLEMS = {
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

  api.serve(rotateSecret, async (c, { params, body }) => {
    const { id } = params
    const { overlap_seconds: overlapSeconds } = body
    const rotated = await registry.rotateSecret({ id, overlapSeconds }, clock())
    if (!rotated.ok) return answerProblem(c, ROTATION_PROBLEMS[rotated.refusal.code])
    const made = rotated.value
    const facts = c.get('facts')
    await audit.record(facts, { event: 'application.secret_rotated', ...recorded(id, made.id) })
    return c.json({ id: made.id, client_secret: made.secret }, 201)
  })

  api.serve(listSecrets, async (c, { params }) => {
    const { id } = params
    if ((await registry.find(id)) === undefined) return answerProblem(c, 'not_found')
    const listed = await registry.secretsOf(id, clock())
    await recordRead(c, audit, 'secrets')
    return c.json({ secrets: listed.map(showSecret) })
  })

  api.serve(showSecretOf, async (c, { params }) => {
    const { id, secret } = params
    const listed = await registry.secretsOf(id, clock())
    const found = listed.find((each) => each.id === secret)
    if (found === undefined) return answerProblem(c, 'not_found')
    await recordRead(c, audit, 'secret')
    return c.json(showSecret(found))
  })

  api.serve(removeSecret, async (c, { params }) => {
    const { id, secret } = params
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
