import { endUnheard } from '../../core/revocation/end-unheard.ts'
import { newSessionId } from '../../core/sessions/session.ts'
import type { EndCause, LiveSession, SessionId, UserId } from '../../core/sessions/session.ts'
import { setSessionCookie } from '../../core/sessions/session-cookie.ts'
import { profileOf } from '../../core/users/user-profile.ts'
import type { SignInRefusal, UpstreamSession, User } from '../../core/users/user.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import type { ClientParts } from './client-parts.ts'
import type { HandoffHost } from './handoff-hosts.ts'
import type { HostAssertion } from './host-answer.ts'

export interface TakenOver {
  readonly userId: UserId
  readonly sid: SessionId
  readonly isNew: boolean
  readonly isLinked: boolean
  readonly setCookies: readonly string[]
}

export type TakeOverRefusal =
  | 'ticket_refused'
  | 'answer_invalid'
  | 'host_unavailable'
  | 'signed_out_meanwhile'
  | SignInRefusal

interface Arrival {
  readonly host: HandoffHost
  readonly ticket: string
  /** The browser's live session when it came. */
  readonly previous: LiveSession | undefined
  readonly userAgent: string | undefined
  readonly facts: RequestFacts
  readonly now: EpochSeconds
}

/**
 * Takes a person over from a host. The ticket is shown, and so used up, first of all that changes anything; the
 * account is a function of (host, user id there); the session is usable only when the host has heard that it
 * exists, since otherwise it would not be told of its end there. So whatever fails on the way leaves no session.
 */
export async function takeOver(
  parts: ClientParts,
  arrival: Arrival,
): Promise<Result<TakenOver, TakeOverRefusal>> {
  const { host, ticket, previous, facts, now } = arrival
  const verified = await host.verify(ticket, now)
  if (!verified.ok) return verified
  const assertion = verified.value
  const { subject, claims, apiSid } = assertion
  const sid = newSessionId()
  const signIn = (upstreamSession?: UpstreamSession) =>
    parts.users.signIn({
      provider: host.config,
      issuer: host.config.issuer,
      subject,
      claims,
      upstreamSession,
      now,
    })
  const expiresAt = now + parts.config.session.absoluteSeconds
  const opening = { upstreamSid: apiSid, sid, expiresAt }
  // From the same session there, by a second ticket: what is open already is in the index.
  const present = previous !== undefined && isFrom(previous, host, assertion) ? previous : undefined
  let signedIn = await signIn(present === undefined ? opening : undefined)
  const isTheirs = signedIn.ok && signedIn.value.user.id === present?.userId
  // The identity is another account's by now, which gets a session of its own.
  if (signedIn.ok && present !== undefined && !isTheirs) signedIn = await signIn(opening)
  if (!signedIn.ok) return signedIn
  const { user, isNew, isLinked } = signedIn.value

  // The same person: they are signed in already, and stay so unless that is over.
  if (present !== undefined && isTheirs) {
    const again = await acknowledge(parts, arrival, assertion, present)
    if (!again.ok && again.refusal.code === 'signed_out_meanwhile') {
      await end(parts, arrival, present, 'handoff_host')
    }
    if (!again.ok) return again
    return ok({ userId: user.id, sid: present.sid, isNew, isLinked, setCookies: [] })
  }
  const opened = await open(parts, arrival, assertion, { user, sid })
  if (!opened.ok) return opened
  const { session, cookie } = opened.value
  const acknowledged = await acknowledge(parts, arrival, assertion, session)
  if (!acknowledged.ok) {
    // A host that does not answer has not said that the person left: nothing else of theirs ends with it.
    const isOver = acknowledged.refusal.code === 'signed_out_meanwhile'
    await end(parts, arrival, session, isOver ? 'handoff_host' : 'sign_in_unfinished')
    return acknowledged
  }
  if (previous !== undefined) {
    const ended = await parts.ends.endSession(facts, {
      ...idsOf(previous),
      cause: 'replaced_by_sign_in',
      now,
    })
    if (!ended.ok) {
      // Two sessions never live on from one browser. The new one's handle has not left us.
      await end(parts, arrival, session, 'sign_in_unfinished')
      return refuse('unavailable')
    }
  }
  const setCookies = [setSessionCookie(cookie, parts.config)]
  return ok({ userId: user.id, sid: session.sid, isNew, isLinked, setCookies })
}

async function open(
  { sessions, ends }: ClientParts,
  { host, userAgent, facts, now }: Arrival,
  { apiSid, subject, authTime }: HostAssertion,
  { user, sid }: { readonly user: User; readonly sid: SessionId },
) {
  const { id: providerId, issuer } = host.config
  const opened = await sessions.open({
    userId: user.id,
    sid,
    authentication: { providerId, issuer, subject, upstreamSid: apiSid, authTime },
    profile: profileOf(user),
    userAgent,
    continent: facts.continent,
    now,
  })
  if (opened.ok) return opened
  if (opened.refusal.code === 'user_disabled') return refuse('account_disabled')
  endUnheard(ends, facts, { userId: user.id, sid, now })
  return refuse('unavailable')
}

/** Notes that the host is to hear when the person leaves, and says to it that they are here. */
async function acknowledge(
  parts: ClientParts,
  { host, now }: Arrival,
  { apiSid, subject }: HostAssertion,
  session: LiveSession,
): Promise<Result<undefined, 'signed_out_meanwhile' | 'host_unavailable' | 'unavailable'>> {
  const noted = await parts.grants.participate({
    ...idsOf(session),
    participation: {
      applicationId: host.config.id,
      subject,
      clientSid: apiSid,
      protocol: 'handoff_host',
    },
    now,
  })
  if (!noted.ok) {
    return refuse(noted.refusal.code === 'no_session' ? 'signed_out_meanwhile' : 'unavailable')
  }
  const acknowledged = await host.acknowledge(apiSid)
  if (acknowledged.ok) return ok(undefined)
  const { code, facts } = acknowledged.refusal
  return refuse(code === 'session_over' ? 'signed_out_meanwhile' : code, facts)
}

const end = (
  { ends }: ClientParts,
  { facts, now }: Arrival,
  session: LiveSession,
  cause: EndCause,
) => ends.endSession(facts, { ...idsOf(session), cause, now })

/** Whether a session came of the same person's same session at this host. */
const isFrom = (
  { authentication }: LiveSession,
  { config }: HandoffHost,
  { apiSid, subject }: HostAssertion,
): boolean =>
  authentication.providerId === config.id &&
  authentication.issuer === config.issuer &&
  authentication.subject === subject &&
  authentication.upstreamSid === apiSid

const idsOf = ({ userId, sid }: LiveSession) => ({ userId, sid })
