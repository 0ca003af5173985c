import type { OAuthApplication } from '../../core/applications/application.ts'
import type { LiveSession } from '../../core/sessions/session.ts'

/** What the consent page shows and its form sends. */
export interface ConsentView {
  readonly application: Pick<OAuthApplication, 'id' | 'name'>
  readonly session: Pick<LiveSession, 'profile' | 'authentication'>
  readonly scope: readonly string[]
  /** Claims that are asked for one by one, beyond those of the scope. */
  readonly claims: readonly string[]
  /** The API that is asked for (RFC 8707). */
  readonly resource: string | undefined
  readonly redirectUri: string
  readonly requestUri: string
  /** Single-use, for this session and this very question. */
  readonly proof: string
  /** An own path, to sign in as somebody else. */
  readonly otherAccountHref: string
}
