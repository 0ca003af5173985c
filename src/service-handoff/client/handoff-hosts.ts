/**
 * The hosts that hand people over to us, as we call them: server to server, with our API key. Nothing that a
 * browser has brought decides where we ask: the host is one of those that are configured.
 */
import type { Config, HandoffHostConfig } from '../../config.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { parseJsonObject } from '../../platform/json-object.ts'
import { createOutboundFetch } from '../../platform/outbound-fetch.ts'
import type { OutboundAnswer, OutboundFetch } from '../../platform/outbound-fetch.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { parseHostAnswer } from './host-answer.ts'
import type { HostAssertion } from './host-answer.ts'

/** A ticket is text that we pass on, and never look into. */
const TICKET = /^[\x21-\x7e]{8,2048}$/

/** How hosts say that it is the ticket that they do not take, and not us. */
const TICKET_CODES = ['token_not_valid', 'token_used', 'token_expired']

export interface HandoffHost {
  readonly config: HandoffHostConfig
  /** Shows the ticket to the host: by that it is used up. */
  verify(
    ticket: string,
    now: EpochSeconds,
  ): Promise<Result<HostAssertion, 'ticket_refused' | 'answer_invalid' | 'host_unavailable'>>
  /** Says that the person is signed in here; only then does the host tell us when that is over. */
  acknowledge(apiSid: string): Promise<Result<undefined, 'session_over' | 'host_unavailable'>>
}

export interface HandoffHosts {
  readonly all: readonly HandoffHost[]
  /** The host with this id; without an id the first one. */
  find(id: string | undefined): HandoffHost | undefined
}

export function createHandoffHosts(
  config: Pick<Config, 'issuer' | 'handoffHosts'>,
  outbound: OutboundFetch = createOutboundFetch({ ownOrigin: config.issuer }),
): HandoffHosts {
  const all = config.handoffHosts.map((host) => createHandoffHost(host, outbound))
  return {
    all,
    find: (id) => (id === undefined ? all[0] : all.find((host) => host.config.id === id)),
  }
}

function createHandoffHost(config: HandoffHostConfig, outbound: OutboundFetch): HandoffHost {
  const call = (path: string, body: Readonly<Record<string, string>>) =>
    outbound(
      `${config.apiUrl}/sso/${path}/`,
      {
        method: 'POST',
        headers: {
          apikey: config.apiKey,
          'content-type': 'application/json',
          accept: 'application/json',
        },
        body: JSON.stringify(body),
      },
      { allowInsecureHttp: config.allowInsecureHttp },
    )

  return {
    config,
    async verify(ticket, now) {
      if (!TICKET.test(ticket)) return refuse('ticket_refused', { check: 'form' })
      const answer = await call('token-verify', { token: ticket })
      if (!answer.ok) return refuse('host_unavailable', { error: answer.refusal.code })
      const { status, bytes } = answer.value
      if (status >= 300) {
        const code = isTicketRefused(answer.value) ? 'ticket_refused' : 'host_unavailable'
        return refuse(code, { status })
      }
      const said = parseHostAnswer(parseJsonObject(bytes), now)
      return said === undefined ? refuse('answer_invalid') : ok(said)
    },
    async acknowledge(apiSid) {
      const answer = await call('login-acknowledgement', { api_sid: apiSid })
      if (!answer.ok) return refuse('host_unavailable', { error: answer.refusal.code })
      const { status } = answer.value
      if (status < 300) return ok(undefined)
      const isOver = status === 404 || status === 410
      return refuse(isOver ? 'session_over' : 'host_unavailable', { status })
    },
  }
}

/** A 401 says nothing by itself: it may be our key that is wrong. */
function isTicketRefused({ status, bytes }: OutboundAnswer): boolean {
  if (status === 400 || status === 404 || status === 410) return true
  const code = parseJsonObject(bytes)?.code
  return status === 401 && typeof code === 'string' && TICKET_CODES.includes(code)
}
