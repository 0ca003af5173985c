/**
 * A sign-in that an application's request needs, on its way through the sign-in pages. It travels in their
 * links as one sealed value: nothing of the request stands in a URL of ours, and nobody else's link can put
 * an application's name on our sign-in page.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { isJsonObject } from '../../platform/json-object.ts'
import { createSeal } from '../../platform/seal.ts'
import type { RotatingSecret } from '../../platform/secrets.ts'
import type { AuthenticationRequest } from './identity-provider.ts'

export interface AskedSignIn {
  readonly request: AuthenticationRequest
  /** An own path, where the request goes on. */
  readonly returnTo: string
  /** Who asks, and the own path that tells them of a person who would rather not. */
  readonly asker: { readonly name: string; readonly cancelHref: string }
  /** Whether the session that this browser has may do, if the person says so. */
  readonly mayContinue: boolean
  readonly expiresAt: EpochSeconds
}

export interface AskedSignIns {
  seal(asked: AskedSignIn): Promise<string>
  /** Undefined for what we did not seal, and for what is too old. */
  unseal(sealed: string | undefined, now: EpochSeconds): Promise<AskedSignIn | undefined>
}

const MAX_LENGTH = 6144

export function createAskedSignIns(handleKey: RotatingSecret): AskedSignIns {
  const sealing = createSeal(handleKey, 'asked-sign-in')
  return {
    seal: (asked) => sealing.seal(asked),
    async unseal(sealed, now) {
      if (sealed === undefined || sealed.length > MAX_LENGTH) return undefined
      const value = await sealing.unseal(sealed)
      if (!isJsonObject(value)) return undefined
      const asked = value as unknown as AskedSignIn
      return now < asked.expiresAt ? asked : undefined
    },
  }
}
