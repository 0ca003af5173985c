/** The runtime's entry: requests, messages, the cron, Durable Objects and the entrypoint for other Workers. Nothing else. */
import { receiveMessages, runChores } from './background.ts'
import type { CutOffMessage } from './core/revocation/cut-off-drain.ts'
import { gatewayFor } from './gateway.ts'

export { AccessCheck } from './access-check-entrypoint.ts'
export { ClaimedReferences } from './core/references/claimed-references.ts'
export { OneTimeReference } from './core/references/one-time-reference.ts'
export { ProviderMetadata } from './core/identity-providers/provider-metadata.ts'
export { UserSessions } from './core/revocation/user-sessions.ts'
export { KeyRing } from './core/tokens/key-ring.ts'

export default {
  fetch: (request, env, context) => gatewayFor(env).fetch(request, env, context),
  queue: receiveMessages,
  scheduled: (_controller, env, context) => runChores(env, context),
} satisfies ExportedHandler<Env, CutOffMessage>
