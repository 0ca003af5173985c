import { base64url } from 'jose'
import { createAuthenticator } from '../../platform/secrets.ts'
import type { RotatingSecret } from '../../platform/secrets.ts'

/** What a person is asked: by whom, for what, and in which session and request. */
export interface ConsentQuestion {
  readonly sid: string
  readonly requestUri: string
  readonly applicationId: string
  readonly scope: readonly string[]
  readonly claims: readonly string[]
  /** The API that is asked for (RFC 8707). */
  readonly resource: string | undefined
}

/**
 * The value in the consent form that shows that this question was put to this session (RFC 6749 §10.12). It
 * is good once, because the request that it names is used up with the answer; and if the application's
 * registration has changed since, so that it would get something else than was shown, it is good no more.
 */
export interface ConsentProofs {
  make(question: ConsentQuestion): Promise<string>
  check(question: ConsentQuestion, proof: string): Promise<boolean>
}

export function createConsentProofs(handleKey: RotatingSecret): ConsentProofs {
  const authenticator = createAuthenticator(handleKey, 'consent')
  return {
    make: async (question) => base64url.encode(await authenticator.sign(encode(question))),
    async check(question, proof) {
      if (!/^[\w-]{43}$/.test(proof)) return false
      return authenticator.verify(encode(question), new Uint8Array(base64url.decode(proof)))
    },
  }
}

const encode = ({ sid, requestUri, applicationId, scope, claims, resource }: ConsentQuestion) =>
  new Uint8Array(
    new TextEncoder().encode(
      JSON.stringify([sid, requestUri, applicationId, scope, claims, resource]),
    ),
  )
