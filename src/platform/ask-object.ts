import { describeThrown, log } from './log.ts'
import type { LogLine } from './log.ts'
import { ok, refuse } from './refusal.ts'
import type { Result } from './refusal.ts'
import { inTime, OBJECT_WAIT_MILLISECONDS } from './time-limit.ts'

/**
 * Asks a Durable Object. One that cannot be reached, fails or does not answer in time is `unavailable`, which is
 * never to be read as a no; the log then has `line`, with what happened. The question gets itself a stub each time,
 * because one that has failed stays broken.
 */
export async function askObject<Answer>(
  line: LogLine,
  question: () => Promise<Answer>,
  waitMilliseconds = OBJECT_WAIT_MILLISECONDS,
): Promise<Result<Answer, 'unavailable'>> {
  try {
    return ok(await inTime(waitMilliseconds, question()))
  } catch (thrown) {
    log('error', { ...line, error: describeThrown(thrown) })
    return refuse('unavailable')
  }
}

/** The object's own answer, or that there was none. */
export const flatten = <Value, Code extends string>(
  asked: Result<Result<Value, Code>, 'unavailable'>,
): Result<Value, Code | 'unavailable'> => (asked.ok ? asked.value : asked)
