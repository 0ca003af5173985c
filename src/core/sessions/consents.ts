/**
 * Consents and connections as features see them; they live in the user's object, beside what they allow.
 * Disconnecting is not for features: `core/revocation/end-session.ts` does it and audits it.
 */
import { flatten } from '../../platform/ask-object.ts'
import { systemClock } from '../../platform/clock.ts'
import { ok } from '../../platform/refusal.ts'
import { askUserSessions } from './ask-user-sessions.ts'
import type { Consents } from './grant.ts'
import type { AskingParts } from './session-rules.ts'

export function createConsents({
  userSessions,
  rules: rulesAt = async () => ok(undefined),
}: Pick<AskingParts, 'userSessions' | 'rules'>): Consents {
  return {
    async read(userId, applicationId, now = systemClock()) {
      const ruled = await rulesAt(now)
      if (!ruled.ok) return ruled
      const question = { applicationId, rules: ruled.value }
      return askUserSessions(userSessions, userId, async (object) => object.readConsent(question))
    },
    async give({ userId, sid, consent, now }) {
      const ruled = await rulesAt(now)
      if (!ruled.ok) return ruled
      const question = { sid, consent, rules: ruled.value, now }
      return flatten(
        await askUserSessions(userSessions, userId, async (object) => object.giveConsent(question)),
      )
    },
    async connections(userId, now) {
      const ruled = await rulesAt(now)
      if (!ruled.ok) return ruled
      const question = { rules: ruled.value, now }
      return askUserSessions(userSessions, userId, async (object) =>
        object.listConnections(question),
      )
    },
  }
}
