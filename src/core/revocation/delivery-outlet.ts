import type { Audit } from '../audit/audit.ts'
import type { AuditEvent } from '../audit/audit-event.ts'
import type { Delivery, DeliveryOutlet } from '../sessions/delivery.ts'
import type { SendLogout } from './logout-sender.ts'
import type { UndeliveredLogouts } from './undelivered-logouts.ts'

/** The way out of a user's object: what leaves it, and what the audit trail tells of that. */
export function createDeliveryOutlet(parts: {
  readonly send: SendLogout
  readonly undelivered: Pick<UndeliveredLogouts, 'keep'>
  readonly audit: Audit
  readonly waitUntil: (work: Promise<unknown>) => void
}): DeliveryOutlet {
  const { send, undelivered, audit, waitUntil } = parts

  /** No request has asked for it: what the events of one delivery have in common is its id. */
  const record = (delivery: Delivery, event: AuditEvent) =>
    audit.record(
      { requestId: delivery.id, clientKey: 'delivery', waitUntil, continent: undefined },
      {
        ...event,
        userId: delivery.userId,
        sid: delivery.sid,
        facts: { application: delivery.applicationId, attempts: delivery.attempts },
      },
    )

  return {
    async send(delivery) {
      const outcome = await send(delivery)
      if (outcome.kind === 'told') await record(delivery, { event: 'logout.delivered' })
      return outcome
    },
    async keepUndelivered(delivery, givenUpAt) {
      await undelivered.keep(delivery, givenUpAt)
      const refusal = { code: delivery.lastError ?? 'unknown' }
      await record(delivery, { event: 'logout.not_delivered', refusal })
    },
  }
}
