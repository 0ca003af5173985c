import { script } from '../pages/built-assets.ts'
import { displayedText } from '../pages/displayed-text.ts'
import { DrawbridgeScene } from '../pages/drawbridge-scene.tsx'
import { PageShell } from '../pages/page-shell.tsx'
import { followableHref } from '../pages/safe-href.ts'

type ToldState = 'told' | 'retrying' | 'given_up' | 'by_browser' | 'no_way'

export interface SignedOutPageProps {
  /** The browser has come back from the provider's own sign-out page. */
  readonly isBackFromProvider: boolean
  /** The applications that took part in the session; `frame` is the address that tells one of them. */
  readonly applications?: readonly {
    readonly name: string | undefined
    readonly state: ToldState
    readonly frame: string | undefined
  }[]
  /** Where the application that asked for the sign-out wants the person to be. */
  readonly destination?: { readonly url: string; readonly name: string } | undefined
  readonly nonce?: string | undefined
}

const WORDS: Readonly<Record<ToldState, string>> = {
  told: 'told',
  retrying: 'could not be reached yet, and is being retried',
  given_up: 'could not be reached; sign out there yourself',
  by_browser: 'told by this page',
  no_way: 'cannot be told; sign out there yourself',
}

/**
 * Where every sign-out ends, or comes past. Its script takes the access token out of this browser, in all tabs; its
 * frames sign out of applications that are told by the browser (Front-Channel Logout 1.0 §3), and may neither
 * lead this page elsewhere nor open another.
 */
export const SignedOutPage = ({
  isBackFromProvider,
  applications = [],
  destination,
  nonce,
}: SignedOutPageProps) => {
  const goOnHref = followableHref(destination?.url)
  return (
    <PageShell title="Signed out" scripts={[script]} nonce={nonce}>
      <DrawbridgeScene bridge="raised" />
      <div class="body">
        <h1 id="signed-out">You are signed out</h1>
        <p>This browser has no session here any more.</p>
        {!isBackFromProvider && (
          <p id="provider-may-go-on">
            The identity provider that you signed in with may still know you in this browser. If
            others use it too, sign out there as well, or close the browser.
          </p>
        )}
        {applications.length > 0 && (
          <>
            <h2>Applications that you used</h2>
            <ul id="applications">
              {applications.map(({ name, state }) => (
                <li class={`told-${state.replace('_', '-')}`}>
                  <bdi>
                    {displayedText(name) ?? 'An application that is not registered any more'}
                  </bdi>
                  {`: ${WORDS[state]}`}
                </li>
              ))}
            </ul>
          </>
        )}
        <p class="actions">
          {destination !== undefined && goOnHref !== undefined && (
            <a class="button primary" id="go-on" href={goOnHref}>
              {`Go on to ${displayedText(destination.name) ?? 'the application'}`}
            </a>
          )}
          <a class={goOnHref === undefined ? 'button primary' : 'button'} href="/auth/login">
            Sign in again
          </a>
        </p>
      </div>
      {applications.map(
        ({ frame }) =>
          frame !== undefined && (
            <iframe
              hidden
              title="Signs out of an application"
              src={frame}
              sandbox="allow-scripts allow-same-origin"
              referrerpolicy="no-referrer"
            ></iframe>
          ),
      )}
      {/* A module, so that it runs after the deferred script above. */}
      <script type="module" nonce={nonce}>
        drawbridge.forget()
      </script>
    </PageShell>
  )
}
