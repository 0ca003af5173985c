import { DrawbridgeScene } from './drawbridge-scene.tsx'
import { PageShell } from './page-shell.tsx'
import { safeHref } from './safe-href.ts'

export interface ErrorPageProps {
  /** Stable, for search and support: `sign_in_expired`. One of ours, never text from the request. */
  readonly code: string
  /** What happened, as a heading: "This sign-in took too long". */
  readonly title: string
  /** What happened and what it means for the person, in plain words. */
  readonly explanation: string
  /** What to do now. */
  readonly nextStep: string
  /** `facts.requestId`: how an operator finds this very request in the log. */
  readonly requestId: string
  /** A way to try again. Left out where trying again cannot help. */
  readonly retry?: { readonly href: string; readonly label: string } | undefined
  /** A way out of what was begun. */
  readonly leave?: { readonly href: string; readonly label: string } | undefined
  readonly nonce?: string | undefined
}

/** The page for a request that could not be served. Says nothing of causes inside and repeats nothing of the request. */
export const ErrorPage = ({
  code,
  title,
  explanation,
  nextStep,
  requestId,
  retry,
  leave,
  nonce,
}: ErrorPageProps) => {
  const retryHref = safeHref(retry?.href)
  const leaveHref = safeHref(leave?.href)
  return (
    <PageShell title={title} nonce={nonce}>
      <DrawbridgeScene bridge="raised" />
      <div class="body">
        <h1>{title}</h1>
        <p>{explanation}</p>
        <p>{nextStep}</p>
        {retry !== undefined && retryHref !== undefined && (
          <p class="actions">
            <a class="button primary" id="try-again" href={retryHref}>
              {retry.label}
            </a>
          </p>
        )}
        {leave !== undefined && leaveHref !== undefined && (
          <p class="actions">
            <a class="button" id="leave" href={leaveHref} rel="nofollow">
              <bdi>{leave.label}</bdi>
            </a>
          </p>
        )}
        <dl class="support">
          <div>
            <dt>Code</dt>
            <dd>
              <code id="error-code">{code}</code>
            </dd>
          </div>
          <div>
            <dt>Request</dt>
            <dd>
              <code id="request-id">{requestId}</code>
            </dd>
          </div>
        </dl>
      </div>
    </PageShell>
  )
}
