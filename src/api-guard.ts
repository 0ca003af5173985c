/**
 * The guard of the gateway's own APIs for a Worker of yours on the same account: it checks each request in that
 * Worker, at the same levels and by the same code, and asks the gateway only for its public keys and cut-offs,
 * every half minute. README, "Protect an API", has the bindings.
 */
import type { GuardRules } from './access-check-entrypoint.ts'
import { createEventLog } from './core/audit/event-log.ts'
import { createAccessChecks } from './core/revocation/check-access.ts'
import { createRequireUser } from './core/revocation/require-user.ts'
import type { GuardedContext, RequireUser } from './core/revocation/require-user.ts'
import { createRevocation } from './core/revocation/revocation.ts'
import { createTokenVerifier } from './core/tokens/access-tokens.ts'
import { createPublicKeys } from './core/tokens/public-keys.ts'
import { systemClock } from './platform/clock.ts'
import type { LogLine } from './platform/log.ts'
import { ok } from './platform/refusal.ts'
import type { Result } from './platform/refusal.ts'
import { FactsOfRequest } from './platform/request-facts.ts'

/** Of the gateway's entrypoint `AccessCheck`. */
export interface GuardRulesSource {
  rules(kid?: string): Promise<Result<GuardRules>>
}

export interface ApiGuardParts {
  /** The entrypoint `AccessCheck`, bound with the `props` that name this Worker. */
  readonly gateway: GuardRulesSource
  /** The gateway's KV namespace `REVOCATION` and its Durable Objects `UserSessions`. */
  readonly revocation: KVNamespace
  readonly userSessions: Env['USER_SESSIONS']
  /** The gateway's `ISSUER` and the audience of its access tokens. */
  readonly issuer: string
  readonly audience: string
  /** Where this API is served, as its callers see it: `https://api.example.com`. */
  readonly origin: string
  /** The other origins whose pages may call it. */
  readonly allowedOrigins?: readonly string[]
  /**
   * Takes the one line that each decision leaves; to the console, unless said otherwise. An API that writes a line
   * per request anyway puts the decision into that one: `line.event` is `access.accepted` or `access.refused`.
   */
  readonly log?: (level: 'info' | 'warn', line: LogLine, c: GuardedContext) => void
}

/** Middleware as in the gateway; the handlers behind it find the claims in `c.get('access')`. */
export function createApiGuard(parts: ApiGuardParts): RequireUser {
  const { gateway, issuer, audience, origin, allowedOrigins = [], log: writeLine } = parts
  const events = createEventLog()
  let providerIds: readonly string[] = []
  const keys = createPublicKeys([
    {
      isAuthority: false,
      whenThrown: { level: 'error', event: 'guard.gateway_not_reached' },
      async read(now, kid) {
        const answer = await gateway.rules(kid)
        if (!answer.ok) throw new Error(answer.refusal.code)
        const { record, at } = answer.value
        providerIds = answer.value.providerIds
        // Another machine's clock may be ahead of ours; what is ahead would count as too old.
        return { record, at: Math.min(at, now) }
      },
    },
  ])
  const revocation = createRevocation({
    hints: parts.revocation,
    userSessions: parts.userSessions,
    async rules(now) {
      const cutOffs = await keys.cutOffs(now)
      return cutOffs.ok ? ok({ cutOffs: cutOffs.value, providerIds }) : cutOffs
    },
  })
  const requireUser = createRequireUser({
    origin,
    allowedOrigins,
    clock: systemClock,
    record: (c, event) =>
      events.record(
        c.get('facts'),
        event,
        writeLine && ((level, line) => writeLine(level, line, c)),
      ),
    accessChecks: createAccessChecks({
      accessTokens: createTokenVerifier({ issuer, audience }, keys),
      revocation,
    }),
  })
  return (options) => {
    const guard = requireUser(options)
    return function apiGuard(c, next) {
      c.set('facts', new FactsOfRequest(c))
      return guard(c, next)
    }
  }
}
