/** Operators see the signing keys, rotate them, and withdraw one that has become known. */
import type { KeyDescription } from '../../core/tokens/key-ring.ts'
import { toWire } from '../../protocol/wire-names.ts'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApi } from '../api/admin-api.ts'
import { json, problems, seconds } from '../api/operation.ts'
import type { Operation } from '../api/operation.ts'
import { recordRead } from '../api/record-read.ts'
import { described, flag, list, nullable, oneOf, openObject, text } from '../api/schema.ts'
import type { ValueOf } from '../api/schema.ts'
import { answerProblem } from '../problem.ts'

const keySchema = openObject({
  kid: text,
  alg: text,
  state: described(text, { description: 'announced, active, retiring, gone or compromised' }),
  announced_at: seconds,
  activated_at: nullable(seconds),
  changed_at: seconds,
})

const showKey: (key: KeyDescription) => ValueOf<typeof keySchema> = toWire

const listKeys = {
  method: 'get',
  path: '/keys',
  summary: 'Every signing key there ever was, oldest first',
  responses: { 200: json(openObject({ keys: list(keySchema) })), ...problems() },
} satisfies Operation

const published = described(flag, {
  description: 'False while KV has not taken the change; the key ring goes on trying',
})

const rotateKeys = {
  method: 'post',
  path: '/keys/rotate',
  summary: 'The announced keys begin to sign now',
  responses: { 200: json(openObject({ published })), ...problems('announced_too_recently') },
} satisfies Operation

const compromiseKey = {
  method: 'post',
  path: '/keys/{kid}/compromise',
  summary: 'Withdraws a key, and every token that it signed',
  request: { params: openObject({ kid: text }) },
  responses: {
    200: json(openObject({ kid: text, state: oneOf(['compromised']), published })),
    ...problems('not_found'),
  },
} satisfies Operation

export function keyRoutes(api: AdminApi, { audit, clock, keyOperations }: AdminParts): void {
  api.serve(listKeys, async (c) => {
    const listed = await keyOperations.list(clock())
    if (!listed.ok) return answerProblem(c, listed.refusal.code)
    await recordRead(c, audit, 'keys')
    return c.json({ keys: listed.value.map(showKey) })
  })

  api.serve(rotateKeys, async (c) => {
    const now = clock()
    const rotated = await keyOperations.rotate(now)
    if (!rotated.ok) {
      const problem = answerProblem(c, rotated.refusal.code)
      const { ready_at: readyAt } = rotated.refusal.facts ?? {}
      if (readyAt !== undefined) problem.headers.set('Retry-After', String(Number(readyAt) - now))
      return problem
    }
    await audit.record(c.get('facts'), { event: 'key.rotated', actor: 'operator' })
    return c.json({ published: rotated.value.published })
  })

  api.serve(compromiseKey, async (c, { params }) => {
    const { kid } = params
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
