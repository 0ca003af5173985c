import { refuse } from '../../platform/refusal.ts'
import type { Refused } from '../../platform/refusal.ts'

/** Writes what an application has; it may be removed between two looks at it. */
export async function unlessGone<Written>(
  write: () => Promise<Written>,
): Promise<Written | Refused<'unknown_application'>> {
  try {
    return await write()
  } catch (thrown) {
    if (/FOREIGN KEY constraint/.test(String(thrown))) return refuse('unknown_application')
    throw thrown
  }
}
