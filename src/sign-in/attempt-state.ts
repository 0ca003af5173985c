/**
 * The `state` of a sign-in attempt: sealed, so that a callback whose cookie is lost can be told from a
 * forged one, and carries what a fresh start needs then. It proves nothing about the browser; only the
 * attempt's cookie does (RFC 6749 §10.12).
 */
import { base64url } from 'jose'
import type { AuthenticationRequest } from '../core/identity-providers/identity-provider.ts'
import type { EpochSeconds } from '../platform/clock.ts'
import { createSeal } from '../platform/seal.ts'
import type { RotatingSecret } from '../platform/secrets.ts'
import { inLink } from './authentication-parameters.ts'

export interface AttemptState {
  /** Names the attempt's cookie (attempt-reference.ts). */
  readonly attemptId: string
  /** The browser that began it (browser-cookie.ts). */
  readonly browserId: string
  readonly issuedAt: EpochSeconds
  /** This attempt itself replaced one whose cookie was lost. It is not replaced again. */
  readonly isRestart: boolean
  /** As given to the sign-in, if there is room; judged anew when it is used. */
  readonly returnTo: string | undefined
  /**
   * What the provider was asked, as a link can carry it. It always comes along: a fresh start that forgot it would
   * ask for less. Applications ask anew, on the way back to them.
   */
  readonly request: AuthenticationRequest
}

/** Of the two together, as JSON, if the way back is to come along: providers are seen to cut what is much longer. */
const MAX_CARRIED_LENGTH = 512
/** More than the longest link makes of it. */
const MAX_STATE_LENGTH = 1536

export interface AttemptStates {
  seal(state: AttemptState): Promise<string>
  /** Undefined for whatever we did not issue. */
  unseal(state: string | null): Promise<AttemptState | undefined>
}

export function createAttemptStates(handleKey: RotatingSecret): AttemptStates {
  const sealing = createSeal(handleKey, 'state')
  return {
    seal({ attemptId, browserId, issuedAt, isRestart, returnTo = null, request: asked }) {
      const request = inLink(asked)
      const hasRoom = JSON.stringify([returnTo, request]).length <= MAX_CARRIED_LENGTH
      const wayBack = hasRoom ? returnTo : null
      return sealing
        .seal([attemptId, browserId, issuedAt, isRestart, wayBack, request])
        .then(shorten)
    },

    async unseal(state) {
      if (state === null || state.length > MAX_STATE_LENGTH) return undefined
      const opened = (await sealing.unseal(lengthen(state))) as
        | [string, string, EpochSeconds, boolean, string | null, AuthenticationRequest?]
        | undefined
      if (opened === undefined) return undefined
      // A state of an earlier release says nothing of what was asked.
      const [attemptId, browserId, issuedAt, isRestart, wayBack, request = {}] = opened
      const returnTo = wayBack ?? undefined
      return { attemptId, browserId, issuedAt, isRestart, returnTo, request }
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
