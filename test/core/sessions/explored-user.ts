import { env } from 'cloudflare:workers'
import { vi } from 'vitest'
import type { ProviderLogout } from '../../../src/core/sessions/end-for-provider.ts'
import { createRevocation } from '../../../src/core/revocation/revocation.ts'
import type { JudgedToken } from '../../../src/core/revocation/revocation.ts'
import { newSessionId, parseSessionId } from '../../../src/core/sessions/session.ts'
import type { LiveSession, SessionId, UserId } from '../../../src/core/sessions/session.ts'
import type { UserSessions } from '../../../src/core/sessions/user-sessions.ts'
import { createEarlyLogouts } from '../../../src/core/users/early-logouts.ts'
import { createUsers } from '../../../src/core/users/users.ts'
import { randomId } from '../../../src/platform/random.ts'
import { otrotlConfig } from '../../world/config.ts'
import { HeldBackStore } from './held-back-store.ts'
import { TOKEN_SECONDS } from './signed-in-user.ts'

export const ISSUER = 'https://otrotl.example'
export const IDLE_SECONDS = 120

/** A task that has not failed yet: the object has begun to publish it. */
const IS_PUBLISHING = `SELECT 1 FROM outbox WHERE task = 'publish_hint' AND attempts = 0`

/** After one failure. */
const LONGEST_BACK_OFF_SECONDS = 2

/** A sign-in, from the start to the session's end, and what ought to be true of it. */
export interface SignIn {
  readonly sid: SessionId
  readonly secretHash: string
  readonly upstreamSid: string
  readonly beganAtMilliseconds: number
  /** From when the session is in the object. */
  session: LiveSession | undefined
  lastUsedAt: number
  /** The browser has the session's cookie. */
  isHandedOut: boolean
  /** A logout has come that concerns it: it may not come out of the schedule alive. */
  isDoomed: boolean
  /** A cut has come: it is dead from here on. */
  isEnded: boolean
}

export interface MintedToken {
  readonly claims: JudgedToken
  readonly signIn: SignIn
}

/** What the schedules of a batch have in common. */
export interface Explored {
  readonly object: UserSessions
  readonly sql: SqlStorage
  readonly userId: UserId
  readonly subject: string
}

/**
 * One user in one schedule: the real object, called as RPC calls it but without a line in between, so that
 * each call is exactly one step; and beside it, by the plainest rules, what ought to be alive.
 */
export class ExploredUser {
  readonly store = new HeldBackStore()
  readonly signIns: SignIn[] = []
  readonly tokens: MintedToken[] = []
  readonly earlyLogouts = createEarlyLogouts(env.DIRECTORY)
  readonly users = createUsers(env.DIRECTORY)
  /** Of the sign-ins that a logout by upstream session is about. */
  readonly upstreamSid = randomId()
  readonly object: UserSessions
  readonly userId: UserId
  readonly subject: string
  readonly #sql: SqlStorage
  readonly #underWay: Promise<unknown>[] = []
  #isUpstreamSessionOver = false

  constructor({ object, sql, userId, subject }: Explored) {
    this.object = object
    this.userId = userId
    this.subject = subject
    this.#sql = sql
    this.store.serve(object)
  }

  now = () => Math.floor(Date.now() / 1000)
  nowMilliseconds = () => Date.now()
  pass = (seconds: number) => void vi.setSystemTime(Date.now() + seconds * 1000)

  /** Goes on with a call whose transaction is over and which only waits for KV. */
  leave(call: Promise<unknown>): void {
    this.#underWay.push(call)
  }

  begin(upstreamSid: string = this.upstreamSid): SignIn {
    const signIn: SignIn = {
      sid: newSessionId(),
      secretHash: randomId() + randomId().slice(0, 11),
      upstreamSid,
      beganAtMilliseconds: this.nowMilliseconds(),
      session: undefined,
      lastUsedAt: 0,
      isHandedOut: false,
      isDoomed: this.#isUpstreamSessionOver && upstreamSid === this.upstreamSid,
      isEnded: false,
    }
    this.signIns.push(signIn)
    return signIn
  }

  /** The directory learns of it; the session is not open yet. */
  async index({ sid, upstreamSid }: SignIn): Promise<void> {
    const now = this.now()
    const known = { provider: otrotlConfig, issuer: ISSUER, subject: this.subject, claims: {} }
    const upstreamSession = { upstreamSid, sid, expiresAt: now + 3600 }
    const account = await this.users.signIn({ ...known, upstreamSession, now })
    if (!account.ok) throw new Error(account.refusal.code)
  }

  open(signIn: SignIn): void {
    const { sid, secretHash, upstreamSid } = signIn
    const opened = this.object.openSession({
      userId: this.userId,
      tokenLifetimeSeconds: TOKEN_SECONDS,
      now: this.now(),
      session: {
        sid,
        secretHash,
        authentication: {
          providerId: 'otrotl',
          issuer: ISSUER,
          subject: this.subject,
          upstreamSid,
          authTime: this.now(),
        },
        profile: {},
        device: 'Firefox on Linux',
        sealedIdToken: 'sealed',
        idleSeconds: IDLE_SECONDS,
        absoluteSeconds: 3600,
      },
    })
    if (!opened.ok) throw new Error(opened.refusal.code)
    signIn.session = opened.value
    signIn.lastUsedAt = this.now()
  }

