/**
 * What is kept of one person, in one answer, for an operator whom that person asks (as GDPR Articles 15 and 20 have
 * it). Of the audit trail there are pages of its own (`GET /audit?user=`); secrets and their hashes are nobody's.
 */
import type { Connection, Handoff } from '../../core/sessions/grant.ts'
import type { KnownUser } from '../../core/users/site-user.ts'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApi } from '../api/admin-api.ts'
import { idInPath, json, problems, seconds } from '../api/operation.ts'
import type { Operation } from '../api/operation.ts'
import { anything, list, nullable, openObject, record, text } from '../api/schema.ts'
import type { ValueOf } from '../api/schema.ts'
import { answerProblem } from '../problem.ts'
import { createFindUser } from './find-user.ts'
import {
  claimsOf,
  sessionSchema,
  showIdentity,
  showSession,
  showUser,
  userWithIdentitiesSchema,
} from './user-shape.ts'

const applicationSchema = openObject({
  application: text,
  scope: list(text),
  consent: nullable(
    openObject({
      scope: list(text),
      claims: list(text),
      resources: list(text),
      given_at: seconds,
    }),
  ),
  last_used_at: nullable(seconds),
})

const siteUserSchema = openObject({
  group: text,
  user_token: text,
  external_id: text,
  login: nullable(text),
  created_at: seconds,
  last_login_at: nullable(seconds),
  identities: list(openObject({ provider: text, content: record(anything) })),
})

const exportUser = {
  method: 'get',
  path: '/users/{id}/export',
  summary:
    'All that is kept of a user beside the audit trail, which is at /audit; no secret is in it',
  request: { params: idInPath },
  responses: {
    200: json(
      openObject({
        user: userWithIdentitiesSchema,
        claims: record(anything),
        username: nullable(text),
        roles: list(text),
        sessions: list(sessionSchema),
        applications: list(applicationSchema),
        services: list(openObject({ application: text, last_at: seconds })),
        site_users: list(siteUserSchema),
      }),
    ),
    ...problems('not_found'),
  },
} satisfies Operation

export function exportRoutes(api: AdminApi, parts: AdminParts): void {
  const { audit, clock, consents, grants, localCredentials, people, sessions, siteUsers } = parts
  const findUser = createFindUser(people)

  api.serve(exportUser, async (c, { params }) => {
    const found = await findUser(params.id)
    const user = found && (await parts.users.find(found.id))
    if (found === undefined || user === undefined) return answerProblem(c, 'not_found')
    const { id } = user
    const now = clock()
    const [identities, credential, known, roles, live, connections, handoffs] = await Promise.all([
      people.identitiesOf(id),
      localCredentials.find(id),
      siteUsers.ofAllCompanies(id),
      parts.userRoles.of(id),
      sessions.list(id, now),
      consents.connections(id, now),
      grants.handoffs(id, now),
    ])
    // A part that is missing would be taken for one that is empty.
    if (!(roles.ok && live.ok && connections.ok && handoffs.ok)) {
      return answerProblem(c, 'unavailable')
    }
    await audit.record(c.get('facts'), { event: 'user.exported', actor: 'operator', userId: id })
    return c.json({
      user: { ...showUser(found), identities: identities.map(showIdentity) },
      claims: claimsOf(user),
      username: credential?.username ?? null,
      roles: roles.value,
      sessions: live.value.map(showSession),
      applications: connections.value.map(showConnection),
      services: handoffs.value.map(showHandoff),
      site_users: known.map(showSiteUser),
    })
  })
}

const showConnection = ({
  applicationId,
  consent,
  scope,
  lastUsedAt,
}: Connection): ValueOf<typeof applicationSchema> => ({
  application: applicationId,
  scope,
  consent:
    consent === undefined
      ? null
      : {
          scope: consent.scope,
          claims: consent.claims,
          resources: consent.resources,
          given_at: consent.givenAt,
        },
  last_used_at: lastUsedAt ?? null,
})

const showHandoff = ({ applicationId, lastAt }: Handoff) => ({
  application: applicationId,
  last_at: lastAt,
})

const showSiteUser = ({ user, identities }: KnownUser): ValueOf<typeof siteUserSchema> => ({
  group: user.company,
  user_token: user.userToken,
  external_id: user.externalId,
  login: user.login ?? null,
  created_at: user.createdAt,
  last_login_at: user.lastLoginAt ?? null,
  identities: identities.map(({ providerId, content }) => ({ provider: providerId, content })),
})
