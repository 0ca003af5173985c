import { env } from 'cloudflare:workers'
import { createConsents } from '../../../src/core/sessions/consents.ts'
import type {
  GrantBinding,
  Grants,
  NewGrant,
  TakenGrant,
} from '../../../src/core/sessions/grant.ts'
import { createGrants } from '../../../src/core/sessions/grants.ts'
import type { SessionRules } from '../../../src/core/sessions/session-rules.ts'
import type { SessionId, UserId } from '../../../src/core/sessions/session.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import type { Result } from '../../../src/platform/refusal.ts'
import { ok } from '../../../src/platform/refusal.ts'
import { settings } from '../../world/settings.ts'
import { objectOf, rowsOf, sessionsOf, signedIn, TOKEN_SECONDS } from './signed-in-user.ts'

export const SHOP = 'shop'
export const OTHER = 'other-shop'
export const REDIRECT_URI = 'https://shop.example/callback'
export const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
export const CODE_SECONDS = 60
export const REFRESH_SECONDS = 86_400

/** What an honest application presents. */
export const HONEST: GrantBinding = {
  applicationId: SHOP,
  redirectUri: REDIRECT_URI,
  codeChallenge: CHALLENGE,
}

/** Cut-offs are as the test says; without any, as if there were none. */
export const partsOf = (rules?: () => SessionRules) => ({
  userSessions: env.USER_SESSIONS,
  handleKey: [settings.HANDLE_KEY] as const,
  tokenLifetimeSeconds: TOKEN_SECONDS,
  rules: async () => ok(rules?.()),
})

export const grants = createGrants(partsOf())
export const consents = createConsents(partsOf())

/** The person wants to know nothing of the application any more. */
export const disconnect = (userId: UserId, applicationId: string, now: number) =>
  sessionsOf().endForApplication(userId, { applicationId, cause: 'person' }, now)

export const newGrant = (changes: Partial<NewGrant> = {}): NewGrant => ({
  kind: 'authorization_code',
  binding: HONEST,
  content: { scope: ['openid', 'email'], nonce: 'n-1', isOpenId: true },
  lifetimeSeconds: CODE_SECONDS,
  ...changes,
})

export interface OfSession {
  readonly userId: UserId
  readonly sid: SessionId
  readonly now: number
}

/** The value of a result that is expected to be good. */
export function valueOf<Value>(result: Result<Value>): Value {
  if (!result.ok) throw new Error(`refused: ${result.refusal.code}`)
  return result.value
}

export const mintCode = async (
  session: OfSession,
  changes: Partial<NewGrant> = {},
  by: Grants = grants,
) => valueOf(await by.mint({ ...session, grant: newGrant(changes) }))

/** As the token endpoint does. */
export async function takeCode(
  handle: string,
  now: number,
  presented: GrantBinding = HONEST,
  by: Grants = grants,
) {
  const seen = await by.peek('authorization_code', handle, now)
  if (!seen.ok) return seen
  return by.take({
    kind: 'authorization_code',
    handle,
    presented,
    participation: {
      applicationId: presented.applicationId,
      subject: 'subject-of-shop',
      clientSid: seen.value.session.sid.split('').toReversed().join(''),
    },
    refresh: { lifetimeSeconds: REFRESH_SECONDS, isKeyBound: false },
    now,
  })
}

export const rotate = (
  handle: string,
  now: number,
  presented: Pick<GrantBinding, 'applicationId' | 'jkt'> = { applicationId: SHOP },
  by: Grants = grants,
) => by.rotate({ handle, presented, lifetimeSeconds: REFRESH_SECONDS, now })

/** A family with its first refresh token. */
export async function family(session: OfSession): Promise<TakenGrant & { refreshToken: string }> {
  const { handle } = await mintCode(session)
  const taken = valueOf(await takeCode(handle, session.now))
  return { ...taken, refreshToken: taken.refreshToken! }
}

/** Somebody signed in. */
export async function person(now: number) {
  const { userId, session, cookie } = await signedIn(now)
  return { userId, sid: session.sid, session, cookie, now }
}

export type Person = Awaited<ReturnType<typeof person>>

const TABLES = ['grants', 'participants', 'revoked_ids', 'consents', 'sessions', 'user', 'outbox']

/** All rows that a grant could touch. */
export const stateOf = (userId: UserId) =>
  Promise.all(TABLES.map((table) => rowsOf(userId, `SELECT * FROM ${table}`)))

/** Whether the object takes a token of this session, with these ids, for one that stands. */
export async function stands({ userId, sid, session }: Person, ...ids: string[]) {
  const now = systemClock()
  const object = await objectOf(userId)
  return (await object.checkToken({ sid, epoch: session.epoch, ids, now })).ok
}

export const refused = (code: string) => ({ ok: false, refusal: { code } })
