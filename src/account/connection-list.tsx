import { displayedText } from '../pages/displayed-text.ts'
import { ScopeItem } from '../pages/scope-item.tsx'
import { Moment } from '../pages/moment.tsx'
import type { NamedConnection } from './own-applications.ts'

/** The applications that the person signs in to with us, what each may see, and the way to end it. */
export const ConnectionList = ({ connections }: { connections: readonly NamedConnection[] }) =>
  connections.length === 0 ? null : (
    <section aria-labelledby="applications-heading">
      <h1 id="applications-heading">Connected applications</h1>
      <p class="lead">
        These know who you are. One that you disconnect is signed out of your account, and has to
        ask you again.
      </p>
      <ul class="sessions" id="applications">
        {connections.map((connection) => (
          <ConnectionItem connection={connection} />
        ))}
      </ul>
    </section>
  )

const ConnectionItem = ({ connection }: { connection: NamedConnection }) => {
  const { applicationId, name, scope, consent, lastUsedAt, sids } = connection
  const nameId = `application-${applicationId}`
  const claims = (consent?.claims ?? []).map((claim) => `Your ${claim.replaceAll('_', ' ')}`)
  return (
    <li class="panel session" data-application={applicationId}>
      <div>
        <h2 id={nameId}>
          <bdi>{displayedText(name, 60) ?? applicationId}</bdi>
          {sids.length > 0 && <span class="badge">In use</span>}
        </h2>
        <dl>
          {scope.length + claims.length > 0 && (
            <div>
              <dt>May see</dt>
              <dd>
                <ul>
                  {scope.map((value) => (
                    <ScopeItem value={value} />
                  ))}
                  {claims.map((words) => (
                    <li>{words}</li>
                  ))}
                </ul>
              </dd>
            </div>
          )}
          {consent !== undefined && consent.resources.length > 0 && (
            <div>
              <dt>May act for you at</dt>
              <dd>
                <ul>
                  {consent.resources.map((uri) => (
                    <li data-resource={uri}>
                      <code>{uri}</code>
                    </li>
                  ))}
                </ul>
              </dd>
            </div>
          )}
          {consent !== undefined && (
            <div>
              <dt>Allowed</dt>
              <dd>
                <Moment at={consent.givenAt} />
              </dd>
            </div>
          )}
          {lastUsedAt !== undefined && (
            <div>
              <dt>Last used</dt>
              <dd>
                <Moment at={lastUsedAt} />
              </dd>
            </div>
          )}
        </dl>
      </div>
      <form method="post" action="/account/applications/disconnect">
        <input type="hidden" name="application" value={applicationId} />
        <button class="button" type="submit" aria-describedby={nameId}>
          Disconnect
        </button>
      </form>
    </li>
  )
}
