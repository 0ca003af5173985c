/**
 * The management API itself, which is loaded when an operator first asks for it: its schemas are most of what
 * the gateway would otherwise read at each cold start. One routes file per noun; the description at
 * `/openapi.json` is made from the schemas that check the input.
 */
import { createRoute, z } from '@hono/zod-openapi'
import type { AdminParts } from '../admin-parts.ts'
import { applicationRoutes } from '../applications/routes.ts'
import { auditRoutes } from '../audit/routes.ts'
import { canaryRoutes } from '../canary/routes.ts'
import { cutOffRoutes } from '../cut-offs/routes.ts'
import { keyRoutes } from '../keys/routes.ts'
import { undeliveredLogoutRoutes } from '../undelivered-logouts/routes.ts'
import { roleRoutes } from '../users/role-routes.ts'
import { credentialRoutes } from '../users/credential-routes.ts'
import { userRoutes } from '../users/routes.ts'
import { createEmptyApi } from './admin-api.ts'
import type { AdminApi } from './admin-api.ts'
import { documentOf, registerComponents } from './document.ts'
import { json, problems } from './operation.ts'

const describeApi = createRoute({
  method: 'get',
  path: '/openapi.json',
  summary: 'This document',
  responses: {
    200: json(z.object({ openapi: z.string() }), 'OpenAPI 3.1'),
    ...problems(),
  },
})

export function createAdminApi(parts: AdminParts): AdminApi {
  const api = createEmptyApi()
  registerComponents(api)
  api.openapi(describeApi, (c) => c.json(documentOf(api, parts.config.issuer)))
  applicationRoutes(api, parts)
  userRoutes(api, parts)
  roleRoutes(api, parts)
  credentialRoutes(api, parts)
  keyRoutes(api, parts)
  cutOffRoutes(api, parts)
  undeliveredLogoutRoutes(api, parts)
  auditRoutes(api, parts)
  canaryRoutes(api, parts)
  return api
}
