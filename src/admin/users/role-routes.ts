/** Operators say what a person is; each application says what that amounts to. */
import { isRole } from '../../protocol/role.ts'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApi } from '../api/admin-api.ts'
import { idInPath, json, jsonBody, problems } from '../api/operation.ts'
import type { Operation } from '../api/operation.ts'
import { recordRead } from '../api/record-read.ts'
import { list, named, object, openObject, refined, text } from '../api/schema.ts'
import { answerProblem } from '../problem.ts'
import { createFindUser } from './find-user.ts'

const rolesSchema = openObject({ roles: list(text) })

const role = refined(text, (given) =>
  isRole(given) ? [] : [{ path: [], detail: 'is not a role: letters, digits and . _ : / -' }],
)

const newRolesSchema = named('UserRoles', object({ roles: list(role, { maxItems: 50 }) }))

const showRoles = {
  method: 'get',
  path: '/users/{id}/roles',
  summary: "A user's roles",
  request: { params: idInPath },
  responses: { 200: json(rolesSchema), ...problems('not_found') },
} satisfies Operation

const replaceRoles = {
  method: 'put',
  path: '/users/{id}/roles',
  summary: "Replaces a user's roles; what is issued next has them",
  request: { params: idInPath, body: jsonBody(newRolesSchema) },
  responses: { 200: json(rolesSchema), ...problems('not_found') },
} satisfies Operation

export function roleRoutes(api: AdminApi, { audit, people, userRoles }: AdminParts): void {
  const findUser = createFindUser(people)

  api.serve(showRoles, async (c, { params }) => {
    const user = await findUser(params.id)
    if (user === undefined) return answerProblem(c, 'not_found')
    const roles = await userRoles.of(user.id)
    if (!roles.ok) return answerProblem(c, roles.refusal.code)
    await recordRead(c, audit, 'roles')
    return c.json({ roles: roles.value })
  })

  api.serve(replaceRoles, async (c, { params, body }) => {
    const user = await findUser(params.id)
    if (user === undefined) return answerProblem(c, 'not_found')
    const roles = [...new Set(body.roles)].toSorted()
    if (!(await userRoles.replace(user.id, roles))) return answerProblem(c, 'not_found')
    await audit.record(c.get('facts'), {
      event: 'user.roles_replaced',
      actor: 'operator',
      userId: user.id,
      facts: { roles: roles.join(' ') },
    })
    return c.json({ roles })
  })
}
