/**
 * Sessions as features see them. Each user's sessions live in that user's Durable Object (`UserSessions`);
 * here the handle in the cookie is made and judged, the ID token is sealed, and the object is asked. Ending
 * a session is not for features: `core/revocation/end-session.ts` does it and audits it.
 */
import { flatten } from '../../platform/ask-object.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { createSeal } from '../../platform/seal.ts'
import { askUserSessions } from './ask-user-sessions.ts'
import { connectTab } from './connect-tab.ts'
import type { TabRefusalCode } from './connect-tab.ts'
import { describeDevice } from './describe-device.ts'
import type { ProviderLogout, ProviderLogoutOutcome } from './end-for-provider.ts'
import type { ApplicationEnded, EndOfApplication } from './grant-ends.ts'
import { createHandleAuthenticator, mintHandle } from './handle.ts'
import type { EndBefore, EndOfOne } from './session-ends.ts'
import type { AskingParts, Ruled } from './session-rules.ts'
import { parseSessionHandle } from './session-handle.ts'
import { LONGEST_TOKEN_LIFETIME_SECONDS, newSessionId } from './session.ts'
import type {
  Authentication,
  EndCause,
  LiveSession,
  Profile,
  SessionId,
  UserId,
} from './session.ts'
import type { UserSessions } from './user-sessions.ts'

export interface OpenSession {
  readonly userId: UserId
  /** Where an index has it already, of upstream sessions or of a site's; a new one otherwise. */
  readonly sid?: SessionId
  readonly authentication: Authentication
  readonly profile: Profile
  /** The raw ID token, byte for byte; kept sealed, for `id_token_hint`. A local password brings none. */
  readonly idToken?: string
  readonly userAgent: string | undefined
  readonly continent: string | undefined
  /** Where the session lives for another time than the configured one. */
  readonly deadlines?: { readonly idleSeconds: number; readonly absoluteSeconds: number }
  readonly now: EpochSeconds
}

