import type { HandoffApplication } from '../../core/applications/application.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { displayedText } from '../../pages/displayed-text.ts'
import { Moment } from '../../pages/moment.tsx'
import { PageShell } from '../../pages/page-shell.tsx'

export interface ListedService {
  readonly id: string
  readonly name: string
  /** When the person last went there; undefined when they are not signed in to it. */
  readonly signedInAt: EpochSeconds | undefined
  /** Whether it can be gone to: it may have been changed since. */
  readonly canBeOpened: boolean
}

/** The services that a person may go to, with those first that they are signed in to. Works by forms alone. */
export const PortalPage = ({
  services,
  nonce,
}: {
  readonly services: readonly ListedService[]
  readonly nonce?: string | undefined
}) => (
  <PageShell title="Your services" layout="wide" nonce={nonce}>
    <p class="back">
      <a id="to-account" href="/account">
        Your sessions
      </a>
    </p>
    <h1>Your services</h1>
    <p class="lead">
      {services.length === 0
        ? 'No service takes people over from here.'
        : 'You go to a service without signing in there once more. When you sign out here, or in one of them, you are signed out of all.'}
    </p>
    <ul class="sessions" id="services">
      {services.map((service) => (
        <ServiceItem service={service} />
      ))}
    </ul>
  </PageShell>
)

const ServiceItem = ({ service }: { readonly service: ListedService }) => {
  const { id, name, signedInAt, canBeOpened } = service
  const nameId = `service-${id}`
  return (
    <li class="panel session" data-service={id}>
      <div>
        <h2 id={nameId}>
          <bdi>{displayedText(name)}</bdi>
          {signedInAt !== undefined && <span class="badge">Signed in</span>}
        </h2>
        {signedInAt !== undefined && (
          <dl>
            <div>
              <dt>Last opened</dt>
              <dd>
                <Moment at={signedInAt} />
              </dd>
            </div>
          </dl>
        )}
      </div>
      <div class="actions">
        {canBeOpened && (
          <form method="post" action="/account/services/open">
            <input type="hidden" name="service" value={id} />
            <button class="button primary" type="submit" aria-describedby={nameId}>
              Open
            </button>
          </form>
        )}
        {signedInAt !== undefined && (
          <form method="post" action="/account/services/leave">
            <input type="hidden" name="service" value={id} />
            <button class="button" type="submit" aria-describedby={nameId}>
              Sign out there
            </button>
          </form>
        )}
      </div>
    </li>
  )
}

/** How a service's application appears on the page. */
export const listed = (
  { id, name }: Pick<HandoffApplication, 'id' | 'name'>,
  signedInAt: EpochSeconds | undefined,
  canBeOpened: boolean,
): ListedService => ({ id, name, signedInAt, canBeOpened })