  /** The last question before the cookie leaves: has a logout come for this sign-in? */
  async lookForMarker(signIn: SignIn): Promise<boolean> {
    const found = await this.earlyLogouts.findFor({
      issuer: ISSUER,
      subject: this.subject,
      upstreamSid: signIn.upstreamSid,
      authenticatedAt: Math.floor(signIn.beganAtMilliseconds / 1000),
      beganAtMilliseconds: signIn.beganAtMilliseconds,
      now: this.now(),
    })
    if (!found.ok) throw new Error(found.refusal.code)
    return found.value.isSignedOut
  }

  /** What the bridge and the dashboard do. Undefined when the session is not live. */
  use(signIn: SignIn): LiveSession | undefined {
    const { sid, secretHash } = signIn
    const now = this.now()
    const tokenLifetimeSeconds = TOKEN_SECONDS
    const used = this.object.useSession({ sid, secretHash, now, tokenLifetimeSeconds })
    if (used.ok) signIn.lastUsedAt = now
    return used.ok ? used.value : undefined
  }

  endForProvider(logout: Pick<ProviderLogout, 'scope' | 'subject' | 'upstreamSid'>, jti: string) {
    const token = { jtiHash: jti, tokenHash: jti, rememberUntil: this.now() + 900 }
    const cause = 'provider_back_channel' as const
    this.leave(
      this.object.endForProvider({
        userId: this.userId,
        logout: { issuer: ISSUER, cause, token, ...logout },
        now: this.now(),
      }),
    )
  }

  /** A cut has just been committed: what is open and concerned is over. */
  cut(isConcerned: (signIn: SignIn) => boolean = () => true): void {
    for (const signIn of this.signIns) {
      if (signIn.session !== undefined && isConcerned(signIn)) signIn.isEnded = true
    }
  }

  /** A logout of the person has just come in: no sign-in that has begun by now may survive it. */
  doomAll(): void {
    for (const signIn of this.signIns) signIn.isDoomed = true
  }

  /** A logout of the upstream session has just come in: no sign-in from it may survive, whenever it began. */
  doomUpstreamSession(): void {
    this.#isUpstreamSessionOver = true
    for (const signIn of this.signIns.filter(this.isNamed)) signIn.isDoomed = true
  }

  isNamed = ({ upstreamSid }: SignIn): boolean => upstreamSid === this.upstreamSid

  oughtToLive = (signIn: SignIn): boolean =>
    signIn.session !== undefined && !signIn.isEnded && this.now() < signIn.lastUsedAt + IDLE_SECONDS

  isUsable({ sid, secretHash }: SignIn): boolean {
    return this.object.peekSession({ sid, secretHash, now: this.now() }).ok
  }

  /** Whether an API of level `strict` takes the token. */
  isAcceptedAtStrict({ claims: { sid, epoch, exp } }: MintedToken): boolean {
    const now = this.now()
    return now < exp && this.object.checkToken({ sid: parseSessionId(sid)!, epoch, now }).ok
  }

  /** Whether an API of level `bounded` takes it, in a location that has no memory of its own. */
  async isAcceptedAtBounded({ claims }: MintedToken): Promise<boolean> {
    if (this.now() >= claims.exp) return false
    const userSessions = { getByName: () => this.object } as unknown as Env['USER_SESSIONS']
    const revocation = createRevocation({ hints: this.store.hints, userSessions })
    return (await revocation.check('bounded', claims, this.now())).ok
  }

  mint(signIn: SignIn, { epoch, userId }: LiveSession): MintedToken {
    const exp = Math.min(this.now() + TOKEN_SECONDS, signIn.lastUsedAt + IDLE_SECONDS)
    const claims = { sub: userId, sid: signIn.sid, epoch, jti: randomId(), exp }
    const token = { claims, signIn }
    this.tokens.push(token)
    return token
  }

  /** Lets the write to KV that is under way land or fail. Without one, nothing happens. */
  async settleHint(how: 'land' | 'fail'): Promise<void> {
    const isUnderWay = this.#sql.exec(IS_PUBLISHING).toArray().length > 0
    if (isUnderWay) await this.store.settle(how)
  }

  /** KV is back: what is under way comes to its end, and the alarm sees to the rest. */
  async comeToRest(): Promise<void> {
    this.store.release()
    await Promise.all(this.#underWay)
    this.pass(LONGEST_BACK_OFF_SECONDS)
    await this.object.alarm()
  }

  /** What more there is of a user, and what ought to be true of it: for those of whom more is known. */
  settleIn(): void | Promise<void> {}
  expectCutIsDead(_order: string): void | Promise<void> {}
  expectAsItOught(_order: string): void | Promise<void> {}
  expectAtRest(_order: string): void | Promise<void> {}

  /** The object forgets that there was anyone. */
  vanish(): void {
    const tables = [
      'user',
      'sessions',
      'ended_epochs',
      'outbox',
      'seen_logout_tokens',
      'grants',
      'participants',
      'revoked_ids',
      'consents',
    ]
    for (const table of tables) this.#sql.exec(`DELETE FROM ${table}`)
  }
}
