import { DeliberatePress } from '../../pages/deliberate-press.tsx'
import { displayedText } from '../../pages/displayed-text.ts'
import { DrawbridgeScene } from '../../pages/drawbridge-scene.tsx'
import { PageShell } from '../../pages/page-shell.tsx'
import { safeHref } from '../../pages/safe-href.ts'
import { ResourceItem, ScopeItem } from '../../pages/scope-item.tsx'
import type { ConsentView } from './consent-view.ts'

export const CONSENT_PATH = '/oauth/authorize/consent'

/** Asks the person whether an application may know what it asks for. Nobody but the person can press these buttons. */
export const ConsentPage = ({ view, nonce }: { view: ConsentView; nonce: string | undefined }) => {
  const { application, session, scope, claims, resource, redirectUri } = view
  const name = displayedText(application.name, 60) ?? application.id
  const person = displayedText(session.profile.name, 60) ?? displayedText(session.profile.email)
  return (
    <PageShell title="Allow access?" nonce={nonce}>
      <DrawbridgeScene bridge="raised" />
      <div class="body">
        <h1>
          Let <bdi>{name}</bdi> know who you are?
        </h1>
        <p>
          You are signed in
          {person !== undefined && (
            <>
              {' '}
              as{' '}
              <strong>
                <bdi>{person}</bdi>
              </strong>
            </>
          )}
          .{' '}
          <a id="other-account" href={safeHref(view.otherAccountHref)} rel="nofollow">
            Use another account
          </a>
        </p>
        <h2 id="asked-heading">It asks for</h2>
        <ul aria-labelledby="asked-heading">
          {scope.map((value) => (
            <ScopeItem value={value} />
          ))}
          {claims.map((claim) => (
            <li data-claim={claim}>Your {claim.replaceAll('_', ' ')}</li>
          ))}
          <ResourceItem value={resource} />
        </ul>
        <p>
          Either way you go on to{' '}
          <strong>
            <bdi>{placeOf(redirectUri)}</bdi>
          </strong>
          . What you allow is remembered, and can be taken back under “Your account”.
        </p>
        <form class="actions" id="consent" method="post" action={CONSENT_PATH}>
          <input type="hidden" name="client_id" value={application.id} />
          <input type="hidden" name="request_uri" value={view.requestUri} />
          <input type="hidden" name="proof" value={view.proof} />
          <button class="button primary" id="allow" type="submit" name="decision" value="allow">
            Allow
          </button>
          <button class="button" id="deny" type="submit" name="decision" value="deny">
            Do not allow
          </button>
          <DeliberatePress nonce={nonce} />
        </form>
      </div>
    </PageShell>
  )
}

/** Where the browser goes next, as far as a person can tell by it: a host, or a program on this machine. */
function placeOf(redirectUri: string): string {
  const { protocol, host } = new URL(redirectUri)
  if (protocol === 'https:') return host
  return protocol === 'http:' ? `a program on this device (${host})` : `an app (${protocol})`
}
