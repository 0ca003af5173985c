/** Operators say what a person is; each application says what that amounts to. */
import { createRoute, z } from '@hono/zod-openapi'
import { parseUserId } from '../../core/sessions/session.ts'
import { isRole } from '../../protocol/role.ts'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApi } from '../api/admin-api.ts'
import { idInPath, json, jsonBody, problems } from '../api/operation.ts'
import { recordRead } from '../api/record-read.ts'
import { answerProblem } from '../problem.ts'

const rolesSchema = z.object({ roles: z.array(z.string()) })

const newRolesSchema = z
  .strictObject({
    roles: z
      .array(z.string().refine(isRole, { message: 'is not a role: letters, digits and . _ : / -' }))
      .max(50),
  })
  .openapi('UserRoles')

const showRoles = createRoute({
  method: 'get',
  path: '/users/{id}/roles',
  summary: "A user's roles",
  request: { params: idInPath },
  responses: { 200: json(rolesSchema), ...problems('not_found') },
})

const replaceRoles = createRoute({
  method: 'put',
  path: '/users/{id}/roles',
  summary: "Replaces a user's roles; what is issued next has them",
  request: { params: idInPath, body: jsonBody(newRolesSchema) },
  responses: { 200: json(rolesSchema), ...problems('not_found', 'invalid_request') },
})

export function roleRoutes(api: AdminApi, { audit, people, userRoles }: AdminParts): void {
  const findUser = async (text: string) => {
    const id = parseUserId(text)
    return id === undefined ? undefined : people.find(id)
  }

  api.openapi(showRoles, async (c) => {
    const user = await findUser(c.req.valid('param').id)
    if (user === undefined) return answerProblem(c, 'not_found')
    const roles = await userRoles.of(user.id)
    if (!roles.ok) return answerProblem(c, roles.refusal.code)
    await recordRead(c, audit, 'roles')
    return c.json({ roles: [...roles.value] })
  })

  api.openapi(replaceRoles, async (c) => {
    const user = await findUser(c.req.valid('param').id)
    if (user === undefined) return answerProblem(c, 'not_found')
    const roles = [...new Set(c.req.valid('json').roles)].toSorted()
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