export interface Sessions {
  /** Opens a session. `cookie` is the session cookie's value: the only copy of the secret. */
  open(
    input: OpenSession,
  ): Promise<Result<{ cookie: string; session: LiveSession }, 'user_disabled' | 'unavailable'>>
  /**
   * The live session behind a cookie value. A forged, foreign or malformed value is refused without
   * touching any object. Using a session moves its idle deadline. `no_session` carries the `cause` when
   * there was a session and it has ended.
   */
  use(
    cookie: string | undefined,
    now: EpochSeconds,
  ): Promise<Result<LiveSession, 'no_session' | 'unavailable'>>
  /** As `use`, but moves no deadline (for requests that are not the person's own doing). */
  peek(
    cookie: string | undefined,
    now: EpochSeconds,
  ): Promise<Result<LiveSession, 'no_session' | 'unavailable'>>
  /**
   * Connects an open tab to the object of the live session behind a cookie value, so that it is told when
   * the session ends (open-tabs.ts). Moves no deadline. `socket` is the browser's end of the connection.
   */
  connectTab(
    cookie: string | undefined,
    now: EpochSeconds,
  ): Promise<
    Result<{ socket: WebSocket; userId: UserId; sid: SessionId }, TabRefusalCode | 'unavailable'>
  >
  /** The user's live sessions, newest first. */
  list(userId: UserId, now: EpochSeconds): Promise<Result<readonly LiveSession[], 'unavailable'>>
  /** Whether this is a session of the user's, live or ended (forgotten when nothing of it is needed any more). */
  has(userId: UserId, sid: SessionId): Promise<Result<boolean, 'unavailable'>>
  /** What may be told of the person behind a live session. */
  readProfile(
    userId: UserId,
    sid: SessionId,
    now: EpochSeconds,
  ): Promise<Result<Profile, 'no_session' | 'unavailable'>>
  /**
   * How the session behind a cookie value was signed in, with the raw ID token; also of a session that has
   * ended, as long as it is kept. It grants nothing: it is for signing out at the provider.
   */
  readSignIn(
    cookie: string | undefined,
  ): Promise<
    Result<
      { userId: UserId; sid: SessionId; authentication: Authentication; idToken: string },
      'no_id_token' | 'unavailable'
    >
  >
  /** For `core/revocation` only. `sids`: what has ended with it by now; empty when it had ended already, or never was. */
  end(
    userId: UserId,
    sid: SessionId,
    cause: EndCause,
    now: EpochSeconds,
    askedBy?: EndOfOne['askedBy'],
  ): Promise<Result<{ sids: readonly SessionId[] }, 'unavailable'>>
  /** For `core/revocation` only: ends all sessions but this one. */
  endOthers(
    userId: UserId,
    sid: SessionId,
    cause: EndCause,
    now: EpochSeconds,
  ): Promise<Result<{ ended: number }, 'unavailable'>>
  /** For `core/revocation` only. */
  endAll(
    userId: UserId,
    cause: EndCause,
    now: EpochSeconds,
  ): Promise<Result<{ ended: number; epoch: number }, 'unavailable'>>
  /** For `core/revocation` only: ends the sessions that a mass cut-off concerns. */
  endBefore(
    userId: UserId,
    end: EndBefore,
    now: EpochSeconds,
  ): Promise<Result<{ ended: number }, 'unavailable'>>
  /** For `core/revocation` only: ends what a mass cut-off of an application concerns. */
  endForApplication(
    userId: UserId,
    end: EndOfApplication,
    now: EpochSeconds,
  ): Promise<Result<ApplicationEnded, 'unavailable'>>
  /** For `core/revocation` only: ends what a provider says has ended. `jti_reused`: another token had that `jti`. */
  endForProvider(
    userId: UserId,
    logout: ProviderLogout,
    now: EpochSeconds,
  ): Promise<Result<ProviderLogoutOutcome, 'jti_reused' | 'unavailable'>>
  /** For `core/revocation` only: ends all sessions and lets none open. */
  disable(
    userId: UserId,
    now: EpochSeconds,
  ): Promise<Result<{ ended: number; epoch: number }, 'unavailable'>>
  /** Lets sessions open again. None comes back. `unavailable` also for minutes after the user was erased. */
  enable(userId: UserId): Promise<Result<undefined, 'unavailable'>>
  /** Forgets a disabled user, once no token of theirs is left. False for somebody who is not disabled. */
  erase(userId: UserId, now: EpochSeconds): Promise<Result<boolean, 'unavailable'>>
}

