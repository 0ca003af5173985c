/**
 * The door of the management API, by which operators look after users, sessions, applications and keys. Every
 * route is under `/admin/api/` (api/routes.ts) and wants an admin API key, the description too; none looks at a
 * cookie or is shared with another origin. What is refused has changed nothing.
 *
 * `GET /admin` is the operators' page, which has nothing in it before its script is given a key.
 */
import { Hono } from 'hono'
import type { RequestVariables } from '../platform/request-facts.ts'
import { ADMIN_PATH } from './admin-parts.ts'
import type { AdminParts } from './admin-parts.ts'
import { createAdminApi } from './api/routes.ts'
import { checkOperator } from './check-operator.ts'
import { OperatorsPage } from './operators-page.tsx'
import { answerProblem } from './problem.ts'

export function adminRoutes(parts: AdminParts) {
  const { config, audit, doors } = parts
  const app = new Hono<{ Variables: RequestVariables }>()

  app.use(`${ADMIN_PATH}/*`, async function operatorsOnly(c, next) {
    const facts = c.get('facts')
    const door = await doors.mayEnter('admin', facts)
    if (!door.ok) {
      await audit.record(facts, { event: 'rate.limited', refusal: door.refusal })
      return answerProblem(c, 'rate_limited')
    }
    const operator = await checkOperator(c.req.header('authorization'), config.secrets)
    if (!operator.ok) {
      await audit.record(facts, { event: 'operator.refused', refusal: operator.refusal })
      return answerProblem(c, 'unauthorized')
    }
    await next()
    // The directory did not answer, as a rule. It is in the log; whatever was asked may be asked again.
    if (c.error !== undefined) c.res = answerProblem(c, 'unavailable')
    c.header('Cache-Control', 'no-store')
    return undefined
  })

  // Made when an operator first asks: most isolates never see one.
  let api: ReturnType<typeof createAdminApi> | undefined
  app.all(`${ADMIN_PATH}/*`, (c) => {
    api ??= createAdminApi(parts)
    return api.fetch(c.req.raw, { facts: c.get('facts') })
  })

  app.get('/admin', (c) => {
    c.header('Cache-Control', 'no-store')
    return c.html(<OperatorsPage nonce={c.get('secureHeadersNonce')} />)
  })

  return app
}
