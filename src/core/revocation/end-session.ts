/**
 * The one way a session ends. Whoever asks for it, a person, a provider, an application or an operator,
 * asks here: the user's object commits the end and publishes it, and the audit trail tells of it. Only a
 * session that runs out, or gives way to a newer one, ends without being asked; the object does that
 * itself, by the same rows and with a log line of the same name.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok } from '../../platform/refusal.ts'
import type { Refusal, Result } from '../../platform/refusal.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import type { HandoffSessions } from '../applications/handoff-sessions.ts'
import type { Audit } from '../audit/audit.ts'
import type { ProviderLogout, ProviderLogoutOutcome } from '../sessions/end-for-provider.ts'
import type { EndOfApplication } from '../sessions/grant-ends.ts'
import type { EndBefore, EndOfOne } from '../sessions/session-ends.ts'
import type { EndCause, SessionId, UserId } from '../sessions/session.ts'
import type { Sessions } from '../sessions/sessions.ts'

export interface EndSession {
  /**
   * Ends one session; one of the person's own takes the shared ones along at a sign-out. Once it is answered,
   * nothing can be minted from the session and `strict` refuses its tokens. `ended` is false, and nothing is audited, when it had ended before. `unavailable` leaves it
   * open whether the end was committed: ask again, it is idempotent.
   */
  endSession(
    facts: RequestFacts,
    input: {
      userId: UserId
      sid: SessionId
      cause: EndCause
      /** A participant, which is then not told. */
      askedBy?: EndOfOne['askedBy']
      /** Of nobody's session: logged, not stored. */
      isRoutine?: boolean
      now: EpochSeconds
    },
  ): Promise<Result<{ ended: boolean }, 'unavailable'>>
  /** Ends all sessions of a user but `sid`, one by one in one transaction: the epoch is that of the kept one too. */
  endOtherSessions(
    facts: RequestFacts,
    input: { userId: UserId; sid: SessionId; cause: EndCause; now: EpochSeconds },
  ): Promise<Result<{ ended: number }, 'unavailable'>>
  /** Ends all sessions of a user, and every token minted before, at a cost that does not grow with their number. */
  endAllSessions(
    facts: RequestFacts,
    input: { userId: UserId; cause: EndCause; now: EpochSeconds },
  ): Promise<Result<{ ended: number; epoch: number }, 'unavailable'>>
  /** Ends the sessions of a user that a mass cut-off concerns. Doing it again does nothing. */
  endSessionsBefore(
    facts: RequestFacts,
    input: { userId: UserId; end: EndBefore; cutOffId: string; now: EpochSeconds },
  ): Promise<Result<{ ended: number }, 'unavailable'>>
  /** Ends what an application had of a user when it was cut off. Doing it again does nothing. */
  endForApplication(
    facts: RequestFacts,
    input: { userId: UserId; end: EndOfApplication; cutOffId: string; now: EpochSeconds },
  ): Promise<Result<{ ended: number }, 'unavailable'>>
  /**
   * Withdraws the person's consent, and ends all grants and tokens of the application, which is told as at a
   * logout; an `api_sid` of before is nobody's then. `isChanged` is false, and nothing is audited, when it had
   * nothing.
   */
  disconnectApplication(
    facts: RequestFacts,
    input: { userId: UserId; applicationId: string; now: EpochSeconds },
  ): Promise<Result<{ readonly isChanged: boolean }, 'unavailable'>>
  /**
   * Ends what an identity provider says has ended, of one user. A logout token counts once: with the same
   * one nothing happens, and another one of the same `jti` is refused.
   */
  endForProvider(
    facts: RequestFacts,
    input: { userId: UserId; logout: ProviderLogout; now: EpochSeconds },
  ): Promise<Result<ProviderLogoutOutcome, 'jti_reused' | 'unavailable'>>
  /** Ends all sessions of a user and lets none open, until `sessions.enable`. */
  disableUser(
    facts: RequestFacts,
    input: { userId: UserId; now: EpochSeconds },
  ): Promise<Result<{ ended: number; epoch: number }, 'unavailable'>>
}

