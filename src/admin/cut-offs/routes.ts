/** Operators end the sessions of many with one write; the queue carries the end on (core/revocation/cut-off-drain.ts). */
import type { CutOffProgress } from '../../core/revocation/cut-off-progress.ts'
import {
  CUT_OFF_EFFECTIVE_AT_MOST_SECONDS,
  CUT_OFF_EFFECTIVE_SECONDS,
} from '../../core/revocation/cut-offs.ts'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApi } from '../api/admin-api.ts'
import {
  idInPath,
  inPages,
  json,
  jsonBody,
  place,
  placeOf,
  problems,
  seconds,
} from '../api/operation.ts'
import type { Operation } from '../api/operation.ts'
import { recordRead } from '../api/record-read.ts'
import {
  described,
  integer,
  list,
  named,
  nullable,
  object,
  oneOf,
  openObject,
  optional,
  text,
  textMatching,
  variants,
} from '../api/schema.ts'
import type { ValueOf } from '../api/schema.ts'
import { answerProblem } from '../problem.ts'

const reason = oneOf(['operator', 'provider_removed', 'key_compromised'])

/** "everyone" with an id ends nobody. */
const cutOffRequest = variants('scope', {
  everyone: { reason },
  application: {
    id: described(text, { description: 'The client_id' }),
    reason: oneOf(['operator', 'application_removed']),
  },
  provider: {
    id: described(textMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'is no id of a provider'), {
      description: "The provider's id",
    }),
    reason,
  },
})

const cutOffSchema = named(
  'CutOff',
  openObject({
    id: text,
    scope: text,
    scope_id: optional(text),
    reason: text,
    started_by_ms: described(integer, {
      description: 'Sessions that started then or earlier are over',
    }),
    created_at: seconds,
    updated_at: seconds,
    state: oneOf(['running', 'incomplete', 'done']),
    total: integer,
    done: integer,
    failed: integer,
    ended_sessions: integer,
    progress_url: text,
  }),
)

/** `running` while users are left to visit; `incomplete` while some could not be reached. */
const showCutOff = (progress: CutOffProgress): ValueOf<typeof cutOffSchema> => ({
  id: progress.id,
  scope: progress.scope,
  ...(progress.scope !== 'everyone' && { scope_id: progress.scopeId }),
  reason: progress.cause,
  started_by_ms: progress.startedBy,
  created_at: progress.createdAt,
  updated_at: progress.updatedAt,
  state: progress.cursor !== null ? 'running' : progress.failed > 0 ? 'incomplete' : 'done',
  total: progress.total,
  done: progress.visited - progress.failed,
  failed: progress.failed,
  ended_sessions: progress.endedSessions,
  progress_url: `/admin/api/cut-offs/${progress.id}`,
})

const showAdded = (added: CutOffProgress & { readonly published: boolean }) => ({
  ...showCutOff(added),
  effective_within_seconds: added.published
    ? CUT_OFF_EFFECTIVE_SECONDS
    : CUT_OFF_EFFECTIVE_AT_MOST_SECONDS,
})

const listCutOffs = {
  method: 'get',
  path: '/cut-offs',
  summary: 'Mass cut-offs, newest first',
  request: { query: object({ cursor: optional(place), ...inPages }) },
  responses: {
    200: json(openObject({ cut_offs: list(cutOffSchema), next_cursor: nullable(text) })),
    ...problems(),
  },
} satisfies Operation

const addCutOff = {
  method: 'post',
  path: '/cut-offs',
  summary:
    'Ends all sessions of everyone, or of one provider, or all that one application was given, with one write',
  request: { body: jsonBody(cutOffRequest) },
  responses: {
    202: json(openObject({ ...cutOffSchema.members, effective_within_seconds: integer })),
    ...problems('not_found'),
  },
} satisfies Operation

const showProgress = {
  method: 'get',
  path: '/cut-offs/{id}',
  summary: "What has become of a cut-off on its way through the users' sessions",
  request: { params: idInPath },
  responses: { 200: json(cutOffSchema), ...problems('not_found') },
} satisfies Operation

export function cutOffRoutes(api: AdminApi, parts: AdminParts): void {
  const { audit, clock, cutOffRecords } = parts

  api.serve(listCutOffs, async (c, { query }) => {
    const { cursor, limit } = query
    const listed = await cutOffRecords.list({ startedBefore: placeOf(cursor), limit })
    await recordRead(c, audit, 'cut_offs')
    const next = listed.length === limit ? String(listed.at(-1)?.startedBy) : null
    return c.json({ cut_offs: listed.map(showCutOff), next_cursor: next })
  })

  api.serve(addCutOff, async (c, { body }) => {
    const { scope, reason: cause } = body
    const id = body.scope === 'everyone' ? '' : body.id
    if (!(await isKnown(parts, scope, id))) return answerProblem(c, 'not_found')
    const added = await parts.startCutOff(c.get('facts'), { scope, id, cause, now: clock() })
    if (!added.ok) return answerProblem(c, 'unavailable')
    const answer = showAdded(added.value)
    return c.json(answer, 202, { Location: answer.progress_url })
  })

  api.serve(showProgress, async (c, { params }) => {
    const progress = await cutOffRecords.find(params.id)
    if (progress === undefined) return answerProblem(c, 'not_found')
    await recordRead(c, audit, 'cut_off')
    return c.json(showCutOff(progress))
  })
}

/** A provider is one that is configured, or one that was: its people are still in the directory. */
async function isKnown(
  { config, people, applicationRegistry }: AdminParts,
  scope: CutOffProgress['scope'],
  id: string,
): Promise<boolean> {
  if (scope === 'everyone') return true
  if (scope === 'application') return (await applicationRegistry.find(id)) !== undefined
  return config.identityProviders.some((known) => known.id === id) || people.hasProvider(id)
}
