/**
 * People: who they are to us, and how they are known to identity providers. Their tables are in
 * users-table.ts. The sign-in feature asks here whose
 * account a verified identity opens; `core/sessions` then opens the session.
 *
 * The account is a function of (issuer, subject). An e-mail address decides nothing, with one exception: a
 * *first* sign-in may be linked to an existing account when the provider is configured for it and both
 * sides have the address verified by a provider that is authoritative for its domain. One that is not could
 * otherwise claim somebody's address first and have the rightful owner led into the claimant's account.
 */
import { askDirectory } from '../../platform/ask-directory.ts'
import { randomId } from '../../platform/random.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { UserId } from '../sessions/session.ts'
import { credentialRemoval } from './local-credentials.ts'
import { parseProfileClaims } from './profile-claims.ts'
import type { ProfileClaims, UntrustedClaims } from './profile-claims.ts'
import { siteSessionRemoval } from './site-sessions-table.ts'
import { isLeaving, siteUserRemoval, stayingSiteUser } from './site-users-table.ts'
import {
  findUsersByUpstreamSession,
  forgetUpstreamSessions,
  upstreamSessionIndexing,
} from './upstream-sessions.ts'
import type { Users, Voucher } from './user.ts'
import {
  admitIdentity,
  attachIdentity,
  findUserByIdentity,
  findUserRow,
  localUserInsertion,
  markDisableConfirmed,
  markDisabled,
  markEnabled,
  userFromRow,
  userRemovals,
} from './users-table.ts'
import type { UserRow } from './users-table.ts'

export function createUsers(directory: D1Database): Users {
  return {
    async signIn(identity) {
      const profile = parseProfileClaims(identity.claims)
      if (!isEmailDomainAllowed(profile, identity.provider))
        return refuse('email_domain_not_allowed')
      return askDirectory(async () => {
        const newId = randomId() as UserId
        const indexing = upstreamSessionIndexing(directory, identity)
        const known = await admitIdentity(directory, identity, profile, newId, indexing)
        if (known === undefined) return refuse('link_conflict')
        const { row, isLinked } = known
        return admitted(row, { isNew: row.id === newId, isLinked })
      })
    },

    async attach(identity, { userId, userToken }) {
      const profile = parseProfileClaims(identity.claims)
      if (!isEmailDomainAllowed(profile, identity.provider))
        return refuse('email_domain_not_allowed')
      return askDirectory(async () => {
        try {
          await attachIdentity(directory, identity, userId, stayingSiteUser(directory, userToken))
        } catch (thrown) {
          if (isLeaving(thrown)) return refuse('unknown_user')
          throw thrown
        }
        const [holder] = await findUserByIdentity(directory, identity.issuer, identity.subject)
        if (holder !== userId) return refuse('link_conflict')
        const known = await admitIdentity(directory, identity, profile, randomId() as UserId, [])
        return known?.row.id === userId ? admitted(known.row, {}) : refuse('link_conflict')
      })
    },

    async find(id) {
      const row = await findUserRow(directory, id)
      return row === null ? undefined : userFromRow(row)
    },

    async create({ profile, credential }, now) {
      const id = randomId() as UserId
      try {
        await directory.batch([localUserInsertion(directory, id, profile, now), credential(id)])
        return ok(id)
      } catch (thrown) {
        const [, column] =
          /UNIQUE constraint failed: (?:users|local_credentials)\.(\w+)/.exec(String(thrown)) ?? []
        if (column === 'email_key') return refuse('email_taken')
        if (column === 'username_key') return refuse('username_taken')
        throw thrown
      }
    },

    disable: (id, now) => markDisabled(directory, id, now),
    confirmDisabled: (id) => markDisableConfirmed(directory, id),
    enable: (id, now) => markEnabled(directory, id, now),

    async erase(id) {
      const removals = [siteSessionRemoval, siteUserRemoval, credentialRemoval]
      const results = await directory.batch([
        ...removals.map((removal) => removal(directory, id)),
        ...userRemovals(directory, id),
      ])
      return (results.at(-1)?.meta.changes ?? 0) > 0
    },

    forgetUpstreamSessions: (now) => forgetUpstreamSessions(directory, now),

    findSignedOut: ({ issuer, subject, upstreamSid, now }) =>
      askDirectory(async () => {
        if (subject !== undefined) return ok(await findUserByIdentity(directory, issuer, subject))
        if (upstreamSid === undefined) return ok([])
        return ok(await findUsersByUpstreamSession(directory, { issuer, upstreamSid, now }))
      }),
  }
}

const admitted = <How extends object>(row: UserRow, how: How) => {
  const user = userFromRow(row)
  return user.status === 'disabled' ? refuse('account_disabled') : ok({ user, ...how })
}

/** Whether people with these claims may come by this provider at all. */
export const mayComeBy = (claims: UntrustedClaims, provider: Voucher): boolean =>
  isEmailDomainAllowed(parseProfileClaims(claims), provider)

const isEmailDomainAllowed = ({ email, emailVerified }: ProfileClaims, provider: Voucher) =>
  provider.allowedEmailDomains.length === 0 ||
  (emailVerified && email !== undefined && provider.allowedEmailDomains.includes(email.domain))
