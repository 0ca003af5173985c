/**
 * People as the sites of one company know them. Owns nothing itself: what is special to the company stands in
 * `site_users` and `site_identities`, the person in `users` and `identities`, and what has to agree is written
 * in one transaction. Which session a shared session is, says site-sessions-table.ts.
 */
import { hashPassword, isPassword, passwordBytes } from '../../platform/password-hash.ts'
import { randomId } from '../../platform/random.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import { randomUuid } from '../../platform/uuid.ts'
import type { UserId } from '../sessions/session.ts'
import { createLocalCredentials } from './local-credentials.ts'
import { createPushedUserStatements, STORAGE_PROVIDER_ID } from './pushed-user.ts'
import {
  createSiteIdentitiesTable,
  isChangedMeanwhile,
  withIdentities,
} from './site-identities-table.ts'
import type { IdentityContent, SiteIdentity, SiteUser, SiteUsers } from './site-user.ts'
import { createSiteUsersTable, isLeaving } from './site-users-table.ts'
import { findUserRow } from './users-table.ts'

/** W01: so many wrong passwords in a row, and for so long none is looked at. */
const MOST_WRONG_PASSWORDS = 10
const BLOCKED_SECONDS = 900
/** A generated external id may be one that a site has brought itself. */
const NUMBER_ATTEMPTS = 5
const CONNECT_ATTEMPTS = 4

