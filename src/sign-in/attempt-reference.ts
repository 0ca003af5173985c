import type { Reference } from '../core/references/claims.ts'
import { randomToken } from '../platform/random.ts'

/** 128 random bits, as `randomToken` writes them. */
const RANDOM_CHARACTERS = 22

/**
 * Names an attempt: its cookie, and what is claimed. The continent that it begins on comes first, so that it is
 * claimed near to the person, and at the same place whoever brings the answer, and from where.
 */
export const newAttemptId = (continent: string | undefined): string =>
  `${continent ?? ''}${randomToken(16)}`

/** What is claimed of an attempt. */
export const attemptReference = (id: string): Reference => ({
  kind: 'attempt',
  parts: [id],
  continent: id.slice(0, -RANDOM_CHARACTERS),
})
