import { script } from '../pages/built-assets.ts'
import { DrawbridgeScene } from '../pages/drawbridge-scene.tsx'
import { PageShell } from '../pages/page-shell.tsx'

export interface SignedOutPageProps {
  /** The browser has come back from the provider's own sign-out page. */
  readonly isBackFromProvider: boolean
  readonly nonce?: string | undefined
}

/** Where every sign-out ends. Its script takes the access token out of this browser, in all tabs. */
export const SignedOutPage = ({ isBackFromProvider, nonce }: SignedOutPageProps) => (
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
      <p class="actions">
        <a class="button primary" href="/auth/login">
          Sign in again
        </a>
      </p>
    </div>
    {/* A module, so that it runs after the deferred script above. */}
    <script type="module" nonce={nonce}>
      drawbridge.forget()
    </script>
  </PageShell>
)
