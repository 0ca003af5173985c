/**
 * The canary: a session of nobody is opened, a token minted, the session ended, and the gateway's own check
 * is asked about the token at each level until it refuses. What is measured is this: the location that the
 * cron happens to run in, the user's object and KV as they are, and an isolate's memory that is as warm as
 * can be (each level has accepted the token just before the end). Other locations may be slower.
 */
import { milliseconds } from '../../platform/clock.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import type { Sessions } from '../sessions/sessions.ts'
import { parseUserId } from '../sessions/session.ts'
import type { UserId } from '../sessions/session.ts'
import type { AccessTokens } from '../tokens/access-token.ts'
import type { CanaryRun, CanaryRuns } from './canary-runs.ts'
import { createAccessChecks } from './check-access.ts'
import type { EndSession } from './end-session.ts'
import type { Revocation, RevocationLevel } from './revocation.ts'

/** Nobody: this id is made by no sign-in and stands in no directory ("canary" in ASCII, and zeros). */
export const CANARY_USER_ID = parseUserId('63616e61727900000000000000000000') as UserId

/** `bounded` is refused within 30 s as a rule, and `cached` 5 s later: four times that is enough to see it. */
const WATCHED_MILLISECONDS = 120_000
const PAUSE_MILLISECONDS = 1000

const LEVELS: readonly RevocationLevel[] = ['strict', 'bounded', 'cached']

export interface Canary {
  run(facts: RequestFacts, now: EpochSeconds): Promise<CanaryRun>
}

export function createCanary(parts: {
  readonly sessions: Pick<Sessions, 'open'>
  readonly accessTokens: AccessTokens
  readonly ends: Pick<EndSession, 'endSession'>
  readonly runs: Pick<CanaryRuns, 'add'>
  readonly provider: { readonly id: string; readonly issuer: string }
  /** A check with a memory of its own, for each level of each run. */
  readonly newRevocation: () => Revocation
  readonly clock: () => EpochSeconds
  readonly watchedMilliseconds?: number
  readonly pauseMilliseconds?: number
}): Canary {
  const { sessions, accessTokens, ends, runs, provider, clock } = parts
  const watched = parts.watchedMilliseconds ?? WATCHED_MILLISECONDS
  const pause = parts.pauseMilliseconds ?? PAUSE_MILLISECONDS

  /** Asks one level about the token, as an API would. */
  function watcher(level: RevocationLevel, token: string) {
    const checks = createAccessChecks({ accessTokens, revocation: parts.newRevocation() })
    const request = { authorization: `Bearer ${token}`, dpop: undefined, method: 'GET', url: '' }
    return async () => (await checks.check({ ...request, level }, clock())).ok
  }

  /** Until when, after `from`, the token was accepted; null when to the end. */
  async function watch(accepts: () => Promise<boolean>, from: number): Promise<number | null> {
    let lastAccepted = 0
    for (;;) {
      const askedAt = milliseconds() - from
      if (!(await accepts())) return lastAccepted
      lastAccepted = askedAt
      if (askedAt >= watched) return null
      await scheduler.wait(pause)
    }
  }

  async function measure(facts: RequestFacts, now: EpochSeconds): Promise<CanaryRun> {
    const failed = (problem: string): CanaryRun => ({
      at: now,
      problem,
      acceptedMilliseconds: { strict: null, bounded: null, cached: null },
      watchedMilliseconds: 0,
    })
    const opened = await sessions.open({
      userId: CANARY_USER_ID,
      authentication: {
        providerId: provider.id,
        issuer: provider.issuer,
        subject: 'canary',
        authTime: now,
      },
      profile: { name: 'Canary' },
      idToken: 'canary',
      userAgent: undefined,
      continent: undefined,
      now,
    })
    if (!opened.ok) return failed('session_not_opened')
    const { sid, userId, epoch, absoluteDeadlineAt } = opened.value.session
    const issued = await accessTokens.issue({
      sub: userId,
      sid,
      epoch,
      authTime: now,
      providerId: provider.id,
      notAfter: absoluteDeadlineAt,
      now,
    })
    const watchers = issued.ok ? LEVELS.map((level) => watcher(level, issued.value.token)) : []
    const warm = await Promise.all(watchers.map((accepts) => accepts()))
    const end = { userId, sid, cause: 'operator', isRoutine: true, now: clock() } as const
    const ended = await ends.endSession(facts, end)
    if (!issued.ok) return failed('token_not_issued')
    if (!warm.every(Boolean)) return failed('token_not_accepted')
    if (!ended.ok) return failed('session_not_ended')
    const from = milliseconds()
    const [strict = null, bounded = null, cached = null] = await Promise.all(
      watchers.map((accepts) => watch(accepts, from)),
    )
    return {
      at: now,
      problem: null,
      acceptedMilliseconds: { strict, bounded, cached },
      watchedMilliseconds: milliseconds() - from,
    }
  }

  return {
    async run(facts, now) {
      const run = await measure(facts, now)
      await runs.add(run)
      return run
    },
  }
}
