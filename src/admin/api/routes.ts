/**
 * The management API itself, behind its door (admin/routes.tsx). One routes file per noun; the description at
 * `/openapi.json` is made from the schemas that check the input.
 */
import type { AdminParts } from '../admin-parts.ts'
import { applicationRoutes } from '../applications/routes.ts'
import { auditRoutes } from '../audit/routes.ts'
import { canaryRoutes } from '../canary/routes.ts'
import { cutOffRoutes } from '../cut-offs/routes.ts'
import { keyRoutes } from '../keys/routes.ts'
import { undeliveredLogoutRoutes } from '../undelivered-logouts/routes.ts'
import { exportRoutes } from '../users/export-routes.ts'
import { roleRoutes } from '../users/role-routes.ts'
import { credentialRoutes } from '../users/credential-routes.ts'
import { userRoutes } from '../users/routes.ts'
import { createEmptyApi } from './admin-api.ts'
import type { AdminApi } from './admin-api.ts'
import { documentOf } from './document.ts'
import { json, problems } from './operation.ts'
import type { Operation } from './operation.ts'
import { recordRead } from './record-read.ts'
import { openObject, text } from './schema.ts'

const describeApi = {
  method: 'get',
  path: '/openapi.json',
  summary: 'This document',
  responses: {
    200: json(openObject({ openapi: text }), 'OpenAPI 3.1'),
    ...problems(),
  },
} satisfies Operation

export function createAdminApi(parts: AdminParts): AdminApi['app'] {
  const api = createEmptyApi()
  api.serve(describeApi, async (c) => {
    await recordRead(c, parts.audit, 'description')
    return c.json(documentOf(api.operations, parts.config.issuer))
  })
  applicationRoutes(api, parts)
  userRoutes(api, parts)
  exportRoutes(api, parts)
  roleRoutes(api, parts)
  credentialRoutes(api, parts)
  keyRoutes(api, parts)
  cutOffRoutes(api, parts)
  undeliveredLogoutRoutes(api, parts)
  auditRoutes(api, parts)
  canaryRoutes(api, parts)
  return api.app
}
