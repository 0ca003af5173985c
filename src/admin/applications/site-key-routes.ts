/** Operators rotate the key pairs of a site; a private key is shown once, when it is made. */
import { createRoute, z } from '@hono/zod-openapi'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApi } from '../api/admin-api.ts'
import { idInPath, json, problems, seconds } from '../api/operation.ts'
import { recordRead } from '../api/record-read.ts'
import { answerProblem } from '../problem.ts'

const DAY_SECONDS = 86_400

const rotation = z.strictObject({
  overlap_seconds: z
    .int()
    .min(0)
    .max(30 * DAY_SECONDS)
    .default(DAY_SECONDS)
    .openapi({ description: 'How long the key pairs before it are still accepted' }),
})

const rotateKeys = createRoute({
  method: 'post',
  path: '/applications/{id}/site-keys',
  summary: 'Makes a new key pair of a site, shown this once; those before it run out',
  request: {
    params: idInPath,
    body: { required: false, content: { 'application/json': { schema: rotation } } },
  },
  responses: {
    201: json(z.object({ public_key: z.string(), private_key: z.string() }), 'Made'),
    ...problems('invalid_request', 'not_found', 'no_secret_used', 'too_many_secrets'),
  },
})

const listKeys = createRoute({
  method: 'get',
  path: '/applications/{id}/site-keys',
  summary: 'The key pairs of a site that are accepted now, without the private keys',
  request: { params: idInPath },
  responses: {
    200: json(
      z.object({
        site_keys: z.array(
          z.object({
            public_key: z.string(),
            created_at: seconds,
            expires_at: seconds.nullable(),
          }),
        ),
      }),
    ),
    ...problems('not_found'),
  },
})

export function siteKeyRoutes(api: AdminApi, parts: AdminParts): void {
  const { audit, clock, applicationRegistry: registry, siteKeys } = parts

  api.openapi(rotateKeys, async (c) => {
    const { id } = c.req.valid('param')
    const { overlap_seconds: overlapSeconds } = rotation.parse(c.req.valid('json'))
    const application = await registry.find(id)
    if (application === undefined) return answerProblem(c, 'not_found')
    if (application.sharedSessions === undefined) return answerProblem(c, 'no_secret_used')
    const rotated = await siteKeys.rotate(id, { overlapSeconds, now: clock() })
    if (!rotated.ok) {
      const isUnknown = rotated.refusal.code === 'unknown_application'
      return answerProblem(c, isUnknown ? 'not_found' : 'too_many_secrets')
    }
    const { publicKey, privateKey } = rotated.value
    await audit.record(c.get('facts'), {
      event: 'application.secret_rotated',
      actor: 'operator',
      facts: { application: id, public_key: publicKey },
    })
    return c.json({ public_key: publicKey, private_key: privateKey }, 201)
  })

  api.openapi(listKeys, async (c) => {
    const { id } = c.req.valid('param')
    if ((await registry.find(id)) === undefined) return answerProblem(c, 'not_found')
    const listed = await siteKeys.list(id, clock())
    await recordRead(c, audit, 'site_keys')
    const shown = listed.map(({ publicKey, createdAt, expiresAt }) => ({
      public_key: publicKey,
      created_at: createdAt,
      expires_at: expiresAt,
    }))
    return c.json({ site_keys: shown })
  })
}
