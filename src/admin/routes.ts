/**
 * The management API: operators look after users, sessions and keys. Every route is under `/admin/api/` and
 * described in `/admin/api/openapi.json` (openapi.ts); all of them, that one too, want an admin API key, and
 * none looks at a cookie or is shared with another origin. What is refused has changed nothing.
 *
 * Sessions end by `core/revocation`; mass cut-offs go on in cut-off-drain.ts, on the queue.
 */
import { Hono } from 'hono'
import type { Context } from 'hono'
import type { Config } from '../config.ts'
import type { AuditTrail } from '../core/audit/audit.ts'
import type { CanaryRuns } from '../core/revocation/canary-runs.ts'
import type { CutOffDrain } from '../core/revocation/cut-off-drain.ts'
import type { CutOffRecords } from '../core/revocation/cut-off-progress.ts'
import type { CutOffs } from '../core/revocation/cut-offs.ts'
import type { DisableUser } from '../core/revocation/disable-user.ts'
import type { EndSession } from '../core/revocation/end-session.ts'
import type { Sessions } from '../core/sessions/sessions.ts'
import type { KeyOperations } from '../core/tokens/key-operations.ts'
import type { UserDirectory } from '../core/users/user-directory.ts'
import type { Clock } from '../platform/clock.ts'
import type { Doors } from '../platform/doors.ts'
import type { RequestVariables } from '../platform/request-facts.ts'
import { checkOperator } from './check-operator.ts'
import { endSessionsOfMany, listCutOffs, showProgress } from './manage-cut-offs.ts'
import { compromiseKey, listKeys, rotateKeys } from './manage-keys.ts'
import * as manageUsers from './manage-users.ts'
import { openApiDocument } from './openapi.ts'
import { answerProblem } from './problem.ts'
import { readQuery } from './read-query.ts'
import { recordRead } from './record-read.ts'
import { showCanaryRun, showEvent } from './shown.ts'

export interface AdminParts {
  readonly config: Config
  readonly clock: Clock
  readonly audit: AuditTrail
  readonly doors: Doors
  readonly people: UserDirectory
  readonly sessions: Pick<Sessions, 'list'>
  readonly ends: EndSession
  readonly disableUser: DisableUser
  readonly keyOperations: KeyOperations
  readonly cutOffs: CutOffs
  readonly cutOffRecords: CutOffRecords
  readonly cutOffDrain: Pick<CutOffDrain, 'start'>
  readonly canaryRuns: Pick<CanaryRuns, 'list'>
}

export type AdminContext = Context<{ Variables: RequestVariables }>

export const ADMIN_PATH = '/admin/api'

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
    // What no route has taken, in the words of this API; `Allow` stays.
    else if (c.res.status === 405) c.res = answerProblem(c, 'method_not_allowed')
    else if (c.res.status === 404) c.res = answerProblem(c, 'not_found')
    c.header('Cache-Control', 'no-store')
    return undefined
  })

  app.get(`${ADMIN_PATH}/openapi.json`, (c) => c.json(openApiDocument(config.issuer)))

  app.get(`${ADMIN_PATH}/users`, (c) => manageUsers.searchUsers(c, parts))
  app.get(`${ADMIN_PATH}/users/:id`, (c) => manageUsers.showOneUser(c, parts))
  app.post(`${ADMIN_PATH}/users/:id/disable`, (c) => manageUsers.disableOneUser(c, parts))
  app.post(`${ADMIN_PATH}/users/:id/enable`, (c) => manageUsers.enableOneUser(c, parts))
  app.get(`${ADMIN_PATH}/users/:id/sessions`, (c) => manageUsers.listSessions(c, parts))
  app.delete(`${ADMIN_PATH}/users/:id/sessions`, (c) => manageUsers.endAllSessions(c, parts))
  app.delete(`${ADMIN_PATH}/users/:id/sessions/:sid`, (c) => manageUsers.endOneSession(c, parts))

  app.get(`${ADMIN_PATH}/keys`, (c) => listKeys(c, parts))
  app.post(`${ADMIN_PATH}/keys/rotate`, (c) => rotateKeys(c, parts))
  app.post(`${ADMIN_PATH}/keys/:kid/compromise`, (c) => compromiseKey(c, parts))

  app.get(`${ADMIN_PATH}/cut-offs`, (c) => listCutOffs(c, parts))
  app.post(`${ADMIN_PATH}/cut-offs`, (c) => endSessionsOfMany(c, parts))
  app.get(`${ADMIN_PATH}/cut-offs/:id`, (c) => showProgress(c, parts))

  app.get(`${ADMIN_PATH}/audit`, async (c) => {
    const query = readQuery(c.req.url, ['user'])
    if (!query.ok) return answerProblem(c, query.refusal.code)
    const { values, page } = query.value
    const before = page.cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(page.cursor)
    if (!Number.isSafeInteger(before) || before < 0) return answerProblem(c, 'invalid_request')
    const events = await audit.list({ userId: values.user, before, limit: page.limit })
    await recordRead(c, parts, 'audit')
    const isFull = events.length === page.limit
    const next = isFull ? String(events.at(-1)?.id) : null
    return c.json({ events: events.map(showEvent), next_cursor: next })
  })

  app.get(`${ADMIN_PATH}/canary`, async (c) => {
    const runs = await parts.canaryRuns.list()
    await recordRead(c, parts, 'canary')
    return c.json({ runs: runs.map(showCanaryRun) })
  })

  return app
}
