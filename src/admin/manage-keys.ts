import { answerProblem } from './problem.ts'
import { recordRead } from './record-read.ts'
import type { AdminContext, AdminParts } from './routes.ts'
import { showKey } from './shown.ts'

export async function listKeys(c: AdminContext, parts: AdminParts): Promise<Response> {
  const listed = await parts.keyOperations.list(parts.clock())
  if (!listed.ok) return answerProblem(c, listed.refusal.code)
  await recordRead(c, parts, 'keys')
  return c.json({ keys: listed.value.map(showKey) })
}

/** `published` is false while KV has not taken the change; the key ring goes on trying. */
export async function rotateKeys(c: AdminContext, parts: AdminParts): Promise<Response> {
  const rotated = await parts.keyOperations.rotate(parts.clock())
  if (!rotated.ok) return answerProblem(c, rotated.refusal.code)
  await parts.audit.record(c.get('facts'), { event: 'key.rotated', actor: 'operator' })
  return c.json({ published: rotated.value.published })
}

export async function compromiseKey(c: AdminContext, parts: AdminParts): Promise<Response> {
  const kid = c.req.param('kid') ?? ''
  const withdrawn = await parts.keyOperations.compromise(kid, parts.clock())
  if (!withdrawn.ok) {
    const isUnknown = withdrawn.refusal.code === 'unknown_key'
    return answerProblem(c, isUnknown ? 'not_found' : 'unavailable')
  }
  const facts = { kid }
  await parts.audit.record(c.get('facts'), { event: 'key.compromised', actor: 'operator', facts })
  return c.json({ kid, state: 'compromised', published: withdrawn.value.published })
}
