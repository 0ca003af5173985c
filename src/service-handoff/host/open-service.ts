import type { HandoffApplication } from '../../core/applications/application.ts'
import type { LiveSession } from '../../core/sessions/session.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { HostParts } from './host-parts.ts'

/** C24. */
export const TICKET_LIFETIME_SECONDS = 60

/** Whose session a ticket is for, and how they signed in. */
export type Holder = Pick<LiveSession, 'userId' | 'sid'> & { readonly providerId: string }

export interface OpenedService {
  /** Where the browser takes the ticket: the registered login URL with nothing but the ticket, and a state, added. */
  readonly loginUrl: string
  readonly token: string
  readonly expiresIn: number
}

/** Opaque to us: whoever asks for the hand-off may bind it to what it has begun (RFC 9700 §4.7). */
const STATE = /^[\x21-\x7e]{1,512}$/

/**
 * A ticket by which a service may take a person over, once, within a minute, while the session lives. It is
 * minted in the session's object and is worth nothing to any other service.
 */
export async function openService(
  { applications, grants }: Pick<HostParts, 'applications' | 'grants'>,
  input: {
    readonly holder: Holder
    /** The id of the service's application. */
    readonly service: string
    /** The application that asks for it; undefined where the person does. */
    readonly askedBy?: HandoffApplication
    readonly state?: string | undefined
    readonly now: EpochSeconds
  },
): Promise<
  Result<
    OpenedService,
    'unknown_service' | 'service_not_allowed' | 'invalid_parameter' | 'no_session' | 'unavailable'
  >
> {
  const { holder, service, askedBy, state, now } = input
  if (state !== undefined && !STATE.test(state)) {
    return refuse('invalid_parameter', { parameter: 'state' })
  }
  // Before it is looked up: what it may not open, it does not learn of.
  if (askedBy !== undefined && !mayHandOver(askedBy, service)) {
    return refuse('service_not_allowed', { check: 'asked_by' })
  }
  const found = await applications.findHandoffService(service)
  if (!found.ok) {
    return refuse(found.refusal.code === 'unavailable' ? 'unavailable' : 'unknown_service')
  }
  const { id: applicationId, handoff } = found.value
  const { loginUrl, scope, identityProviders } = handoff
  if (loginUrl === undefined) return refuse('unknown_service')
  if (!mayEnter(identityProviders, holder)) {
    return refuse('service_not_allowed', { check: 'identity_provider' })
  }
  const { userId, sid } = holder
  const minted = await grants.mint({
    userId,
    sid,
    grant: {
      kind: 'handoff_ticket',
      binding: { applicationId },
      content: { scope, isOpenId: scope.includes('openid') },
      lifetimeSeconds: TICKET_LIFETIME_SECONDS,
    },
    now,
  })
  // It rests on no consent: who may be handed over to whom is the operator's word.
  if (!minted.ok) return refuse(minted.refusal.code === 'no_session' ? 'no_session' : 'unavailable')
  const { handle: token } = minted.value
  const query = new URLSearchParams({ token, ...(state !== undefined && { state }) })
  return ok({
    loginUrl: `${loginUrl}${loginUrl.includes('?') ? '&' : '?'}${query.toString()}`,
    token,
    expiresIn: TICKET_LIFETIME_SECONDS,
  })
}

/** To itself it may: it acts for that person already. */
const mayHandOver = ({ id, isFirstParty, handoff }: HandoffApplication, service: string): boolean =>
  id === service || isFirstParty || handoff.mayHandOverTo.includes(service)

/** Whether people who have signed in like this one may be handed over to the service. */
export const mayEnter = (
  identityProviders: readonly string[],
  { providerId }: Pick<Holder, 'providerId'>,
): boolean => identityProviders.length === 0 || identityProviders.includes(providerId)
