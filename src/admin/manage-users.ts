import { parseSessionId, parseUserId } from '../core/sessions/session.ts'
import type { UserId } from '../core/sessions/session.ts'
import type { UserSearch } from '../core/users/user-directory.ts'
import { readQuery } from './read-query.ts'
import { answerProblem } from './problem.ts'
import { recordRead } from './record-read.ts'
import type { AdminContext, AdminParts } from './routes.ts'
import { showIdentity, showSession, showUser } from './shown.ts'

/** `GET /users`: by id or the beginning of an e-mail address (`query`), or by `issuer` and `subject`. */
export async function searchUsers(c: AdminContext, parts: AdminParts): Promise<Response> {
  const read = readQuery(c.req.url, ['query', 'issuer', 'subject'])
  if (!read.ok) return answerProblem(c, read.refusal.code)
  const { values, page } = read.value
  const search = searchOf(values)
  const isCursor = page.cursor === undefined || parseUserId(page.cursor) !== undefined
  if (search === undefined || !isCursor) return answerProblem(c, 'invalid_request')
  const users = await parts.people.search(search, page.cursor ?? '', page.limit)
  await recordRead(c, parts, 'users')
  const next = users.length === page.limit ? (users.at(-1)?.id ?? null) : null
  return c.json({ users: users.map(showUser), next_cursor: next })
}

function searchOf(values: {
  readonly query: string | undefined
  readonly issuer: string | undefined
  readonly subject: string | undefined
}): UserSearch | undefined {
  const { query, issuer, subject } = values
  if ((issuer === undefined) !== (subject === undefined)) return undefined
  const identity = issuer === undefined || subject === undefined ? undefined : { issuer, subject }
  if (query === undefined) return identity === undefined ? {} : { identity }
  const id = parseUserId(query)
  const key = query.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
  const named = id === undefined ? { emailPrefix: key } : { id }
  return { ...named, ...(identity !== undefined && { identity }) }
}

/** The id in the path, if it is a known user's. Any other is answered 404, whatever is wrong with it (C35). */
async function knownUser(c: AdminContext, { people }: AdminParts): Promise<UserId | undefined> {
  const id = parseUserId(c.req.param('id'))
  return id === undefined ? undefined : (await people.find(id))?.id
}

export async function showOneUser(c: AdminContext, parts: AdminParts): Promise<Response> {
  const id = parseUserId(c.req.param('id'))
  const user = id && (await parts.people.find(id))
  if (user === undefined) return answerProblem(c, 'not_found')
  const identities = await parts.people.identitiesOf(user.id)
  await recordRead(c, parts, 'user')
  return c.json({ ...showUser(user), identities: identities.map(showIdentity) })
}

const DISABLE_PROBLEMS = {
  unknown_user: 'not_found',
  pending: 'disable_pending',
  unavailable: 'unavailable',
} as const

export async function disableOneUser(c: AdminContext, parts: AdminParts): Promise<Response> {
  const userId = await knownUser(c, parts)
  if (userId === undefined) return answerProblem(c, 'not_found')
  const input = { userId, now: parts.clock() }
  const disabled = await parts.disableUser.disable(c.get('facts'), input)
  if (disabled.ok) {
    return c.json({ id: userId, status: 'disabled', ended_sessions: disabled.value.ended })
  }
  return answerProblem(c, DISABLE_PROBLEMS[disabled.refusal.code])
}

export async function enableOneUser(c: AdminContext, parts: AdminParts): Promise<Response> {
  const userId = await knownUser(c, parts)
  if (userId === undefined) return answerProblem(c, 'not_found')
  const input = { userId, now: parts.clock() }
  const enabled = await parts.disableUser.enable(c.get('facts'), input)
  if (enabled.ok) return c.json({ id: userId, status: 'active' })
  return answerProblem(c, enabled.refusal.code === 'unknown_user' ? 'not_found' : 'unavailable')
}

export async function listSessions(c: AdminContext, parts: AdminParts): Promise<Response> {
  const userId = await knownUser(c, parts)
  if (userId === undefined) return answerProblem(c, 'not_found')
  const listed = await parts.sessions.list(userId, parts.clock())
  if (!listed.ok) return answerProblem(c, listed.refusal.code)
  await recordRead(c, parts, 'sessions')
  return c.json({ sessions: listed.value.map(showSession) })
}

export async function endAllSessions(c: AdminContext, parts: AdminParts): Promise<Response> {
  const userId = await knownUser(c, parts)
  if (userId === undefined) return answerProblem(c, 'not_found')
  const end = { userId, cause: 'operator', now: parts.clock() } as const
  const ended = await parts.ends.endAllSessions(c.get('facts'), end)
  if (!ended.ok) return answerProblem(c, ended.refusal.code)
  return c.json({ ended_sessions: ended.value.ended })
}

export async function endOneSession(c: AdminContext, parts: AdminParts): Promise<Response> {
  const userId = await knownUser(c, parts)
  const sid = parseSessionId(c.req.param('sid'))
  if (userId === undefined || sid === undefined) return answerProblem(c, 'not_found')
  const end = { userId, sid, cause: 'operator', now: parts.clock() } as const
  const ended = await parts.ends.endSession(c.get('facts'), end)
  if (!ended.ok) return answerProblem(c, ended.refusal.code)
  return ended.value.ended ? c.json({ ended_sessions: 1 }) : answerProblem(c, 'not_found')
}
