import { DrawbridgeScene } from './drawbridge-scene.tsx'
import { PageShell } from './page-shell.tsx'

export interface LeavingPageProps {
  /** The provider's end-session endpoint with its parameters, from the provider's checked metadata. */
  readonly providerUrl: URL
  readonly nonce?: string | undefined
}

/**
 * On the way to the provider's sign-out page, where a redirect will not do: browsers hold a form's redirects
 * to the page's `form-action`, and this address is none of those that it names. A link is no form, and a
 * `Refresh` header follows it.
 */
export const LeavingPage = ({ providerUrl, nonce }: LeavingPageProps) => (
  <PageShell title="Signing out" nonce={nonce}>
    <DrawbridgeScene bridge="raised" />
    <div class="body">
      <h1>You are signed out here</h1>
      <p>One more step signs you out at the identity provider as well.</p>
      <p class="actions">
        <a class="button primary" id="to-provider" href={providerUrl.href}>
          Go on
        </a>
      </p>
    </div>
  </PageShell>
)
