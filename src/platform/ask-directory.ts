import { describeThrown, log } from './log.ts'
import { refuse } from './refusal.ts'
import type { Result } from './refusal.ts'

/** Asks the directory. One that fails has said nothing: `unavailable` is never to be read as a no. */
export async function askDirectory<Value, Code extends string = never>(
  question: () => Promise<Result<Value, Code>>,
): Promise<Result<Value, Code | 'unavailable'>> {
  try {
    return await question()
  } catch (thrown) {
    log('error', { event: 'directory.failed', error: describeThrown(thrown) })
    return refuse('unavailable')
  }
}
