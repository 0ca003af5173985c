/** Operators rotate the key pairs of a site; a private key is shown once, when it is made. */
import { toWire } from '../../protocol/wire-names.ts'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApi } from '../api/admin-api.ts'
import { idInPath, json, optionalBody, problems, seconds } from '../api/operation.ts'
import type { Operation } from '../api/operation.ts'
import { recordRead } from '../api/record-read.ts'
import { list, nullable, object, openObject, text } from '../api/schema.ts'
import { answerProblem } from '../problem.ts'
import { DAY_SECONDS, overlap } from './secret-routes.ts'

const rotation = object({
  overlap_seconds: overlap(DAY_SECONDS, 'How long the key pairs before it are still accepted'),
})

const rotateKeys = {
  method: 'post',
  path: '/applications/{id}/site-keys',
  summary: 'Makes a new key pair of a site, shown this once; those before it run out',
  request: {
    params: idInPath,
    body: optionalBody(rotation),
  },
  responses: {
    201: json(openObject({ public_key: text, private_key: text }), 'Made'),
    ...problems('not_found', 'no_secret_used', 'too_many_secrets'),
  },
} satisfies Operation

const listKeys = {
  method: 'get',
  path: '/applications/{id}/site-keys',
  summary: 'The key pairs of a site that are accepted now, without the private keys',
  request: { params: idInPath },
  responses: {
    200: json(
      openObject({
        site_keys: list(
          openObject({
            public_key: text,
            created_at: seconds,
            expires_at: nullable(seconds),
          }),
        ),
      }),
    ),
    ...problems('not_found'),
  },
} satisfies Operation

export function siteKeyRoutes(api: AdminApi, parts: AdminParts): void {
  const { audit, clock, applicationRegistry: registry, siteKeys } = parts

  api.serve(rotateKeys, async (c, { params, body }) => {
    const { id } = params
    const { overlap_seconds: overlapSeconds } = body
    const application = await registry.find(id)
    if (application === undefined) return answerProblem(c, 'not_found')
    if (application.sharedSessions === undefined) return answerProblem(c, 'no_secret_used')
    const rotated = await siteKeys.rotate(id, { overlapSeconds, now: clock() })
    if (!rotated.ok) {
      const isUnknown = rotated.refusal.code === 'unknown_application'
      return answerProblem(c, isUnknown ? 'not_found' : 'too_many_secrets')
    }
    await audit.record(c.get('facts'), {
      event: 'application.secret_rotated',
      actor: 'operator',
      facts: { application: id, public_key: rotated.value.publicKey },
    })
    return c.json(toWire(rotated.value), 201)
  })

  api.serve(listKeys, async (c, { params }) => {
    const { id } = params
    if ((await registry.find(id)) === undefined) return answerProblem(c, 'not_found')
    const listed = await siteKeys.list(id, clock())
    await recordRead(c, audit, 'site_keys')
    return c.json({ site_keys: listed.map((keys) => toWire(keys)) })
  })
}
