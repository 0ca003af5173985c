import { DeliberatePress } from './deliberate-press.tsx'
import { DrawbridgeScene } from './drawbridge-scene.tsx'
import { PageShell } from './page-shell.tsx'

/** Somebody has signed in on a phone, and says whether an application is to know. */
export const OpenAppPage = ({
  siteName,
  appAddress,
  nonce,
}: {
  readonly siteName: string
  /** Of a scheme that the site is registered with; checked before. */
  readonly appAddress: string
  readonly nonce: string | undefined
}) => (
  <PageShell title={`Open ${siteName}?`} nonce={nonce}>
    <DrawbridgeScene bridge="lowered" />
    <div class="body">
      <h1>Open {siteName}?</h1>
      <p>You are signed in. The application is told who you are when you go on.</p>
      <p class="actions">
        <a class="button primary" id="open-app" href={appAddress}>
          Open the application
        </a>
        <DeliberatePress nonce={nonce} />
      </p>
    </div>
  </PageShell>
)
