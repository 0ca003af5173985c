import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { RequestVariables } from '../platform/request-facts.ts'
import { ErrorPage } from './error-page.tsx'
import type { ErrorPageProps } from './error-page.tsx'

/** How one reason for a "no" looks from outside: a status, and words for a person. */
export interface ErrorAnswer extends Pick<ErrorPageProps, 'title' | 'explanation' | 'nextStep'> {
  readonly status: ContentfulStatusCode
  /** As the `Retry-After` header. */
  readonly retryAfterSeconds?: number | undefined
}

/** The error page of a reason, whose name is the stable code, with ways on from it. Kept by no cache. */
export function answerError(
  c: Context<{ Variables: RequestVariables }>,
  code: string,
  { status, retryAfterSeconds, ...words }: ErrorAnswer,
  ways?: Pick<ErrorPageProps, 'retry' | 'leave'>,
): Response | Promise<Response> {
  c.header('Cache-Control', 'no-store')
  if (retryAfterSeconds !== undefined) c.header('Retry-After', String(retryAfterSeconds))
  const { requestId } = c.get('facts')
  const nonce = c.get('secureHeadersNonce')
  return c.html(
    <ErrorPage {...words} {...ways} code={code} requestId={requestId} nonce={nonce} />,
    status,
  )
}
