/**
 * Whether an access token that verifies still stands: the three levels of README, "Revocation". A token is
 * revoked when its epoch is below the user's, its session has ended, or it was revoked by itself or with the
 * grants of its application. That is decided by counters and ids, never by clocks: signing in again revives no old token, and an old sign-out kills no new one. Before
 * any of them come the rules that end sessions from outside (cut-offs.ts), at every level.
 *
 * The hint in KV may only say "revoked" or "probably not"; whenever it is missing, unreadable, late or
 * older than the token, the user's object is asked. If that cannot be reached either, the answer is
 * `unavailable`, and never a pass.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { LeastRecentlyUsed } from '../../platform/lru.ts'
import { describeThrown, log } from '../../platform/log.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Refusal, Result } from '../../platform/refusal.ts'
import { within } from '../../platform/time-limit.ts'
import { askUserSessions } from '../sessions/ask-user-sessions.ts'
import { parseRevocationHint, revocationHintKey } from '../sessions/revocation-hint.ts'
import type { RevocationHint } from '../sessions/revocation-hint.ts'
import { findOutsideEnd } from '../sessions/session-rules.ts'
import type { RuledSession, SessionRules } from '../sessions/session-rules.ts'
import { parseSessionId } from '../sessions/session.ts'

/** How surely a revoked token is refused; chosen per route (README, "Revocation"). */
export type RevocationLevel = 'cached' | 'bounded' | 'strict'

/** The claims by which a verified token is judged. */
export interface JudgedToken {
  readonly sub: string
  readonly sid: string
  readonly epoch: number
  /** The provider that the session came from. Without it, a token is of a provider that is not configured. */
  readonly idp?: string
  readonly jti: string
  /** The family of grants that it belongs to, where it is of an application. */
  readonly gid?: string
  /** Whose it is: what ends with its application, unless it was issued later. */
  readonly client_id?: string
  readonly iat?: EpochSeconds
  readonly exp: EpochSeconds
}

export interface Revocation {
  /** Whether a token with these (already verified) claims still stands. */
  check(
    level: RevocationLevel,
    token: JudgedToken,
    now: EpochSeconds,
  ): Promise<Result<undefined, 'revoked' | 'unavailable'>>
}

/** How long `cached` believes a hint that this isolate has read. */
const HINT_HELD_SECONDS = 5
/** The least that KV accepts: how long a location may answer from its own cache. */
const KV_CACHE_TTL_SECONDS = 30
const KV_WAIT_MILLISECONDS = 1000
/** As many as tokens are remembered (core/tokens/access-tokens.ts), each about 300 bytes. */
const HINTS_HELD = 16_384
const REVOKED_TOKENS_HELD = 10_000

