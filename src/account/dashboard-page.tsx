import type { Child } from 'hono/jsx'
import type { LiveSession } from '../core/sessions/session.ts'
import { dashboardScript, script } from '../pages/built-assets.ts'
import { displayedText, initialsOf } from '../pages/displayed-text.ts'
import { DrawbridgeScene } from '../pages/drawbridge-scene.tsx'
import { PageShell } from '../pages/page-shell.tsx'
import { safePicture } from '../pages/safe-href.ts'
import { Moment } from '../pages/moment.tsx'
import { SignedOutNotice } from './signed-out-notice.tsx'

export interface DashboardPageProps {
  readonly session: LiveSession
  /** As configured: "OTROTL". */
  readonly providerName: string
  readonly nonce?: string | undefined
}

/**
 * The signed-in person's own page. Complete without JavaScript but for one panel, which calls the API with
 * the access token as any application's page would.
 */
export const DashboardPage = ({ session, providerName, nonce }: DashboardPageProps) => {
  const { profile, sid } = session
  const name = displayedText(profile.name) ?? displayedText(profile.email) ?? 'traveller'
  return (
    <PageShell title="Dashboard" layout="wide" scripts={[script, dashboardScript]} nonce={nonce}>
      <div id="dashboard" data-sid={sid}>
        <div class="welcome">
          <div class="who">
            <Avatar name={name} picture={profile.picture} />
            <div>
              <h1>
                Welcome, <bdi id="person-name">{name}</bdi>
              </h1>
              <p class="lead">
                You are signed in with <bdi>{providerName}</bdi>.
              </p>
              <form class="actions" method="post" action="/auth/sso/logout">
                <button class="button" type="submit" id="sign-out">
                  Sign out
                </button>
              </form>
            </div>
          </div>
          <DrawbridgeScene bridge="lowered" />
        </div>
        <div class="panels">
          <Panel id="you" title="You">
            <Fact term="Name">
              <bdi>{displayedText(profile.name) ?? 'not told by the provider'}</bdi>
            </Fact>
            <Fact term="E-mail">
              <bdi id="person-email">
                {displayedText(profile.email, 254) ?? 'not told by the provider'}
              </bdi>
            </Fact>
            <Fact term="Signed in with">
              <bdi id="provider-name">{providerName}</bdi>
            </Fact>
          </Panel>
          <Panel id="session" title="This session">
            <Fact term="Started">
              <Moment at={session.startedAt} />
            </Fact>
            <Fact term="Ends if unused">
              <Moment at={session.idleDeadlineAt} />
            </Fact>
            <Fact term="Ends at the latest">
              <Moment at={session.absoluteDeadlineAt} />
            </Fact>
            <Fact term="Device">
              <bdi>{displayedText(session.device)}</bdi>
            </Fact>
            <Fact term="Elsewhere">
              <a id="to-account" href="/account">
                All your sessions
              </a>
            </Fact>
          </Panel>
          <ApiPanel />
        </div>
      </div>
      <SignedOutNotice returnTo="/dashboard" />
    </PageShell>
  )
}

/** Shown by the script; the fields take what `GET /api/me` answers. */
const ApiPanel = () => (
  <section class="panel" aria-labelledby="api-heading">
    <h2 id="api-heading">What the API sees</h2>
    <noscript>
      <p>
        This part calls the API with your access token, and that needs JavaScript. You are signed in
        all the same.
      </p>
    </noscript>
    <div id="api" hidden>
      <p id="api-status" role="status"></p>
      <dl id="api-answer" hidden>
        <Fact term="User (sub)">
          <code data-field="sub"></code>
        </Fact>
        <Fact term="Session (sid)">
          <code data-field="sid"></code>
        </Fact>
        <Fact term="Signed in at">
          <span data-field="auth_time"></span>
        </Fact>
        <Fact term="Token good until">
          <span data-field="expires_at"></span>
        </Fact>
        <Fact term="Checked at level">
          <code>bounded</code>
        </Fact>
      </dl>
      <p class="actions">
        <button class="button" type="button" id="api-again">
          Call the API again
        </button>
      </p>
    </div>
  </section>
)

const Panel = ({ id, title, children }: { id: string; title: string; children: Child }) => (
  <section class="panel" aria-labelledby={`${id}-heading`}>
    <h2 id={`${id}-heading`}>{title}</h2>
    <dl>{children}</dl>
  </section>
)

const Fact = ({ term, children }: { term: string; children: Child }) => (
  <div class="fact">
    <dt>{term}</dt>
    <dd>{children}</dd>
  </div>
)

/** The picture is fetched by the browser, without telling where from; our server never fetches it. */
const Avatar = ({ name, picture }: { name: string; picture: string | undefined }) => {
  const source = safePicture(picture)
  return source === undefined ? (
    <span class="avatar" aria-hidden="true">
      {initialsOf(name)}
    </span>
  ) : (
    <img class="avatar" src={source} alt="" width="64" height="64" referrerpolicy="no-referrer" />
  )
}