export function createSiteUsers({
  directory,
  issuer,
}: {
  readonly directory: D1Database
  /** Our public origin: the issuer of storage identities, whose subject is their token. */
  readonly issuer: string
}): SiteUsers {
  const users = createSiteUsersTable(directory)
  const identities = createSiteIdentitiesTable(directory)
  const pushedRows = createPushedUserStatements(directory)
  const credentials = createLocalCredentials(directory)

  const identitiesOf = (user: SiteUser) => identities.ofUsers([user.userToken])

  /** A storage identity is known by its own token. */
  const newStorageIdentity = (company: string, userToken: string, content: IdentityContent) => {
    const identityToken = randomUuid()
    return {
      identityToken,
      userToken,
      company,
      issuer,
      content,
      providerId: STORAGE_PROVIDER_ID,
      subject: identityToken,
    }
  }

  const known = async (company: string, userToken: string) => {
    const user = await users.find(company, { userToken })
    return user && { user, identities: await identitiesOf(user) }
  }

  /** What providers vouch for stays the person's own; what was pushed goes. */
  function pushedRemovals(gone: readonly SiteIdentity[]) {
    return gone
      .filter(({ providerId }) => providerId === STORAGE_PROVIDER_ID)
      .map((identity) => pushedRows.identityRemoval(identity))
  }

  const checkLink: SiteUsers['checkLink'] = async (identity, user) => {
    const holder = await users.find(user.company, { userToken: identity.userToken })
    if (holder === undefined) return refuse('not_theirs')
    for (const { userId, company } of [holder, user]) {
      if (await users.isOfOthers(userId, company)) return refuse('not_theirs')
      // Nobody gets around being disabled by becoming somebody else.
      if ((await findUserRow(directory, userId))?.status !== 'active') return refuse('not_theirs')
    }
    const isSecond = (await identitiesOf(user)).some(
      ({ providerId }) => providerId === identity.providerId,
    )
    return isSecond && identity.providerId === STORAGE_PROVIDER_ID
      ? refuse('not_theirs')
      : ok(undefined)
  }

  /** Somebody who signs in with a provider and has no password here. */
  const newcomerOf = async (company: string, userId: UserId, attempt: number) => ({
    userToken: randomUuid(),
    company,
    userId,
    login: undefined,
    passwordHash: undefined,
    externalId: await users.nextNumber(company, attempt),
  })

  return {
    identitiesOf,
    ofAllCompanies: async (id) =>
      withIdentities(await users.ofAllCompanies(id), identities.ofUsers),
    find: users.find,
    findLeaving: users.findLeaving,
    listLeaving: users.listLeaving,
    findIdentity: identities.find,
    findByIdentity: identities.findByIdentity,
    listIdentities: identities.list,
    isOfOthers: ({ userId, company }) => users.isOfOthers(userId, company),
    noteLogin: ({ userToken }, now) => users.noteLogin(userToken, now),
    leave: ({ userToken }) => users.leave(userToken),

    async list(company, page, filter) {
      const { entries, total } = await users.list(company, page, filter)
      return { entries: await withIdentities(entries, identities.listOfUsers), total }
    },

    async create(company, { externalId, login, password, change }, now) {
      const content = change.merge({})
      if (content === undefined) return refuse('too_large')
      // Without one no password is right.
      const passwordHash = await hashOf(password)
      for (let attempt = 0; attempt < NUMBER_ATTEMPTS; attempt += 1) {
        const userId = randomId() as UserId
        const userToken = randomUuid()
        const row = {
          userToken,
          company,
          userId,
          passwordHash,
          login: login ?? undefined,
          externalId: externalId ?? (await users.nextNumber(company, attempt)),
        }
        const identity = newStorageIdentity(company, userToken, content)
        const written = await unlessRefused(() =>
          directory.batch([
            pushedRows.userInsertion(userId, change.profileOf(content), now),
            users.insertion(row, now),
            identities.insertion(identity, now),
            pushedRows.identityInsertion({ ...identity, userId }, now),
          ]),
        )
        // Not read again: what is there now is told, whatever fails next.
        if (written === 'written') {
          const user = users.inserted(row, now)
          return ok({ user, identities: [identities.inserted(identity, now)] })
        }
        if (externalId !== undefined) return refuse('taken')
        if (login && (await users.find(company, { login }))) return refuse('taken')
      }
      return refuse('taken')
    },

    async update(company, userToken, { externalId, login, password, change }, now) {
      const before = await known(company, userToken)
      if (before === undefined) return refuse('unknown_user')
      const { user } = before
      const stored = before.identities.find(({ providerId }) => providerId === STORAGE_PROVIDER_ID)
      const content = change?.merge(stored?.content ?? {})
      if (change !== undefined && content === undefined) return refuse('too_large')
      const passwordHash = await hashOf(password)
      const isIdentityNew = content !== undefined && stored === undefined
      const identity = newStorageIdentity(company, userToken, content ?? {})
      const written = await unlessRefused(() =>
        directory.batch([
          users.update(userToken, { externalId, login, passwordHash }, now),
          ...(content !== undefined && stored !== undefined
            ? [identities.contentChange(stored, content, now)]
            : []),
          ...(isIdentityNew
            ? [
                identities.insertion(identity, now),
                pushedRows.identityInsertion({ ...identity, userId: user.userId }, now),
              ]
            : []),
          ...(content === undefined || change === undefined
            ? []
            : [pushedRows.userUpdate(user.userId, change.profileOf(content), now)]),
        ]),
      )
      if (written !== 'written') return refuse(written)
      const after = await known(company, userToken)
      return after === undefined ? refuse('unknown_user') : ok({ ...after, isIdentityNew })
    },

    async checkPassword({ userToken, userId }, password, now) {
      const limits = { most: MOST_WRONG_PASSWORDS, blockSeconds: BLOCKED_SECONDS, now }
      const isCounted = await users.countGuess(userToken, limits)
      const { hash, blockedUntil } = await users.password(userToken)
      if (!isCounted) {
        return refuse('throttled', { retry_after_seconds: Math.max(1, blockedUntil - now) })
      }
      const bytes = passwordBytes(password)
      if (bytes === undefined || !(await isPassword(bytes, hash))) return refuse('wrong_password')
      await users.forgetGuesses(userToken)
      const isActive = (await findUserRow(directory, userId))?.status === 'active'
      return isActive ? ok(undefined) : refuse('user_disabled')
    },

    async connect(company, { userId, content, userToken: wanted, ...person }, now) {
      let isNew = false
      for (let attempt = 0; attempt < CONNECT_ATTEMPTS; attempt += 1) {
        const identity = await identities.findByIdentity(company, person.issuer, person.subject)
        const userToken = identity?.userToken
        const user = await users.find(company, userToken === undefined ? { userId } : { userToken })
        if (user !== undefined && user.userId !== userId) return undefined
        // Removed meanwhile: nobody comes back under another name.
        if (wanted !== undefined && user?.userToken !== wanted) return undefined
        if (user !== undefined && identity !== undefined) {
          const change = identities.contentChange(identity, content, now)
          await unlessRefused(() => directory.batch([change]))
          return { user, identity: { ...identity, content }, isNew }
        }
        const newcomer = user === undefined ? await newcomerOf(company, userId, attempt) : undefined
        const connected = {
          ...person,
          company,
          content,
          identityToken: randomUuid(),
          userToken: newcomer?.userToken ?? user?.userToken ?? '',
        }
        // Beside another first way of the same person one of the two is refused, and looks again.
        const written = await unlessRefused(() =>
          directory.batch([
            ...(newcomer === undefined ? [] : [users.insertion(newcomer, now)]),
            identities.insertion(connected, now),
          ]),
        )
        isNew = written === 'written'
      }
      return undefined
    },

    checkLink,

    async link(identity, user, now) {
      const checked = await checkLink(identity, user)
      if (!checked.ok) return checked
      const { identityToken, issuer: from, subject } = identity
      const written = await unlessRefused(() =>
        directory.batch([
          // Fails where they are being removed: what is moved to them now would stay.
          users.update(user.userToken, {}, now),
          identities.move(identityToken, user.userToken, now),
          pushedRows.identityMove({ issuer: from, subject, userId: user.userId }),
        ]),
      )
      return written === 'written' ? ok(undefined) : refuse('not_theirs')
    },

    async removeIdentity(identity) {
      await directory.batch([
        identities.removal(identity.identityToken),
        ...pushedRemovals([identity]),
      ])
    },

    async isKnownElsewhere(user) {
      const { userId, company } = user
      // Also one that the company has removed: it is the person's still.
      if ((await pushedRows.otherIdentity(userId).first()) !== null) return true
      if (await users.isOfOthers(userId, company)) return true
      return (await credentials.find(userId)) !== undefined
    },

    async remove(user) {
      const gone = await identitiesOf(user)
      const hasCredential = (await credentials.find(user.userId)) !== undefined
      await directory.batch([
        users.removal(user.userToken),
        ...pushedRemovals(gone),
        ...(hasCredential ? [] : [pushedRows.userRemoval(user.userId)]),
      ])
    },
  }
}

/** Undefined for none, and for what no password can be. */
async function hashOf(password: string | undefined): Promise<string | undefined> {
  const bytes = password === undefined ? undefined : passwordBytes(password)
  return bytes && hashPassword(bytes)
}

/**
 * `taken`: one of the rows would be the second of its kind. `unknown_user`: the user that one of them is of has just
 * been removed. Unless written, nothing was.
 */
async function unlessRefused(
  write: () => Promise<unknown>,
): Promise<'written' | 'taken' | 'unknown_user' | 'changed_meanwhile'> {
  try {
    await write()
    return 'written'
  } catch (thrown) {
    if (isChangedMeanwhile(thrown)) return 'changed_meanwhile'
    if (/UNIQUE constraint/.test(String(thrown))) return 'taken'
    if (/FOREIGN KEY constraint/.test(String(thrown)) || isLeaving(thrown)) return 'unknown_user'
    throw thrown
  }
}
