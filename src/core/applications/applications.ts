/**
 * Registered applications, as the rest of the house asks about them. Read from the directory each time, so that a
 * change or a disabling holds for whatever is issued next; what is asked at every request is in
 * known-applications.ts. Operators register and change them by application-registry.ts.
 */
import { askDirectory } from '../../platform/ask-directory.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { exceptionalGrants } from './application.ts'
import type {
  Application,
  Applications,
  Backchannel,
  HandoffApplication,
  OAuthApplication,
  OAuthClient,
} from './application.ts'
import { isApplicationId } from './application-id.ts'
import { createApplicationsTable } from './applications-table.ts'

export function createApplications(directory: D1Database): Applications {
  const table = createApplicationsTable(directory)

  const find: Applications['find'] = async (id) => {
    if (!isApplicationId(id)) return refuse('unknown_application')
    return askDirectory(async () => {
      const application = await table.find(id)
      return application === undefined ? refuse('unknown_application') : ok(application)
    })
  }

  /** An application as it is registered, or was when it was removed. */
  async function findLast(
    id: string,
  ): Promise<
    Result<Pick<Application, 'oauth' | 'handoff'>, 'unknown_application' | 'unavailable'>
  > {
    const found = await find(id)
    const isGone = !found.ok && found.refusal.code === 'unknown_application'
    if (!isGone || !isApplicationId(id)) return found
    return askDirectory(async () => {
      const removed = await table.findRemoved(id)
      return removed === undefined ? found : ok(removed)
    })
  }

  return {
    find,
    forgetRemoved: (now) => table.forgetRemoved(now),

    async findOAuthClient(id) {
      const found = await find(id)
      if (!found.ok) return found
      const { status, oauth } = found.value
      if (status !== 'active' || oauth === undefined) return refuse('unknown_application')
      return ok(found.value as OAuthApplication)
    },

    async findHandoffService(id) {
      const found = await find(id)
      if (!found.ok) return found
      const { status, handoff } = found.value
      if (status !== 'active' || handoff === undefined) return refuse('unknown_application')
      return ok(found.value as HandoffApplication)
    },

    listHandoffServices: () => askDirectory(async () => ok(await table.listHandoffServices())),

    async findBackchannel(id) {
      const last = await findLast(id)
      return last.ok ? ok(backchannelOf(last.value.oauth)) : last
    },

    async findHandoffLogoutUrl(id) {
      const last = await findLast(id)
      return last.ok ? ok(last.value.handoff?.logoutUrl) : last
    },

    exceptionalGrantsInUse: () =>
      askDirectory(async () => {
        const inUse = await table.grantTypesBesideExceptional()
        return ok(exceptionalGrants.filter((grant) => inUse.includes(grant)))
      }),

    async namesOf(ids) {
      const known = [...new Set(ids.filter(isApplicationId))]
      if (known.length === 0) return new Map()
      const named = await askDirectory(async () => ok(await table.names(known)))
      return new Map(named.ok ? named.value.map(({ id, name }) => [id, name]) : [])
    },
  }
}

const backchannelOf = (oauth: OAuthClient | undefined): Backchannel => ({
  uri: oauth?.backchannelLogoutUri,
  alg: oauth?.idTokenSignedResponseAlg ?? 'RS256',
})
