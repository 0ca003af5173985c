/**
 * The application gets what it asked for: a code, to be taken at the token endpoint, or the tokens themselves.
 * Both only under a session that lives at that moment, which its object decides.
 */
import type { GrantContent, NewGrant } from '../../core/sessions/grant.ts'
import type { LiveSession } from '../../core/sessions/session.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { NO_CLAIMS_ASKED } from '../claims-request.ts'
import { consentBehind } from '../consent/consent-needed.ts'
import { issueIdToken } from '../id-token.ts'
import { grantedScope, issueUserToken } from '../user-token.ts'
import type { AuthorizationError, AuthorizationRequest } from './authorization-request.ts'
import type { AuthorizeParts } from './authorize-parts.ts'
import type { AnswerParameters } from './response-mode.ts'

/** C14. */
const CODE_SECONDS = 60

type Issued = Result<AnswerParameters, AuthorizationError>

type IssueParts = Pick<
  AuthorizeParts,
  'config' | 'grants' | 'subjects' | 'applicationTokens' | 'signedClaims'
>

/** The parameters of the answer, without `state` and `iss`. */
export const issueAnswer = (
  parts: IssueParts,
  request: AuthorizationRequest,
  session: LiveSession,
  now: EpochSeconds,
): Promise<Issued> =>
  request.responseType === 'code'
    ? issueCode(parts, request, session, now)
    : issueTokens(parts, request, session, now)

async function issueCode(
  { grants }: IssueParts,
  request: AuthorizationRequest,
  { userId, sid }: LiveSession,
  now: EpochSeconds,
): Promise<Issued> {
  const minted = await grants.mint({ userId, sid, grant: codeFor(request), now })
  return minted.ok ? ok({ code: minted.value.handle }) : over(minted.refusal.code)
}

/** The grant that a code for this request stands for. */
export function codeFor(request: AuthorizationRequest): NewGrant {
  const { target, codeChallenge, jkt } = request
  return {
    kind: 'authorization_code',
    binding: {
      applicationId: target.application.id,
      ...(request.isRedirectUriSent && { redirectUri: target.redirectUri }),
      ...(codeChallenge !== undefined && { codeChallenge }),
      ...(jkt !== undefined && { jkt }),
    },
    content: contentOf(request),
    lifetimeSeconds: CODE_SECONDS,
    asOf: target.asOf,
    needsConsent: consentBehind(request),
  }
}

/** OpenID Connect Core 1.0 §3.2.2.5, RFC 6749 §4.2.2. There is no grant, so what was handed out is noted first. */
async function issueTokens(
  parts: IssueParts,
  request: AuthorizationRequest,
  session: LiveSession,
  now: EpochSeconds,
): Promise<Issued> {
  const { responseType, target, nonce } = request
  const { application } = target
  const { userId, sid } = session
  const content = contentOf(request)
  const noted = await parts.grants.participate({
    userId,
    sid,
    participation: {
      applicationId: application.id,
      subject: await parts.subjects.subjectFor(application, userId),
      clientSid: await parts.subjects.sessionIdFor(application, sid),
    },
    scope: request.scope,
    needsConsent: consentBehind(request),
    now,
  })
  if (!noted.ok) return over(noted.refusal.code)

  const hasToken = responseType.split(' ').includes('token')
  const hasIdToken = responseType.split(' ').includes('id_token')
  const token = hasToken
    ? await issueUserToken(parts, {
        application,
        session,
        family: noted.value.family,
        content,
        now,
      })
    : undefined
  if (token?.ok === false) return over(token.refusal.code)
  const claims = request.claims ?? NO_CLAIMS_ASKED
  const idToken = hasIdToken
    ? await issueIdToken(parts, {
        application,
        session,
        scope: request.scope,
        claims,
        nonce,
        accessToken: token?.value.token,
        now,
      })
    : undefined
  if (idToken?.ok === false) return over(idToken.refusal.code)
  return ok({
    ...(token !== undefined && {
      access_token: token.value.token,
      token_type: 'Bearer',
      expires_in: String(token.value.expiresIn),
      scope: request.requestedScope ?? grantedScope(content).join(' '),
    }),
    ...(idToken !== undefined && { id_token: idToken.value }),
  })
}

const contentOf = (request: AuthorizationRequest): GrantContent => {
  const { scope, nonce, claims, resource, isOpenId, requestedScope } = request
  return {
    scope,
    isOpenId,
    ...(nonce !== undefined && { nonce }),
    ...(claims !== undefined && { claims }),
    ...(resource !== undefined && { resource }),
    ...(requestedScope !== undefined && { requestedScope }),
  }
}

/** The session was live a moment ago, and the consent there: one has ended meanwhile, or nobody can say. */
const over = (code: keyof typeof OVER) => refuse(OVER[code], { check: code })

const OVER = {
  no_session: 'login_required',
  session_over: 'login_required',
  no_consent: 'consent_required',
  unavailable: 'temporarily_unavailable',
} as const
