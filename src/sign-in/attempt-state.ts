/**
 * The `state` of a sign-in attempt: sealed, so that a callback whose cookie is lost can be told from a
 * forged one, and carries what a fresh start needs then. It proves nothing about the browser; only the
 * attempt's cookie does (RFC 6749 §10.12).
 */
import { base64url } from 'jose'
import type { EpochSeconds } from '../platform/clock.ts'
import { createSeal } from '../platform/seal.ts'
import type { RotatingSecret } from '../platform/secrets.ts'

export interface AttemptState {
  /** Names the attempt's cookie (attempt-reference.ts). */
  readonly attemptId: string
  /** The browser that began it (browser-cookie.ts). */
  readonly browserId: string
  readonly issuedAt: EpochSeconds
  /** This attempt itself replaced one whose cookie was lost. It is not replaced again. */
  readonly isRestart: boolean
  /** As given to the sign-in, if short; judged anew when it is used. */
  readonly returnTo: string | undefined
}

/** Providers are seen to cut what is much longer. */
const MAX_RETURN_TO_LENGTH = 512
const MAX_STATE_LENGTH = 1024

export interface AttemptStates {
  seal(state: AttemptState): Promise<string>
  /** Undefined for whatever we did not issue. */
  unseal(state: string | null): Promise<AttemptState | undefined>
}

export function createAttemptStates(handleKey: RotatingSecret): AttemptStates {
  const sealing = createSeal(handleKey, 'state')
  return {
    seal: ({ attemptId, browserId, issuedAt, isRestart, returnTo }) =>
      sealing
        .seal([
          attemptId,
          browserId,
          issuedAt,
          isRestart,
          returnTo === undefined || returnTo.length > MAX_RETURN_TO_LENGTH ? null : returnTo,
        ])
        .then(shorten),

    async unseal(state) {
      if (state === null || state.length > MAX_STATE_LENGTH) return undefined
      const opened = (await sealing.unseal(lengthen(state))) as
        | [string, string, EpochSeconds, boolean, string | null]
        | undefined
      if (opened === undefined) return undefined
      const [attemptId, browserId, issuedAt, isRestart, returnTo] = opened
      return { attemptId, browserId, issuedAt, isRestart, returnTo: returnTo ?? undefined }
    },
  }
}

// A compact JWE of ours (RFC 7516 §7.1) begins with a constant and has no encrypted key, and its IV and tag
// are 96 and 128 bits long: what varies goes on the wire, in letters that no provider trips over.
const HEADER = base64url.encode(JSON.stringify({ alg: 'dir', enc: 'A256GCM' }))
const IV_LENGTH = 16
const TAG_LENGTH = 22

const shorten = (sealed: string): string => {
  const [, , iv, ciphertext, tag] = sealed.split('.')
  return `${iv}${tag}${ciphertext}`
}

const lengthen = (state: string): string => {
  const ciphertextStart = IV_LENGTH + TAG_LENGTH
  const tag = state.slice(IV_LENGTH, ciphertextStart)
  return `${HEADER}..${state.slice(0, IV_LENGTH)}.${state.slice(ciphertextStart)}.${tag}`
}
