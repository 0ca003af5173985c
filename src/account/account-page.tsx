import type { LiveSession } from '../core/sessions/session.ts'
import { accountScript, script } from '../pages/built-assets.ts'
import { displayedText } from '../pages/displayed-text.ts'
import { PageShell } from '../pages/page-shell.tsx'
import { ConnectionList } from './connection-list.tsx'
import { Moment } from '../pages/moment.tsx'
import type { NamedConnection } from './own-applications.ts'
import { SignedOutNotice } from './signed-out-notice.tsx'

export interface AccountPageProps {
  /** The session that asks. */
  readonly current: LiveSession
  /** The person's other live sessions, newest first. */
  readonly others: readonly LiveSession[]
  /** The applications that the person is connected to. */
  readonly connections?: readonly NamedConnection[]
  readonly providerNameOf: (session: LiveSession) => string
  readonly nonce?: string | undefined
}

/** Where a person is signed in. Complete without JavaScript: what ends a session is a form. */
export const AccountPage = ({
  current,
  others,
  connections = [],
  providerNameOf,
  nonce,
}: AccountPageProps) => {
  const { name, email } = current.profile
  return (
    <PageShell title="Your sessions" layout="wide" scripts={[script, accountScript]} nonce={nonce}>
      <div id="account" data-sid={current.sid}>
        <p class="back">
          <a id="to-dashboard" href="/dashboard">
            Dashboard
          </a>
        </p>
        <h1>Where you are signed in</h1>
        <p class="lead">
          As <bdi>{displayedText(name) ?? displayedText(email) ?? 'a person without a name'}</bdi>,
          {others.length === 0
            ? ' in this browser only.'
            : ` in ${others.length + 1} browsers. If you do not know one of them, end it.`}
        </p>
        <div class="actions">
          {others.length > 0 && (
            <form method="post" action="/account/sessions/end-others">
              <button class="button" type="submit" id="end-others">
                End all others
              </button>
            </form>
          )}
          <a class="button" id="to-services" href="/account/services">
            Your services
          </a>
          <a class="button" id="end-all" href="/account/sessions/end-all">
            End all, here too
          </a>
        </div>
        <ul class="sessions" id="sessions">
          {[current, ...others].map((session) => (
            <SessionItem
              session={session}
              providerName={providerNameOf(session)}
              isCurrent={session === current}
            />
          ))}
        </ul>
        <ConnectionList connections={connections} />
      </div>
      <SignedOutNotice returnTo="/account" />
    </PageShell>
  )
}

interface SessionItemProps {
  readonly session: LiveSession
  readonly providerName: string
  readonly isCurrent: boolean
}

const SessionItem = ({ session, providerName, isCurrent }: SessionItemProps) => {
  const { sid, device, startedAt, lastUsedAt, absoluteDeadlineAt } = session
  const nameId = `device-${sid}`
  return (
    <li class="panel session" data-session={sid}>
      <div>
        <h2 id={nameId}>
          <bdi>{displayedText(device)}</bdi>
          {isCurrent && <span class="badge">This browser</span>}
        </h2>
        <dl>
          <div>
            <dt>Signed in with</dt>
            <dd>
              <bdi>{providerName}</bdi>
            </dd>
          </div>
          <div>
            <dt>Since</dt>
            <dd>
              <Moment at={startedAt} />
            </dd>
          </div>
          <div>
            <dt>Last used</dt>
            <dd>
              <Moment at={lastUsedAt} />
            </dd>
          </div>
          <div>
            <dt>Ends at the latest</dt>
            <dd>
              <Moment at={absoluteDeadlineAt} />
            </dd>
          </div>
        </dl>
      </div>
      <form method="post" action="/account/sessions/end">
        <input type="hidden" name="sid" value={sid} />
        <button class="button" type="submit" aria-describedby={nameId}>
          {isCurrent ? 'Sign out here' : 'End this session'}
        </button>
      </form>
    </li>
  )
}