export function createSessions(
  parts: AskingParts & {
    deadlines: { readonly idleSeconds: number; readonly absoluteSeconds: number }
  },
): Sessions {
  const { deadlines, tokenLifetimeSeconds = LONGEST_TOKEN_LIFETIME_SECONDS } = parts
  const rulesAt = parts.rules ?? (async () => ok(undefined))
  const authenticator = createHandleAuthenticator(parts.handleKey)
  const idTokens = createSeal(parts.handleKey, 'id-token')
  const ask = <Answer>(
    userId: UserId,
    question: (object: DurableObjectStub<UserSessions>) => Promise<Answer>,
    continent?: string,
  ) => askUserSessions(parts.userSessions, userId, question, { continent })

  /** Asks the object that the cookie names, if the cookie is one of ours, and tells it the rules. */
  async function askByCookie<Value, Code extends string>(
    cookie: string | undefined,
    now: EpochSeconds,
    question: (
      object: DurableObjectStub<UserSessions>,
      proof: { sid: SessionId; secretHash: string; now: EpochSeconds } & Ruled,
      userId: UserId,
    ) => Promise<Result<Value, Code>>,
  ): Promise<Result<Value, Code | 'no_session' | 'unavailable'>> {
    const parsed = await parseSessionHandle(authenticator, cookie)
    if (!parsed.ok) return parsed
    const rules = await rulesAt(now)
    if (!rules.ok) return rules
    const { userId, ...handle } = parsed.value
    const proof = { ...handle, rules: rules.value, now }
    return flatten(await ask(userId, async (object) => question(object, proof, userId)))
  }

  return {
    async open({ userId, idToken = '', userAgent, continent, now, ...asserted }) {
      const { sid = newSessionId() } = asserted
      const { handle, secretHash } = await mintHandle(authenticator, 's', {
        userId,
        reference: sid,
      })
      const session = {
        sid,
        secretHash,
        authentication: asserted.authentication,
        profile: asserted.profile,
        device: describeDevice(userAgent),
        sealedIdToken: await idTokens.seal(idToken),
        ...(asserted.deadlines ?? deadlines),
      }
      const opened = flatten(
        await ask(
          userId,
          async (object) => object.openSession({ userId, session, tokenLifetimeSeconds, now }),
          continent,
        ),
      )
      return opened.ok ? ok({ cookie: handle, session: opened.value }) : opened
    },
    use: (cookie, now) =>
      askByCookie(cookie, now, async (object, proof) =>
        object.useSession({ ...proof, tokenLifetimeSeconds }),
      ),
    peek: (cookie, now) =>
      askByCookie(cookie, now, async (object, proof) => object.peekSession(proof)),
    connectTab: (cookie, now) =>
      askByCookie(cookie, now, async (object, { rules, ...proof }, userId) => {
        // The upgrade itself carries no rules: what they end is ended before.
        const live = await object.peekSession({ ...proof, rules })
        if (!live.ok) return live
        const connected = await connectTab(object, proof)
        return connected.ok ? ok({ socket: connected.value, userId, sid: proof.sid }) : connected
      }),
    async list(userId, now) {
      const ruled = await rulesAt(now)
      if (!ruled.ok) return ruled
      return ask(userId, async (object) => object.listSessions({ rules: ruled.value, now }))
    },
    has: (userId, sid) => ask(userId, async (object) => object.hasSession({ sid })),
    async readProfile(userId, sid, now) {
      const ruled = await rulesAt(now)
      if (!ruled.ok) return ruled
      const question = { sid, rules: ruled.value, now }
      return flatten(await ask(userId, async (object) => object.readProfile(question)))
    },
    async readSignIn(cookie) {
      const parsed = await parseSessionHandle(authenticator, cookie)
      if (!parsed.ok) return refuse('no_id_token')
      const { userId, ...proof } = parsed.value
      const kept = await ask(userId, async (object) => object.readSignIn(proof))
      if (!kept.ok) return kept
      const idToken = kept.value && (await idTokens.unseal(kept.value.sealedIdToken))
      return kept.value !== undefined && typeof idToken === 'string' && idToken !== ''
        ? ok({ userId, sid: proof.sid, authentication: kept.value.authentication, idToken })
        : refuse('no_id_token')
    },
    end: (userId, sid, cause, now, askedBy) =>
      ask(userId, async (object) => object.endSession({ sid, cause, askedBy, now })),
    endOthers: (userId, sid, cause, now) =>
      ask(userId, async (object) => object.endOtherSessions({ sid, cause, now })),
    endAll: (userId, cause, now) =>
      ask(userId, async (object) => object.endAllSessions({ cause, now })),
    endBefore: (userId, end, now) =>
      ask(userId, async (object) => object.endSessionsBefore({ ...end, now })),
    endForApplication: (userId, end, now) =>
      ask(userId, async (object) => object.endForApplication({ ...end, now })),
    endForProvider: async (userId, logout, now) =>
      flatten(await ask(userId, async (object) => object.endForProvider({ userId, logout, now }))),
    disable: (userId, now) => ask(userId, async (object) => object.disableUser({ userId, now })),
    async enable(userId) {
      const enabled = await ask(userId, async (object) => object.enableUser())
      if (!enabled.ok) return enabled
      return enabled.value ? ok(undefined) : refuse('unavailable')
    },
    erase: (userId, now) => ask(userId, async (object) => object.eraseUser({ now })),
  }
}
