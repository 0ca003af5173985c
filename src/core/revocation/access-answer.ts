import { parseAuthorization } from '../../protocol/authorization-header.ts'
import { dpopAlgorithms } from '../tokens/dpop-key.ts'
import type { AccessRefusalCode } from './check-access.ts'

/** What a refused caller is told. Few words: the reason in full goes to the log. */
export interface AccessAnswer {
  readonly status: 400 | 401 | 403 | 503
  readonly error: string
  /** The values of `WWW-Authenticate`, one header each. */
  readonly challenges: readonly string[]
  readonly retryAfterSeconds?: number
}

/** A caller that was refused only because we could not look may come again after this time. */
const RETRY_AFTER_SECONDS = 5

/**
 * The one map from the reasons of check-access.ts to the wire: RFC 6750 §3 and RFC 9449 §7.1. The error
 * stands in the challenge of the scheme that was used; the other scheme is offered where a caller without a
 * good token needs to know of it.
 */
export function accessAnswer(
  code: AccessRefusalCode,
  { authorization, scope }: { authorization: string | undefined; scope?: string | undefined },
): AccessAnswer {
  switch (code) {
    case 'no_credentials':
      // RFC 6750 §3.1: no error code for a request that brought no credentials.
      return { status: 401, error: 'no_credentials', challenges: ['Bearer', dpopChallenge()] }
    case 'malformed_credentials':
      return failed(400, 'invalid_request', authorization)
    case 'invalid_token':
    case 'revoked':
      return failed(401, 'invalid_token', authorization)
    case 'invalid_dpop_proof':
      return failed(401, 'invalid_dpop_proof', authorization)
    case 'insufficient_scope':
      return failed(403, 'insufficient_scope', authorization, scope)
    case 'unavailable':
      return {
        status: 503,
        error: 'temporarily_unavailable',
        challenges: [],
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      }
  }
}

function failed(
  status: 400 | 401 | 403,
  error: string,
  authorization: string | undefined,
  scope?: string,
): AccessAnswer {
  const parameters = [`error="${error}"`, ...(scope === undefined ? [] : [`scope="${scope}"`])]
  const credentials = parseAuthorization(authorization)
  const usedDpop = credentials.kind !== 'none' && credentials.scheme === 'DPoP'
  const challenges = usedDpop
    ? [dpopChallenge(...parameters)]
    : [`Bearer ${parameters.join(', ')}`, dpopChallenge()]
  return { status, error, challenges }
}

const dpopChallenge = (...parameters: string[]): string =>
  `DPoP ${[...parameters, `algs="${dpopAlgorithms.join(' ')}"`].join(', ')}`