export function createRevocation({
  hints,
  userSessions,
  rules: rulesAt = async () => ok(undefined),
}: {
  hints: KVNamespace
  userSessions: Env['USER_SESSIONS']
  /** What ends sessions from outside their objects: asked with every check, and held in memory. */
  rules?: (now: EpochSeconds) => Promise<Result<SessionRules | undefined, 'unavailable'>>
}): Revocation {
  const held = new LeastRecentlyUsed<string, { hint: RevocationHint; readAt: EpochSeconds }>(
    HINTS_HELD,
  )
  /** What is revoked stays revoked, so this needs no time limit; the token's own expiry is checked before. */
  const revoked = new LeastRecentlyUsed<string, true>(REVOKED_TOKENS_HELD)

  /** The hint that `cached` may still believe. */
  function youngHint(userId: string, now: EpochSeconds): RevocationHint | undefined {
    const known = held.get(userId)
    const age = known === undefined ? Infinity : now - known.readAt
    return age >= 0 && age < HINT_HELD_SECONDS ? known?.hint : undefined
  }

  async function readHint(userId: string, now: EpochSeconds): Promise<RevocationHint | undefined> {
    const read = await fetchHint(hints, userId)
    if (read === undefined) return undefined
    const known = held.get(userId)
    // KV may step back to an older value; an isolate does not follow it there.
    const hint = known !== undefined && known.hint.version > read.version ? known.hint : read
    held.set(userId, { hint, readAt: now })
    return hint
  }

  async function askObject(
    token: JudgedToken,
    rules: SessionRules | undefined,
    now: EpochSeconds,
  ): Promise<Result<undefined, 'revoked' | 'unavailable'>> {
    const { sub, epoch } = token
    // That its provider is configured has been seen by the token, which says what its session says.
    const cutOffs = rules?.cutOffs.length === 0 ? undefined : rules
    const sessionId = parseSessionId(token.sid)
    if (sessionId === undefined) return refuse('revoked')
    const asked = await askUserSessions(userSessions, sub, async (object) =>
      object.checkToken({ sid: sessionId, epoch, ids: idsOf(token), rules: cutOffs, now }),
    )
    return asked.ok ? asked.value : asked
  }

  async function judgeToken(level: RevocationLevel, token: JudgedToken, now: EpochSeconds) {
    const ruled = await rulesAt(now)
    if (!ruled.ok) return ruled
    const cause = ruled.value && findOutsideEnd(ruledToken(token), ruled.value, now)
    if (cause !== undefined) return refuse('revoked', { cause })
    const young = level === 'cached' ? youngHint(token.sub, now) : undefined
    const hint = young ?? (level === 'strict' ? undefined : await readHint(token.sub, now))
    const verdict = hint === undefined ? 'unknown' : judge(hint, token)
    if (verdict === 'unknown') return askObject(token, ruled.value, now)
    return verdict === 'revoked' ? refuse('revoked') : ok(undefined)
  }

  return {
    async check(level, token, now) {
      if (revoked.get(token.jti)) return refuse('revoked')
      const result = await judgeToken(level, token, now)
      if (!result.ok && isFinal(result.refusal)) revoked.set(token.jti, true)
      return result
    },
  }
}

/** A provider that is not configured may be one that another Worker has not heard of yet; the rest is for good. */
const isFinal = ({ code, facts }: Refusal): boolean =>
  code === 'revoked' && facts?.cause !== 'provider_removed'

const ruledToken = ({ sub, sid, idp, client_id, iat }: JudgedToken): RuledSession => ({
  userId: sub,
  sid,
  providerId: idp,
  applicationId: client_id,
  issuedAt: iat,
})

/** By what it could have been revoked while its session goes on. */
const idsOf = ({ jti, gid }: JudgedToken): string[] => (gid === undefined ? [jti] : [jti, gid])

/** What a hint can say of a token. `unknown`: only the object can tell. */
function judge(hint: RevocationHint, token: JudgedToken): 'stands' | 'revoked' | 'unknown' {
  if (token.epoch < hint.epoch) return 'revoked'
  // The token is newer than the hint: someone signed in again and KV has not caught up.
  if (token.epoch > hint.epoch) return 'unknown'
  if (hint.revoked === undefined) return 'unknown'
  if (hint.revoked.length === 0) return 'stands'
  const ids = [token.sid, ...idsOf(token)]
  return hint.revoked.some(({ id }) => ids.includes(id)) ? 'revoked' : 'stands'
}

/** The hint as KV has it here, or undefined when it is missing, late, broken or unreadable. */
async function fetchHint(hints: KVNamespace, userId: string): Promise<RevocationHint | undefined> {
  let problem: string
  try {
    const key = await revocationHintKey(userId)
    const read = await within(
      KV_WAIT_MILLISECONDS,
      hints.get(key, { type: 'text', cacheTtl: KV_CACHE_TTL_SECONDS }),
    )
    // A missing record is no news: it has expired, or this location has not seen it yet.
    if (!read.isLate && read.value === null) return undefined
    const hint = read.isLate ? undefined : parseRevocationHint(read.value ?? '')
    if (hint !== undefined) return hint
    problem = read.isLate ? 'late' : 'not a hint'
  } catch (thrown) {
    problem = describeThrown(thrown)
  }
  log('warn', { event: 'revocation.hint_unusable', user: userId, error: problem })
  return undefined
}
