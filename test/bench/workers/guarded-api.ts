/**
 * An API behind our guard, at each of the three levels: /cached/logged writes the decision's own line, /cached leaves
 * it to a line that the API would write anyway.
 */
import { Hono } from 'hono'
import { createApiGuard } from '../../../src/api-guard.ts'
import type { ApiGuardParts } from '../../../src/api-guard.ts'
import type { AccessVariables } from '../../../src/core/revocation/require-user.ts'

import type { LogLine } from '../../../src/platform/log.ts'

interface Bindings {
  readonly DRAWBRIDGE: ApiGuardParts['gateway']
  readonly REVOCATION: KVNamespace
  readonly USER_SESSIONS: Env['USER_SESSIONS']
  readonly ISSUER: string
  readonly AUDIENCE: string
}

/** What the API's own line would hold. */
const last: { line?: LogLine } = {}

let app: Hono<{ Variables: AccessVariables }> | undefined

export default {
  fetch(request, env, context) {
    app ??= buildApp(env)
    return app.fetch(request, env, context)
  },
} satisfies ExportedHandler<Bindings>

function buildApp(env: Bindings) {
  const parts = {
    gateway: env.DRAWBRIDGE,
    revocation: env.REVOCATION,
    userSessions: env.USER_SESSIONS,
    issuer: env.ISSUER,
    audience: env.AUDIENCE,
    origin: 'https://api.example',
  }
  const logged = createApiGuard(parts)
  const requireUser = createApiGuard({ ...parts, log: (_, line) => void (last.line = line) })
  const built = new Hono<{ Variables: AccessVariables }>()
  for (const level of ['cached', 'bounded', 'strict'] as const) {
    built.get(`/${level}`, requireUser({ level }), (c) => c.json({ sub: c.get('access').sub }))
    built.get(`/${level}/logged`, logged({ level }), (c) => c.json({ sub: c.get('access').sub }))
  }
  return built
}
