/**
 * The queue that carries a mass cut-off to each user's object: a message is one page of users, and the page
 * that is done sends the next. Everything is safe to do twice and in any order: the ends in the objects are
 * idempotent, and progress moves on from a page once. A user who cannot be reached holds up nobody; they are
 * written down and visited again. Whatever the queue loses, the cron finds by its standing still.
 */
import type { Clock, EpochSeconds } from '../../platform/clock.ts'
import { inGroups } from '../../platform/in-groups.ts'
import { describeThrown, log } from '../../platform/log.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import { inTime, OBJECT_WAIT_MILLISECONDS } from '../../platform/time-limit.ts'
import { KNOWN_SECONDS } from '../applications/known-applications.ts'
import type { UserId } from '../sessions/session.ts'
import type { UserDirectory } from '../users/user-directory.ts'
import type { CutOffProgress, CutOffRecords } from './cut-off-progress.ts'
import type { EndSession } from './end-session.ts'

/** `from`: the cursor at which the page begins; without it, the users that could not be reached before. */
export interface CutOffMessage {
  readonly cutOffId: string
  readonly from?: string
}

const USERS_IN_PAGE = 100
/** Objects that are visited at a time. */
const VISITS_AT_ONCE = 10
/** A cut-off with work left of which nothing has been heard for so long has lost its message. */
const STALLED_SECONDS = 240
const STALLED_AT_ONCE = 20
/** For a request that is under way. */
const MARGIN_SECONDS = 5

export interface CutOffDrain {
  start(progress: CutOffProgress): Promise<void>
  /** Does what a message says. Throws when it is to be delivered again. */
  receive(facts: RequestFacts, message: CutOffMessage): Promise<void>
  /** Sends again for what has stopped halfway. How many. */
  restart(now: EpochSeconds): Promise<number>
}

export function createCutOffDrain(parts: {
  readonly queue: Queue<CutOffMessage>
  readonly records: CutOffRecords
  readonly people: Pick<UserDirectory, 'ids'>
  readonly ends: Pick<EndSession, 'endSessionsBefore' | 'endForApplication'>
  /** Asked anew for each visit: at the time of an earlier one, a session that has begun since is still to come. */
  readonly clock: Clock
}): CutOffDrain {
  const { queue, records, people, ends, clock } = parts

  /** Nobody waits for a queue without end: what it has taken all the same is safe to be sent again. */
  const send = (message: CutOffMessage, options?: QueueSendOptions) =>
    inTime(OBJECT_WAIT_MILLISECONDS, queue.send(message, options))

  /** Ends what the cut-off concerns of one user; undefined when their object cannot be reached. */
  async function visit(
    facts: RequestFacts,
    { scope, scopeId, startedBy, cause, id }: CutOffProgress,
    userId: UserId,
  ): Promise<number | undefined> {
    const visited = { userId, cutOffId: id, now: clock() }
    const of = scope === 'provider' ? { providerId: scopeId } : {}
    const outcome =
      scope === 'application'
        ? await ends.endForApplication(facts, {
            ...visited,
            end: { applicationId: scopeId, startedBy, cause },
          })
        : await ends.endSessionsBefore(facts, { ...visited, end: { startedBy, cause, ...of } })
    return outcome.ok ? outcome.value.ended : undefined
  }

  const visitAll = (facts: RequestFacts, progress: CutOffProgress, userIds: readonly UserId[]) =>
    inGroups(userIds, VISITS_AT_ONCE, async (id) => [id, await visit(facts, progress, id)] as const)

  async function doPage(
    facts: RequestFacts,
    progress: CutOffProgress,
    from: string,
  ): Promise<void> {
    const { id, scope, scopeId } = progress
    const of = scope === 'provider' ? { providerId: scopeId } : {}
    const userIds = await people.ids(of, from, USERS_IN_PAGE)
    const visits = await visitAll(facts, progress, userIds)
    const to = userIds.length < USERS_IN_PAGE ? null : (userIds.at(-1) ?? null)
    const page = {
      cutOffId: id,
      from,
      to,
      visited: visits.length,
      endedSessions: visits.reduce((sum, [, ended]) => sum + (ended ?? 0), 0),
      failed: visits.flatMap(([userId, ended]) => (ended === undefined ? [userId] : [])),
    }
    const isFirstReport = await records.advance(page, clock())
    if (isFirstReport && to !== null) await send({ cutOffId: id, from: to })
  }

  async function visitAgain(facts: RequestFacts, progress: CutOffProgress) {
    const userIds = await records.failures(progress.id, USERS_IN_PAGE)
    for (const [userId, ended] of await visitAll(facts, progress, userIds)) {
      if (ended === undefined) await records.putLast(progress.id, userId, clock())
      else await records.resolve(progress.id, userId, ended, clock())
    }
  }

  return {
    start: async ({ id, cursor, scope }) => {
      // Until no isolate knows the application as it was before: what is given by then is ended as well.
      const delaySeconds = scope === 'application' ? KNOWN_SECONDS + MARGIN_SECONDS : 0
      await send({ cutOffId: id, from: cursor ?? '' }, { delaySeconds })
    },

    async receive(facts, { cutOffId, from }) {
      const progress = await records.find(cutOffId)
      if (progress === undefined) return
      if (from === undefined) return visitAgain(facts, progress)
      // Somebody else has done this page and sent for the next.
      if (progress.cursor !== from) return
      await doPage(facts, progress, from)
    },

    async restart(now) {
      const stalled = await records.stalled(now - STALLED_SECONDS, STALLED_AT_ONCE)
      for (const { id, cursor } of stalled) {
        await send(cursor === null ? { cutOffId: id } : { cutOffId: id, from: cursor })
      }
      return stalled.length
    },
  }
}

/** Takes a batch off the queue, each message for itself. */
export async function receiveBatch(
  drain: Pick<CutOffDrain, 'receive'>,
  batch: MessageBatch<CutOffMessage>,
  facts: RequestFacts,
): Promise<void> {
  for (const message of batch.messages) {
    try {
      await drain.receive(facts, message.body)
      message.ack()
    } catch (thrown) {
      const { attempts } = message
      log('error', { event: 'cut_off.page_failed', attempts, error: describeThrown(thrown) })
      message.retry({ delaySeconds: Math.min(60, 2 ** attempts) })
    }
  }
}