export function createEndSession({
  sessions,
  handoffSessions,
  audit,
}: {
  handoffSessions: Pick<HandoffSessions, 'forget'>
  sessions: Pick<
    Sessions,
    | 'end'
    | 'endOthers'
    | 'endAll'
    | 'endBefore'
    | 'endForApplication'
    | 'endForProvider'
    | 'disable'
  >
  audit: Audit
}): EndSession {
  /**
   * Somebody asked for an end and nothing was heard of it. It may have been done all the same, and whoever asks again
   * then finds nothing to end.
   */
  const auditUnconfirmed = (
    facts: RequestFacts,
    { userId, sid, cause }: { userId: UserId; sid?: SessionId; cause: EndCause },
    refusal: Refusal,
  ) =>
    audit.record(facts, {
      event: 'sessions.end_unconfirmed',
      ...actorOf(cause),
      userId,
      ...(sid !== undefined && { sid }),
      refusal,
      facts: { cause },
    })

  async function auditAll<Outcome extends { ended: number }>(
    facts: RequestFacts,
    userId: UserId,
    cause: EndCause,
    outcome: Result<Outcome, 'unavailable'>,
  ): Promise<typeof outcome> {
    if (outcome.ok && (outcome.value.ended > 0 || cause === 'user_disabled')) {
      const { ended } = outcome.value
      await audit.record(facts, {
        event: 'sessions.ended',
        ...actorOf(cause),
        userId,
        facts: { cause, ended },
      })
    }
    if (!outcome.ok) await auditUnconfirmed(facts, { userId, cause }, outcome.refusal)
    return outcome
  }

  return {
    async endSession(facts, { userId, sid, cause, askedBy, isRoutine = false, now }) {
      const outcome = await sessions.end(userId, sid, cause, now, askedBy)
      if (!outcome.ok) {
        if (!isRoutine) await auditUnconfirmed(facts, { userId, sid, cause }, outcome.refusal)
        return outcome
      }
      const { sids } = outcome.value
      for (const each of sids) {
        await audit.record(facts, {
          event: 'session.ended',
          ...actorOf(cause),
          userId,
          sid: each,
          isRoutine,
          facts: { cause },
        })
      }
      return ok({ ended: sids.length > 0 })
    },
    endOtherSessions: async (facts, { userId, sid, cause, now }) =>
      auditAll(facts, userId, cause, await sessions.endOthers(userId, sid, cause, now)),
    endAllSessions: async (facts, { userId, cause, now }) =>
      auditAll(facts, userId, cause, await sessions.endAll(userId, cause, now)),
    async endSessionsBefore(facts, { userId, end, cutOffId, now }) {
      const outcome = await sessions.endBefore(userId, end, now)
      if (outcome.ok && outcome.value.ended > 0) {
        await audit.record(facts, {
          event: 'sessions.ended',
          actor: 'operator',
          userId,
          facts: { cause: end.cause, ended: outcome.value.ended, cut_off: cutOffId },
        })
      }
      return outcome
    },
    async endForApplication(facts, { userId, end, cutOffId, now }) {
      const outcome = await sessions.endForApplication(userId, end, now)
      if (outcome.ok && outcome.value.isChanged) {
        const { cause, applicationId: application } = end
        const { ended, grants } = outcome.value
        await audit.record(facts, {
          event: 'application.ended',
          actor: 'operator',
          userId,
          facts: { cause, application, ended, grants, cut_off: cutOffId },
        })
      }
      return outcome
    },
    async disconnectApplication(facts, { userId, applicationId, now }) {
      // Before the object: a service that acknowledges meanwhile looks here again when it has been noted there.
      const forgotten = await handoffSessions.forget(userId, applicationId)
      const outcome = await sessions.endForApplication(
        userId,
        { applicationId, cause: 'person' },
        now,
      )
      if (outcome.ok && outcome.value.isChanged) {
        await audit.record(facts, {
          event: 'application.disconnected',
          userId,
          facts: { application: applicationId },
        })
      }
      if (!outcome.ok) await auditUnconfirmed(facts, { userId, cause: 'person' }, outcome.refusal)
      return forgotten.ok ? outcome : forgotten
    },
    async endForProvider(facts, { userId, logout, now }) {
      const { cause, scope } = logout
      const outcome = await sessions.endForProvider(userId, logout, now)
      if (!outcome.ok) {
        const { refusal } = outcome
        if (refusal.code === 'unavailable')
          await auditUnconfirmed(facts, { userId, cause }, refusal)
        return outcome
      }
      const { ended, sids } = outcome.value
      if (scope === 'user' && ended > 0) {
        await audit.record(facts, { event: 'sessions.ended', userId, facts: { cause, ended } })
      }
      for (const sid of sids) {
        await audit.record(facts, { event: 'session.ended', userId, sid, facts: { cause } })
      }
      return outcome
    },
    disableUser: async (facts, { userId, now }) =>
      auditAll(facts, userId, 'user_disabled', await sessions.disable(userId, now)),
  }
}

/** Causes that only an operator's decision can have. */
const actorOf = (cause: EndCause): { actor?: 'operator' } =>
  cause === 'operator' || cause === 'user_disabled' ? { actor: 'operator' } : {}
