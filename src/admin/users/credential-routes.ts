/**
 * Operators create people with a password of ours, for applications with the password grant, and set and remove
 * such passwords. A change ends all of the user's sessions: whoever knew the old password is out.
 */
import { parseNewCredential } from '../../core/users/local-credentials.ts'
import { parseProfileClaims } from '../../core/users/profile-claims.ts'
import type { ProfileClaims } from '../../core/users/profile-claims.ts'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApi } from '../api/admin-api.ts'
import { idInPath, json, jsonBody, problems, seconds } from '../api/operation.ts'
import type { Operation } from '../api/operation.ts'
import { recordRead } from '../api/record-read.ts'
import {
  described,
  flag,
  integer,
  named,
  object,
  openObject,
  optional,
  text,
} from '../api/schema.ts'
import { answerProblem } from '../problem.ts'
import type { ProblemError } from '../problem.ts'
import { createFindUser } from './find-user.ts'
import { claimsOf } from './user-shape.ts'

const username = described(text, {
  description: 'At most 128 characters, no blanks; compared without regard to A-Z',
})
const password = described(text, {
  description: '8 characters to 1024 bytes; compared in its NFC form',
  format: 'password',
})

const claim = optional(text)

/** Standard claims (OpenID Connect Core 1.0 §5.1), as a provider would send them. */
const claims = {
  name: claim,
  given_name: claim,
  family_name: claim,
  preferred_username: claim,
  email: claim,
  email_verified: optional(flag),
  picture: claim,
  locale: claim,
  zoneinfo: claim,
  phone_number: claim,
  phone_number_verified: optional(flag),
  address: optional(
    object({
      formatted: claim,
      street_address: claim,
      locality: claim,
      region: claim,
      postal_code: claim,
      country: claim,
    }),
  ),
}

const createUser = {
  method: 'post',
  path: '/users',
  summary: 'Creates a user with a username and a password, for the password grant',
  request: { body: jsonBody(named('NewUser', object({ username, password, ...claims }))) },
  responses: {
    201: json(openObject({ id: text, username: text }), 'Created'),
    ...problems('username_taken', 'email_taken'),
  },
} satisfies Operation

const credentialSchema = openObject({
  id: text,
  username: text,
  created_at: seconds,
  updated_at: seconds,
})

const showCredential = {
  method: 'get',
  path: '/users/{id}/password',
  summary: "A user's username, and when its password was set; never the password",
  request: { params: idInPath },
  responses: { 200: json(credentialSchema), ...problems('not_found') },
} satisfies Operation

const setPassword = {
  method: 'put',
  path: '/users/{id}/password',
  summary: "Sets a user's password, and ends all of the user's sessions",
  request: {
    params: idInPath,
    body: jsonBody(named('NewPassword', object({ username: optional(username), password }))),
  },
  responses: {
    200: json(openObject({ id: text, username: text, ended_sessions: integer })),
    ...problems('not_found', 'username_taken'),
  },
} satisfies Operation

const removePassword = {
  method: 'delete',
  path: '/users/{id}/password',
  summary: "Removes a user's password, and ends all of the user's sessions",
  request: { params: idInPath },
  responses: {
    200: json(openObject({ id: text, ended_sessions: integer })),
    ...problems('not_found'),
  },
} satisfies Operation

/** What is wrong with a username or password, without either. */
const CREDENTIAL_ERRORS = {
  invalid_username: { pointer: '#/username', detail: 'is no username' },
  invalid_password: {
    pointer: '#/password',
    detail: 'is shorter than 8 characters or longer than 1024 bytes',
  },
} as const

