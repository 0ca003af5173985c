import {
  CUT_OFF_EFFECTIVE_AT_MOST_SECONDS,
  CUT_OFF_EFFECTIVE_SECONDS,
} from '../core/revocation/cut-offs.ts'
import { describeThrown, log } from '../platform/log.ts'
import { readCutOffRequest } from './cut-off-request.ts'
import { answerProblem } from './problem.ts'
import { recordRead } from './record-read.ts'
import type { AdminContext, AdminParts } from './routes.ts'
import { readQuery } from './read-query.ts'
import type { ProblemCode } from './problem.ts'
import { showCutOff } from './shown.ts'

/**
 * `POST /cut-offs`. The cut-off holds with the one write to the key ring; what comes after that, the record
 * of its progress and the queue, can fail without making it untrue, and is then to be asked for again.
 */
export async function endSessionsOfMany(c: AdminContext, parts: AdminParts): Promise<Response> {
  const asked = await readCutOffRequest(c.req.raw)
  if (!asked.ok) {
    const { code } = asked.refusal
    return answerProblem(c, code === 'invalid_body' ? 'invalid_request' : code)
  }
  const { scope, id, cause } = asked.value
  if (scope === 'provider' && !(await isKnownProvider(parts, id))) {
    return answerProblem(c, 'not_found')
  }
  const now = parts.clock()
  const added = await parts.cutOffs.add({ scope, id, cause }, now)
  if (!added.ok) return answerProblem(c, 'unavailable')
  const { cutOff, published } = added.value
  await parts.audit.record(c.get('facts'), {
    event: 'sessions.cut_off',
    actor: 'operator',
    ...(scope === 'provider' && { providerId: id }),
    facts: { scope, cause, started_by: cutOff.at },
  })
  const total = await parts.people.count(scope === 'provider' ? { providerId: id } : {})
  const progress = await parts.cutOffRecords.open(cutOff, total, now)
  // Should the queue not take it, the cron finds it standing still and sends it.
  await parts.cutOffDrain.start(progress).catch((thrown: unknown) => {
    log('error', { event: 'cut_off.not_queued', error: describeThrown(thrown) })
  })
  const answer = {
    ...showCutOff(progress),
    effective_within_seconds: published
      ? CUT_OFF_EFFECTIVE_SECONDS
      : CUT_OFF_EFFECTIVE_AT_MOST_SECONDS,
  }
  return c.json(answer, 202, { Location: answer.progress_url })
}

/** One that is configured, or one that was: its people are still in the directory. */
async function isKnownProvider({ config, people }: AdminParts, id: string): Promise<boolean> {
  return config.identityProviders.some((known) => known.id === id) || people.hasProvider(id)
}

export async function listCutOffs(c: AdminContext, parts: AdminParts): Promise<Response> {
  const query = readQuery(c.req.url, [])
  if (!query.ok || query.value.page.cursor !== undefined) {
    return answerProblem(c, 'invalid_request' satisfies ProblemCode)
  }
  const listed = await parts.cutOffRecords.list(query.value.page.limit)
  await recordRead(c, parts, 'cut_offs')
  return c.json({ cut_offs: listed.map(showCutOff) })
}

export async function showProgress(c: AdminContext, parts: AdminParts): Promise<Response> {
  const progress = await parts.cutOffRecords.find(c.req.param('id') ?? '')
  if (progress === undefined) return answerProblem(c, 'not_found')
  await recordRead(c, parts, 'cut_off')
  return c.json(showCutOff(progress))
}
