/** What runs without a request: the queue of mass cut-offs, and the cron. */
import { receiveBatch } from './core/revocation/cut-off-drain.ts'
import type { CutOffMessage } from './core/revocation/cut-off-drain.ts'
import { gatewayFor } from './gateway.ts'
import { describeThrown, log } from './platform/log.ts'
import { randomId } from './platform/random.ts'
import type { RequestFacts } from './platform/request-facts.ts'

const factsOf = (context: ExecutionContext, who: string): RequestFacts => ({
  requestId: randomId(),
  clientKey: who,
  waitUntil: (work) => context.waitUntil(work),
  continent: undefined,
})

export async function receiveMessages(
  batch: MessageBatch<CutOffMessage>,
  env: Env,
  context: ExecutionContext,
): Promise<void> {
  const { core } = gatewayFor(env)
  // Not taken: the messages come again when the configuration is right.
  if (core === undefined) return batch.retryAll({ delaySeconds: 60 })
  await receiveBatch(core.cutOffDrain, batch, factsOf(context, 'queue'))
}

/** Each chore for itself: one that fails keeps none of the others from being done. The slow ones come last. */
export async function runChores(env: Env, context: ExecutionContext): Promise<void> {
  const { core } = gatewayFor(env)
  if (core === undefined) return
  const facts = factsOf(context, 'cron')
  const { clock } = core
  const chores: Readonly<Record<string, () => Promise<unknown>>> = {
    stalled_cut_offs: () => core.cutOffDrain.restart(clock()),
    upstream_sessions: () => core.users.forgetUpstreamSessions(clock()),
    early_logouts: () => core.earlyLogouts.forgetExpired(clock()),
    site_sessions: () => core.siteSessions.forgetExpired(clock()),
    undelivered_logouts: () => core.deliveries.forgetOld(clock()),
    site_connections: () => core.siteConnections.forgetExpired(clock()),
    handoff_sessions: () => core.handoffSessions.forgetExpired(clock()),
    removed_applications: () => core.applications.forgetRemoved(clock()),
    audit_events: () => core.audit.forgetOlderThan(clock() - core.config.auditRetentionSeconds),
    pending_disables: () => core.disableUser.retryPending(facts, clock()),
    pending_removals: () => core.removeSiteUser.retryPending(facts, clock()),
    canary: () => core.canary.run(facts, clock()),
  }
  for (const [chore, work] of Object.entries(chores)) {
    try {
      await work()
      log('info', { event: 'chore.done', request_id: facts.requestId, chore })
    } catch (thrown) {
      const error = describeThrown(thrown)
      log('error', { event: 'chore.failed', request_id: facts.requestId, chore, error })
    }
  }
}
