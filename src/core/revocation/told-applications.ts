/**
 * Which applications had to hear that a session is over, and how that stands: for the last page. Some hear it from
 * our server (Back-Channel Logout 1.0), some from a frame in that page (Front-Channel Logout 1.0 §3), some by both.
 */
import { ok } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { Application, Applications } from '../applications/application.ts'
import type { DeliveryProgress } from '../sessions/delivery.ts'
import type { SessionId, UserId } from '../sessions/session.ts'
import type { LogoutDeliveries } from './logout-delivery.ts'

export interface ToldApplication {
  /** Undefined when it has been removed, or the directory does not answer. */
  readonly name: string | undefined
  /** `by_browser`: the page's frame tells it; `no_way`: it has no address for being told. */
  readonly state: 'told' | 'retrying' | 'given_up' | 'by_browser' | 'no_way'
  /** The address of its frame. */
  readonly frame: string | undefined
}

export type FindTold = (session: {
  readonly userId: UserId
  readonly sid: SessionId
}) => Promise<Result<readonly ToldApplication[], 'unavailable'>>

/** Waits a little for those that are being told just now. */
export function createFindTold({
  issuer,
  applications,
  deliveries,
}: {
  readonly issuer: string
  readonly applications: Pick<Applications, 'find'>
  readonly deliveries: Pick<LogoutDeliveries, 'participantsOf'>
}): FindTold {
  return async ({ userId, sid }) => {
    const participants = await deliveries.participantsOf(userId, sid)
    if (!participants.ok) return participants
    return ok(
      await Promise.all(
        participants.value.map(async (progress): Promise<ToldApplication> => {
          const found = await applications.find(progress.applicationId)
          const application = found.ok ? found.value : undefined
          const frame = application && frameOf(application, progress, issuer)
          return { name: application?.name, state: stateOf(progress, frame), frame }
        }),
      ),
    )
  }
}

function stateOf({ state }: DeliveryProgress, frame: string | undefined): ToldApplication['state'] {
  if (state === 'unconcerned') return frame === undefined ? 'no_way' : 'by_browser'
  if (state === 'told') return 'told'
  return state === 'due' ? 'retrying' : 'given_up'
}

/** §3: `iss` and `sid` go along where the application wants them; what its address says already stays as it is. */
function frameOf(
  { oauth }: Application,
  { clientSid }: DeliveryProgress,
  issuer: string,
): string | undefined {
  if (oauth?.frontchannelLogoutUri === undefined) return undefined
  const url = new URL(oauth.frontchannelLogoutUri)
  if (oauth.frontchannelLogoutSessionRequired) {
    const query = new URLSearchParams({ iss: issuer, sid: clientSid }).toString()
    url.search = url.search === '' ? query : `${url.search}&${query}`
  }
  return url.href
}
