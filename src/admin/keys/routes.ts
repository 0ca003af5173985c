/** Operators see the signing keys, rotate them, and withdraw one that has become known. */
import { createRoute, z } from '@hono/zod-openapi'
import type { KeyDescription } from '../../core/tokens/key-ring.ts'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApi } from '../api/admin-api.ts'
import { json, problems, seconds } from '../api/operation.ts'
import { recordRead } from '../api/record-read.ts'
import { answerProblem } from '../problem.ts'

const keySchema = z.object({
  kid: z.string(),
  alg: z.string(),
  state: z.string().openapi({ description: 'announced, active, retiring, gone or compromised' }),
  announced_at: seconds,
  activated_at: seconds.nullable(),
  changed_at: seconds,
})

const showKey = (key: KeyDescription): z.infer<typeof keySchema> => ({
  kid: key.kid,
  alg: key.alg,
  state: key.state,
  announced_at: key.announcedAt,
  activated_at: key.activatedAt,
  changed_at: key.changedAt,
})

const listKeys = createRoute({
  method: 'get',
  path: '/keys',
  summary: 'Every signing key there ever was, oldest first',
  responses: { 200: json(z.object({ keys: z.array(keySchema) })), ...problems() },
})

const published = z
  .boolean()
  .openapi({ description: 'False while KV has not taken the change; the key ring goes on trying' })

const rotateKeys = createRoute({
  method: 'post',
  path: '/keys/rotate',
  summary: 'The announced keys begin to sign now',
  responses: { 200: json(z.object({ published })), ...problems('announced_too_recently') },
})

const compromiseKey = createRoute({
  method: 'post',
  path: '/keys/{kid}/compromise',
  summary: 'Withdraws a key, and every token that it signed',
  request: { params: z.object({ kid: z.string() }) },
  responses: {
    200: json(z.object({ kid: z.string(), state: z.literal('compromised'), published })),
    ...problems('not_found'),
  },
})

export function keyRoutes(api: AdminApi, { audit, clock, keyOperations }: AdminParts): void {
  api.openapi(listKeys, async (c) => {
    const listed = await keyOperations.list(clock())
    if (!listed.ok) return answerProblem(c, listed.refusal.code)
    await recordRead(c, audit, 'keys')
    return c.json({ keys: listed.value.map(showKey) })
  })

  api.openapi(rotateKeys, async (c) => {
    const rotated = await keyOperations.rotate(clock())
    if (!rotated.ok) return answerProblem(c, rotated.refusal.code)
    await audit.record(c.get('facts'), { event: 'key.rotated', actor: 'operator' })
    return c.json({ published: rotated.value.published })
  })

  api.openapi(compromiseKey, async (c) => {
    const { kid } = c.req.valid('param')
    const withdrawn = await keyOperations.compromise(kid, clock())
    if (!withdrawn.ok) {
      const isUnknown = withdrawn.refusal.code === 'unknown_key'
      return answerProblem(c, isUnknown ? 'not_found' : 'unavailable')
    }
    const facts = { kid }
    await audit.record(c.get('facts'), { event: 'key.compromised', actor: 'operator', facts })
    return c.json({ kid, state: 'compromised', published: withdrawn.value.published } as const)
  })
}
