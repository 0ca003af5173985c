/**
 * A user's object as it is deployed: that of core/sessions, with its way out to applications and to the list
 * that operators read. The way out is built at its first use; most objects never need it.
 */
import { parseConfig } from '../../config.ts'
import type { Config } from '../../config.ts'
import { systemClock } from '../../platform/clock.ts'
import { limitQueries } from '../../platform/limit-queries.ts'
import { createOutboundFetch } from '../../platform/outbound-fetch.ts'
import { createApplications } from '../applications/applications.ts'
import { createAudit } from '../audit/audit.ts'
import type { DeliveryOutlet } from '../sessions/delivery.ts'
import type { ParticipantProtocol } from '../sessions/grant.ts'
import { UserSessions as UserSessionsBase } from '../sessions/user-sessions.ts'
import { createKeys } from '../tokens/keys.ts'
import { createSignedClaims } from '../tokens/sign-claims.ts'
import { createDeliveryOutlet } from './delivery-outlet.ts'
import { createHostSender, createServiceSender } from './handoff-sender.ts'
import { createLogoutSender } from './logout-sender.ts'
import type { SendLogout } from './logout-sender.ts'
import { createUndeliveredLogouts } from './undelivered-logouts.ts'

export class UserSessions extends UserSessionsBase {
  constructor(ctx: DurableObjectState, env: Env) {
    let outlet: DeliveryOutlet | undefined
    super(ctx, env, () => {
      outlet ??= createDeliveryOutlet({
        ...outsideOf(env),
        waitUntil: (work) => ctx.waitUntil(work),
      })
      return outlet
    })
  }
}

type Outside = Omit<Parameters<typeof createDeliveryOutlet>[0], 'waitUntil'>

const outsides = new WeakMap<Env, Outside>()

/** One for all objects of an isolate: they share the public keys that are held in memory. */
function outsideOf(env: Env): Outside {
  let outside = outsides.get(env)
  if (outside === undefined) {
    const parsed = parseConfig(env as unknown as Record<string, unknown>)
    // Nothing is sent until the configuration is right; the deliveries wait.
    if (!parsed.ok) throw new Error('the configuration is not valid')
    outside = buildOutside(parsed.config, env)
    outsides.set(env, outside)
  }
  return outside
}

function buildOutside(config: Config, env: Env): Outside {
  const keys = createKeys({
    keyRing: env.KEY_RING,
    published: env.REVOCATION,
    keyEncryptionKey: config.secrets.keyEncryptionKey,
  })
  const directory = limitQueries(env.DIRECTORY)
  const applications = createApplications(directory)
  const outbound = createOutboundFetch({ ownOrigin: config.issuer })
  // Applications on this machine are told in development only, where we are on it ourselves.
  const urlRules = { allowInsecureHttp: !config.isHttps }
  const senders: Readonly<Record<ParticipantProtocol, SendLogout>> = {
    openid: createLogoutSender({
      issuer: config.issuer,
      applications,
      signedClaims: createSignedClaims({ config, keys }),
      outbound,
      urlRules,
      clock: systemClock,
    }),
    handoff: createServiceSender({ applications, outbound, urlRules }),
    handoff_host: createHostSender({ hosts: config.handoffHosts, outbound }),
  }
  return {
    send: (delivery) => senders[delivery.protocol](delivery),
    undelivered: createUndeliveredLogouts(directory),
    audit: createAudit(directory, systemClock),
  }
}
