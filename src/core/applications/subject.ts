/**
 * How an application knows a user and a session. A `sub` is the user's id, or, where the application chose
 * pairwise subjects, a value of its sector alone (OpenID Connect Core 1.0 §8.1); a `sid` is always a value of
 * that application alone, so that no two of them can compare notes. Our own stands in access tokens, by which APIs
 * check that the session lives, where the `sub` is public anyway.
 */
import { base64url } from 'jose'
import { toHex } from '../../platform/random.ts'
import { createAuthenticator } from '../../platform/secrets.ts'
import type { RotatingSecret } from '../../platform/secrets.ts'
import type { Application } from './application.ts'

const utf8 = new TextEncoder()

/** The words are told apart by lengths: no two pairs make one message. */
const message = (name: string, value: string) =>
  new Uint8Array(utf8.encode(`${name.length}:${name}${value}`))

export interface Subjects {
  /**
   * 32 lower-case hexadecimal digits (public, and for what is no OAuth client) or 43 base64url characters
   * (pairwise).
   */
  subjectFor(application: Pick<Application, 'oauth'>, userId: string): Promise<string>
  /** 32 lower-case hexadecimal digits. */
  sessionIdFor(application: Pick<Application, 'id'>, sid: string): Promise<string>
}

export function createSubjects(handleKey: RotatingSecret): Subjects {
  // A subject is for ever: it is made with the oldest value that is still kept, so that a rotation moves nobody
  // while that value stays.
  const oldest = [handleKey.at(-1) ?? handleKey[0]] as const
  const subjects = createAuthenticator(oldest, 'pairwise-subject')
  const sids = createAuthenticator(oldest, 'client-session')
  return {
    async subjectFor({ oauth }, userId) {
      if (oauth === undefined || oauth.subjectType === 'public') return userId
      const sector = oauth.sectorIdentifier ?? ''
      return base64url.encode(await subjects.sign(message(sector, userId)))
    },
    async sessionIdFor({ id }, sid) {
      return toHex((await sids.sign(message(id, sid))).slice(0, 16))
    },
  }
}
