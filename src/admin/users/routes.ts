/** Operators find people, end their sessions, and disable them. Sessions end by `core/revocation`. */
import { parseSessionId, parseUserId } from '../../core/sessions/session.ts'
import type { UserSearch } from '../../core/users/user-directory.ts'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApi } from '../api/admin-api.ts'
import { idInPath, inPages, json, problems, queryText } from '../api/operation.ts'
import type { Operation } from '../api/operation.ts'
import { recordRead } from '../api/record-read.ts'
import {
  integer,
  list,
  nullable,
  object,
  oneOf,
  openObject,
  optional,
  refined,
  text,
  textMatching,
} from '../api/schema.ts'
import { answerProblem } from '../problem.ts'
import { createFindUser } from './find-user.ts'
import {
  sessionSchema,
  showIdentity,
  showSession,
  showUser,
  userSchema,
  userWithIdentitiesSchema,
} from './user-shape.ts'

const userId = textMatching(/^[0-9a-f]{32}$/, 'is no id of a user')

const searchUsers = {
  method: 'get',
  path: '/users',
  summary:
    'Users by id or beginning of e-mail address (query), or by issuer and subject; in order of id, or of the address that was searched for',
  request: {
    query: refined(
      object({
        query: optional(queryText),
        issuer: optional(queryText),
        subject: optional(queryText),
        cursor: optional(userId),
        ...inPages,
      }),
      ({ issuer, subject }) =>
        (issuer === undefined) === (subject === undefined)
          ? []
          : [{ path: ['subject'], detail: 'goes together with issuer' }],
    ),
  },
  responses: {
    200: json(openObject({ users: list(userSchema), next_cursor: nullable(text) })),
    ...problems(),
  },
} satisfies Operation

const showOneUser = {
  method: 'get',
  path: '/users/{id}',
  summary: 'A user and their identities',
  request: { params: idInPath },
  responses: { 200: json(userWithIdentitiesSchema), ...problems('not_found') },
} satisfies Operation

const statusSchema = openObject({ id: text, status: oneOf(['active', 'disabled']) })
const endedSchema = openObject({ ended_sessions: integer })

const disableUser = {
  method: 'post',
  path: '/users/{id}/disable',
  summary: 'Ends every session of a user and lets none open',
  request: { params: idInPath },
  responses: {
    200: json(openObject({ ...statusSchema.members, ...endedSchema.members })),
    ...problems('not_found', 'disable_pending'),
  },
} satisfies Operation

const enableUser = {
  method: 'post',
  path: '/users/{id}/enable',
  summary: 'Lets a user sign in again; no session comes back',
  request: { params: idInPath },
  responses: { 200: json(statusSchema), ...problems('not_found') },
} satisfies Operation

const eraseUser = {
  method: 'delete',
  path: '/users/{id}',
  summary: 'Ends everything of a user and forgets them; nothing brings them back',
  request: { params: idInPath },
  responses: { 204: { description: 'Erased' }, ...problems('not_found', 'disable_pending') },
} satisfies Operation

const listSessions = {
  method: 'get',
  path: '/users/{id}/sessions',
  summary: "A user's live sessions, newest first",
  request: { params: idInPath },
  responses: {
    200: json(openObject({ sessions: list(sessionSchema) })),
    ...problems('not_found'),
  },
} satisfies Operation

const endAllSessions = {
  method: 'delete',
  path: '/users/{id}/sessions',
  summary: 'Ends all sessions of a user',
  request: { params: idInPath },
  responses: { 200: json(endedSchema), ...problems('not_found') },
} satisfies Operation

const endOneSession = {
  method: 'delete',
  path: '/users/{id}/sessions/{sid}',
  summary: 'Ends one live session',
  request: { params: openObject({ ...idInPath.members, sid: text }) },
  responses: { 200: json(endedSchema), ...problems('not_found') },
} satisfies Operation

const DISABLE_PROBLEMS = {
  unknown_user: 'not_found',
  pending: 'disable_pending',
  unavailable: 'unavailable',
} as const

