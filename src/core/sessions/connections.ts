import type { EpochSeconds } from '../../platform/clock.ts'
import { allConsents } from './consents-table.ts'
import type { Connection, Handoff } from './grant.ts'
import { listLive } from './live-session.ts'
import { participations } from './participants-table.ts'
import { isConsentOver } from './session-rules.ts'
import type { Ruled } from './session-rules.ts'
import type { UserRow } from './user-table.ts'

/** The applications that a user is connected to: by consent, or by taking part in a live session. */
export function listConnections(
  sql: SqlStorage,
  user: UserRow,
  question: Ruled & { readonly now: EpochSeconds },
): Connection[] {
  const live = new Set(listLive(sql, user, question).map(({ sid }) => sid))
  const parts = participations(sql).filter(
    ({ sid, end, protocol }) => end === undefined && live.has(sid) && protocol === 'openid',
  )
  const consents = allConsents(sql).filter((consent) => !isConsentOver(consent, question.rules))
  const ids = new Set([...consents, ...parts].map(({ applicationId }) => applicationId))
  return [...ids].map((applicationId) => {
    const isOfIt = (row: { readonly applicationId: string }) => row.applicationId === applicationId
    const given = consents.find(isOfIt)
    const taking = parts.filter(isOfIt)
    const usedAt = [given?.lastUsedAt ?? 0, ...taking.map(({ lastAt }) => lastAt)]
    const scope = [given?.scope ?? [], ...taking.map((part) => part.scope)].flat()
    return {
      applicationId,
      consent: given && {
        applicationId,
        scope: given.scope,
        claims: given.claims,
        resources: given.resources,
        givenAt: given.givenAt,
      },
      scope: [...new Set(scope)],
      lastUsedAt: Math.max(...usedAt) || undefined,
      sids: taking.map(({ sid }) => sid),
    }
  })
}

/** The services that a user is signed in to by a hand-off. */
export function listHandoffs(
  sql: SqlStorage,
  user: UserRow,
  question: Ruled & { readonly now: EpochSeconds },
): Handoff[] {
  const live = new Set(listLive(sql, user, question).map(({ sid }) => sid))
  const parts = participations(sql).filter(
    ({ sid, end, protocol }) => end === undefined && live.has(sid) && protocol === 'handoff',
  )
  return [...Map.groupBy(parts, ({ applicationId }) => applicationId)].map(
    ([applicationId, taking]) => ({
      applicationId,
      lastAt: Math.max(...taking.map(({ lastAt }) => lastAt)),
      sids: taking.map(({ sid }) => sid),
    }),
  )
}
