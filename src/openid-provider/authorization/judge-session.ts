/**
 * Whether the session that a browser has will do for a request (OpenID Connect Core 1.0 §3.1.2.1, §3.1.2.3).
 * All of it is decided here, by plain comparison; nothing is asked and nothing is changed.
 */
import { startOf } from '../../core/sessions/session.ts'
import type { LiveSession, SessionId } from '../../core/sessions/session.ts'
import type { AuthorizationError, AuthorizationRequest } from './authorization-request.ts'

/** By how much a provider's clock may be behind ours (C1). */
const CLOCK_TOLERANCE_SECONDS = 60

export type SignInReason =
  | 'no_session'
  | 'login'
  | 'max_age'
  | 'select_account'
  | 'other_account' // the person would rather be somebody else
  | 'subject'
  | 'acr'

export type SessionJudgement =
  | { readonly kind: 'good'; readonly session: LiveSession }
  | { readonly kind: 'sign_in'; readonly reason: SignInReason }
  | { readonly kind: 'refused'; readonly code: AuthorizationError; readonly check: SignInReason }

export interface JudgedSession {
  readonly session: LiveSession
  /** The person's `sub` as this application knows it. */
  readonly subject: string
}

export function judgeSession(
  request: Pick<AuthorizationRequest, 'prompts' | 'maxAge' | 'claims'>,
  judged: JudgedSession | undefined,
  about: {
    /** When the request came, in epoch milliseconds. */
    readonly receivedAtMilliseconds: number
    /** The session that the person was offered to go on with. */
    readonly offeredSid: SessionId | undefined
    /** Who it has to be, by `id_token_hint` or as a claim. */
    readonly expectedSubject: string | undefined
  },
): SessionJudgement {
  const isSilent = request.prompts.has('none')
  const needed = judged === undefined ? 'no_session' : findReason(request, judged, about)
  if (needed === undefined) return { kind: 'good', session: judged!.session }
  if (isSilent) return { kind: 'refused', code: 'login_required', check: needed }
  // Who has signed in for this very request, and still is not who or how it has to be, never will be.
  const isFresh = judged !== undefined && isSignedInFor(judged.session, about)
  if (isFresh && needed === 'subject')
    return { kind: 'refused', code: 'login_required', check: needed }
  if (isFresh && needed === 'acr') {
    return { kind: 'refused', code: 'unmet_authentication_requirements', check: needed }
  }
  return { kind: 'sign_in', reason: needed }
}

/** Whether any live session will do, whoever it is of and however old: `judgeSession` has nothing against it. */
export const isAnySessionGood = ({
  prompts,
  maxAge,
  claims,
  idTokenHint,
}: Pick<AuthorizationRequest, 'prompts' | 'maxAge' | 'claims' | 'idTokenHint'>): boolean =>
  !prompts.has('login') &&
  !prompts.has('select_account') &&
  maxAge === undefined &&
  idTokenHint === undefined &&
  claims?.sub === undefined &&
  claims?.acr?.isEssential !== true

function findReason(
  { prompts, maxAge, claims }: Pick<AuthorizationRequest, 'prompts' | 'maxAge' | 'claims'>,
  { session, subject }: JudgedSession,
  about: Parameters<typeof judgeSession>[2],
): SignInReason | undefined {
  const { authTime, acr } = session.authentication
  const { receivedAtMilliseconds, offeredSid, expectedSubject } = about
  const receivedAt = Math.floor(receivedAtMilliseconds / 1000)
  const isFresh = isSignedInFor(session, about)
  /** The provider's word on when: a sign-in of another tab may have led here without anybody being asked. */
  const isAuthenticatedWithin = (seconds: number) =>
    isFresh
      ? authTime >= receivedAt - seconds - CLOCK_TOLERANCE_SECONDS
      : seconds > 0 && receivedAtMilliseconds <= (authTime + seconds) * 1000
  if (expectedSubject !== undefined && expectedSubject !== subject) return 'subject'
  if (prompts.has('login') && !isAuthenticatedWithin(0)) return 'login'
  if (maxAge !== undefined && !isAuthenticatedWithin(maxAge)) return 'max_age'
  if (claims?.acr?.isEssential === true && claims.acr.values.length > 0) {
    if (acr === undefined || !claims.acr.values.includes(acr)) return 'acr'
  }
  const isChosen = isFresh || offeredSid === session.sid
  return prompts.has('select_account') && !isChosen ? 'select_account' : undefined
}

/** Signed in since the request came; its very millisecond counts as before. */
const isSignedInFor = (
  { sid }: Pick<LiveSession, 'sid'>,
  { receivedAtMilliseconds }: { readonly receivedAtMilliseconds: number },
): boolean => startOf(sid) > receivedAtMilliseconds
