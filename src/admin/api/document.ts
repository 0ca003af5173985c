import { z } from '@hono/zod-openapi'
import { PROBLEMS } from '../problem.ts'
import type { AdminApi } from './admin-api.ts'

const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string().openapi({ description: 'The id of the request' }),
    code: z.enum(Object.keys(PROBLEMS)),
    errors: z
      .array(
        z.object({
          detail: z.string(),
          pointer: z.string().optional().openapi({ description: 'A JSON Pointer into the body' }),
          parameter: z.string().optional(),
        }),
      )
      .optional(),
  })
  .openapi('Problem')

/** Names the components that descriptions refer to. */
export function registerComponents(api: AdminApi): void {
  const { openAPIRegistry } = api
  openAPIRegistry.registerComponent('securitySchemes', 'key', { type: 'http', scheme: 'bearer' })
  openAPIRegistry.register('Problem', problemSchema)
  for (const [code, { title, detail }] of Object.entries(PROBLEMS)) {
    openAPIRegistry.registerComponent('responses', code, {
      description: `${title}. ${detail}`,
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    })
  }
}

/** The description of the management API (OpenAPI 3.1), from the schemas that its input is checked with. */
export const documentOf = (api: AdminApi, issuer: string) =>
  api.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Drawbridge management API', version: '1' },
    servers: [{ url: `${issuer}/admin/api` }],
    security: [{ key: [] }],
  })
