/**
 * Mass cut-offs: the end of all sessions of everyone, or of one provider, or of all that an application has,
 * with one write. The key ring keeps it and publishes it in the record of public keys, which every check and
 * every use of a session holds already, so that no check costs a read more. It is compared with the session's
 * start, in milliseconds; for an application with the second in which its tokens and grants were issued.
 *
 * What is refused by it at once is ended in its own object when it is next used, or when the queue
 * (cut-off-drain.ts) comes by, whichever is first. `cut-off-progress.ts` keeps what has become of it.
 */
import type { Config } from '../../config.ts'
import { epochMilliseconds } from '../../platform/clock.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { LOCAL_PROVIDER_ID } from '../sessions/session.ts'
import type { SessionRules } from '../sessions/session-rules.ts'
import { tellKeyRing } from '../tokens/ask-key-ring.ts'
import type { CutOff, CutOffCause, CutOffScope } from '../tokens/cut-off.ts'
import { KV_CACHE_SECONDS, MEMORY_SECONDS, PUBLISHED_SECONDS } from '../tokens/key-lifetimes.ts'
import type { Keys } from '../tokens/keys.ts'
import { STORAGE_PROVIDER_ID } from '../users/pushed-user.ts'

/** Typically all isolates have followed by then: how long the record is held in an isolate and by KV. */
export const CUT_OFF_EFFECTIVE_SECONDS = MEMORY_SECONDS + KV_CACHE_SECONDS

/** At the latest, if KV takes no writes: it forgets the copy that lacks the cut-off, and readers ask the ring. */
export const CUT_OFF_EFFECTIVE_AT_MOST_SECONDS = MEMORY_SECONDS + PUBLISHED_SECONDS

/** What ends sessions from outside, as of now; from memory where a key has just been asked for. */
export function createSessionRules({
  config,
  keys,
}: {
  config: Pick<Config, 'identityProviders' | 'handoffHosts'>
  keys: Pick<Keys, 'cutOffs'>
}) {
  const providerIds = providerIdsOf(config)
  return async (now: EpochSeconds): Promise<Result<SessionRules, 'unavailable'>> => {
    const cutOffs = await keys.cutOffs(now)
    return cutOffs.ok ? ok({ cutOffs: cutOffs.value, providerIds }) : cutOffs
  }
}

/** The providers whose sessions go on. */
export const providerIdsOf = ({
  identityProviders,
  handoffHosts,
}: Pick<Config, 'identityProviders' | 'handoffHosts'>): readonly string[] => [
  ...[...identityProviders, ...handoffHosts].map(({ id }) => id),
  LOCAL_PROVIDER_ID,
  STORAGE_PROVIDER_ID,
]

/** When an application was last cut off, in epoch milliseconds. */
export const lastCutOffOf = (
  cutOffs: readonly CutOff[],
  applicationId: string,
): number | undefined =>
  cutOffs.findLast(({ scope, id }) => scope === 'application' && id === applicationId)?.at

export interface CutOffs {
  /** Once it is answered, it holds; `published` is false when KV did not take it yet. */
  add(
    cutOff: { scope: CutOffScope; id: string; cause: CutOffCause },
    now: EpochSeconds,
  ): Promise<
    Result<{ readonly cutOff: CutOff; readonly published: boolean }, 'no_room' | 'unavailable'>
  >
  /** A user's object has learned by now what their cut-off said: it goes with the last token from before. */
  removeUser(userId: string, now: EpochSeconds): Promise<Result<undefined, 'unavailable'>>
}

export const createCutOffs = (parts: {
  readonly keyRing: Env['KEY_RING']
  readonly keys: Pick<Keys, 'refresh'>
}): CutOffs => ({
  add: (cutOff, now) =>
    tellKeyRing(parts, now, async (ring) => ring.cutOff({ ...cutOff, at: epochMilliseconds() })),
  removeUser: (userId, now) =>
    tellKeyRing(parts, now, async (ring) => ring.removeUserCutOff(userId, epochMilliseconds())),
})