export function credentialRoutes(api: AdminApi, parts: AdminParts): void {
  const { audit, clock, ends, localCredentials, people, users } = parts
  const findUser = createFindUser(people)

  api.serve(createUser, async (c, { body }) => {
    const { username: name, password: secret, ...said } = body
    const profile = parseProfileClaims({ preferred_username: name, ...said })
    const errors = unusableClaims(said, profile)
    if (errors.length > 0) return answerProblem(c, 'invalid_request', errors)
    const credential = await parseNewCredential(name, secret)
    if (!credential.ok) {
      return answerProblem(c, 'invalid_request', [CREDENTIAL_ERRORS[credential.refusal.code]])
    }
    const now = clock()
    const created = await users.create(
      { profile, credential: (id) => localCredentials.insertion(id, credential.value, now) },
      now,
    )
    if (!created.ok) return answerProblem(c, created.refusal.code)
    const id = created.value
    await audit.record(c.get('facts'), { event: 'user.created', actor: 'operator', userId: id })
    return c.json({ id, username: name }, 201, { Location: `/admin/api/users/${id}` })
  })

  api.serve(showCredential, async (c, { params }) => {
    const id = (await findUser(params.id))?.id
    const found = id && (await localCredentials.find(id))
    if (id === undefined || found === undefined) return answerProblem(c, 'not_found')
    await recordRead(c, audit, 'password')
    const { createdAt, updatedAt } = found
    return c.json({ id, username: found.username, created_at: createdAt, updated_at: updatedAt })
  })

  api.serve(setPassword, async (c, { params, body }) => {
    const id = (await findUser(params.id))?.id
    if (id === undefined) return answerProblem(c, 'not_found')
    const { username: asked, password: secret } = body
    const name = asked ?? (await localCredentials.find(id))?.username
    if (name === undefined) {
      return answerProblem(c, 'invalid_request', [
        { pointer: '#/username', detail: 'is missing; the user has none' },
      ])
    }
    const credential = await parseNewCredential(name, secret)
    if (!credential.ok) {
      return answerProblem(c, 'invalid_request', [CREDENTIAL_ERRORS[credential.refusal.code]])
    }
    const now = clock()
    // First the password, then the sessions: what the old one still opens in between is ended as well.
    const set = await localCredentials.set(id, credential.value, now)
    if (!set.ok) return answerProblem(c, set.refusal.code)
    await audit.record(c.get('facts'), {
      event: 'user.password_set',
      actor: 'operator',
      userId: id,
    })
    const ended = await ends.endAllSessions(c.get('facts'), {
      userId: id,
      cause: 'password_changed',
      now,
    })
    if (!ended.ok) return answerProblem(c, ended.refusal.code)
    return c.json({ id, username: name, ended_sessions: ended.value.ended })
  })

  api.serve(removePassword, async (c, { params }) => {
    const id = (await findUser(params.id))?.id
    if (id === undefined || (await localCredentials.find(id)) === undefined) {
      return answerProblem(c, 'not_found')
    }
    const now = clock()
    // The sessions first: a request that is repeated because they did not end still finds the password.
    const end = { userId: id, cause: 'password_changed', now } as const
    const before = await ends.endAllSessions(c.get('facts'), end)
    if (!before.ok) return answerProblem(c, before.refusal.code)
    await localCredentials.remove(id)
    await audit.record(c.get('facts'), {
      event: 'user.password_removed',
      actor: 'operator',
      userId: id,
    })
    // And what the password has opened since.
    const after = await ends.endAllSessions(c.get('facts'), end)
    if (!after.ok) return answerProblem(c, after.refusal.code)
    return c.json({ id, ended_sessions: before.value.ended + after.value.ended })
  })
}

/** A provider's word is cleaned and cut; an operator's is taken as it stands, or refused. */
function unusableClaims(
  said: Readonly<Record<string, unknown>>,
  profile: ProfileClaims,
): readonly ProblemError[] {
  const taken = claimsOf({ ...profile, email: profile.email?.text })
  return Object.entries(said)
    .filter(([claim, value]) => JSON.stringify(value) !== JSON.stringify(taken[claim]))
    .map(([claim]) => ({ pointer: `#/${claim}`, detail: 'is not usable as it stands' }))
}
