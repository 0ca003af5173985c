import { displayedText } from '../pages/displayed-text.ts'
import { DrawbridgeScene } from '../pages/drawbridge-scene.tsx'
import { PageShell } from '../pages/page-shell.tsx'
import { safeHref } from '../pages/safe-href.ts'

export interface SignInPageProps {
  /** In the order to show; each `href` starts a sign-in at that provider. */
  readonly providers: readonly {
    readonly id: string
    readonly name: string
    readonly href: string
  }[]
  /** Where the person goes afterwards: a path of ours or an absolute URL, already checked. */
  readonly returnTo: string
  /** Set when this browser has a live session already. */
  readonly signedInAs?: { readonly name?: string | undefined } | undefined
  /** Goes on with that session. */
  readonly continueHref?: string | undefined
  /** The application that the person signs in for, and the own path that tells it no. */
  readonly asker?: { readonly name: string; readonly cancelHref: string } | undefined
  readonly nonce?: string | undefined
}

/**
 * The sign-in page: one link for each identity provider. Links, not forms: a browser holds the policy's
 * `form-action` against every redirect that follows a form, and the next one leads to the provider.
 */
export const SignInPage = ({
  providers,
  returnTo,
  signedInAs,
  continueHref,
  asker,
  nonce,
}: SignInPageProps) => {
  const goOn = signedInAs === undefined ? undefined : safeHref(continueHref)
  const destination = displayedText(asker?.name, 60) ?? hostOf(returnTo)
  const cancelHref = safeHref(asker?.cancelHref)
  return (
    <PageShell title="Sign in" nonce={nonce}>
      <DrawbridgeScene bridge="raised" />
      <div class="body">
        <h1>Sign in</h1>
        {destination !== undefined && (
          <p class="lead">
            to continue to{' '}
            <strong>
              <bdi>{destination}</bdi>
            </strong>
          </p>
        )}
        {goOn !== undefined && (
          <section class="already" aria-labelledby="already-heading">
            <h2 id="already-heading">You are signed in already</h2>
            <p>
              <a class="button primary" id="continue" href={goOn}>
                Continue as <bdi>{displayedText(signedInAs?.name, 60) ?? 'before'}</bdi>
              </a>
            </p>
            <h2>Or use another account</h2>
          </section>
        )}
        {providers.length === 0 ? (
          <p>No way to sign in has been set up here yet. Please tell whoever runs this service.</p>
        ) : (
          <ul class="providers">
            {providers.map(({ id, name, href }, place) => (
              <li>
                <a
                  class={place === 0 && goOn === undefined ? 'button primary' : 'button'}
                  id={`sign-in-with-${id}`}
                  data-provider={id}
                  href={safeHref(href)}
                  rel="nofollow"
                >
                  Sign in with <bdi>{name}</bdi>
                </a>
              </li>
            ))}
          </ul>
        )}
        {cancelHref !== undefined && (
          <p>
            <a id="cancel" href={cancelHref} rel="nofollow">
              Cancel and go back
            </a>
          </p>
        )}
      </div>
    </PageShell>
  )
}

/** The host that an absolute target leads to; undefined for a path of our own, which needs no naming. */
const hostOf = (returnTo: string): string | undefined =>
  returnTo.startsWith('/') || safeHref(returnTo) === undefined
    ? undefined
    : URL.parse(returnTo)?.host