export function userRoutes(api: AdminApi, parts: AdminParts): void {
  const { audit, clock, ends, people } = parts

  const findUser = createFindUser(people)

  api.serve(searchUsers, async (c, { query }) => {
    const { cursor = '', limit, ...by } = query
    const users = await people.search(searchOf(by), cursor, limit)
    await recordRead(c, audit, 'users')
    const next = users.length === limit ? (users.at(-1)?.id ?? null) : null
    return c.json({ users: users.map(showUser), next_cursor: next })
  })

  api.serve(showOneUser, async (c, { params }) => {
    const user = await findUser(params.id)
    if (user === undefined) return answerProblem(c, 'not_found')
    const identities = await people.identitiesOf(user.id)
    await recordRead(c, audit, 'user')
    return c.json({ ...showUser(user), identities: identities.map(showIdentity) })
  })

  api.serve(disableUser, async (c, { params }) => {
    const id = (await findUser(params.id))?.id
    if (id === undefined) return answerProblem(c, 'not_found')
    const input = { userId: id, now: clock() }
    const disabled = await parts.disableUser.disable(c.get('facts'), input)
    if (!disabled.ok) return answerProblem(c, DISABLE_PROBLEMS[disabled.refusal.code])
    return c.json({ id, status: 'disabled', ended_sessions: disabled.value.ended } as const)
  })

  api.serve(enableUser, async (c, { params }) => {
    const id = (await findUser(params.id))?.id
    if (id === undefined) return answerProblem(c, 'not_found')
    const enabled = await parts.disableUser.enable(c.get('facts'), { userId: id, now: clock() })
    if (enabled.ok) return c.json({ id, status: 'active' } as const)
    const isUnknown = enabled.refusal.code === 'unknown_user'
    return answerProblem(c, isUnknown ? 'not_found' : 'unavailable')
  })

  api.serve(eraseUser, async (c, { params }) => {
    const id = (await findUser(params.id))?.id
    if (id === undefined) return answerProblem(c, 'not_found')
    const erased = await parts.eraseUser(c.get('facts'), { userId: id, now: clock() })
    if (!erased.ok) return answerProblem(c, DISABLE_PROBLEMS[erased.refusal.code])
    return c.body(null, 204)
  })

  api.serve(listSessions, async (c, { params }) => {
    const id = (await findUser(params.id))?.id
    if (id === undefined) return answerProblem(c, 'not_found')
    const listed = await parts.sessions.list(id, clock())
    if (!listed.ok) return answerProblem(c, listed.refusal.code)
    await recordRead(c, audit, 'sessions')
    return c.json({ sessions: listed.value.map(showSession) })
  })

  api.serve(endAllSessions, async (c, { params }) => {
    const id = (await findUser(params.id))?.id
    if (id === undefined) return answerProblem(c, 'not_found')
    const end = { userId: id, cause: 'operator', now: clock() } as const
    const ended = await ends.endAllSessions(c.get('facts'), end)
    if (!ended.ok) return answerProblem(c, ended.refusal.code)
    return c.json({ ended_sessions: ended.value.ended })
  })

  api.serve(endOneSession, async (c, { params }) => {
    const id = (await findUser(params.id))?.id
    const sid = parseSessionId(params.sid)
    if (id === undefined || sid === undefined) return answerProblem(c, 'not_found')
    const end = { userId: id, sid, cause: 'operator', now: clock() } as const
    const ended = await ends.endSession(c.get('facts'), end)
    if (!ended.ok) return answerProblem(c, ended.refusal.code)
    return ended.value.ended ? c.json({ ended_sessions: 1 }) : answerProblem(c, 'not_found')
  })
}

function searchOf({
  query,
  issuer,
  subject,
}: {
  readonly query?: string | undefined
  readonly issuer?: string | undefined
  readonly subject?: string | undefined
}): UserSearch {
  const identity = issuer === undefined || subject === undefined ? undefined : { issuer, subject }
  if (query === undefined) return identity === undefined ? {} : { identity }
  const id = parseUserId(query)
  const key = query.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
  const named = id === undefined ? { emailPrefix: key } : { id }
  return { ...named, ...(identity !== undefined && { identity }) }
}
