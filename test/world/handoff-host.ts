/**
 * A host that hands people over, as somebody else would run one: it gives out tickets, verifies them for whoever
 * has the API key, and hears of logouts. Every way in which it can misbehave is a member.
 */
import type { Internet } from './internet.ts'
import { settings } from './settings.ts'

export interface HostedPerson {
  readonly id: string | number
  readonly name?: string
  readonly email?: string
  readonly email_verified?: unknown
}

export interface HandoffHostStandIn {
  readonly origin: string
  /** Every call of its API: the last word of its path, and its body. */
  readonly calls: readonly { readonly path: string; readonly body: Record<string, unknown> }[]
  /** A ticket for this person; the session there has this `api_sid`. */
  ticket(person: HostedPerson, apiSid?: string): string
  /** Answers that stand in for its own, by the last word of the path. */
  answers: Partial<Record<string, () => Response | Promise<Response>>>
  /** Changes the answer to a verification. */
  say: (answer: Record<string, unknown>) => Record<string, unknown>
}

export function createHandoffHost(
  internet: Internet,
  origin = 'https://portal.example',
): HandoffHostStandIn {
  const tickets = new Map<string, { person: HostedPerson; apiSid: string; isUsed: boolean }>()
  const calls: { path: string; body: Record<string, unknown> }[] = []
  const no = (status: number, code: string) => Response.json({ detail: code, code }, { status })

  const host: HandoffHostStandIn = {
    origin,
    calls,
    answers: {},
    say: (answer) => answer,
    ticket(person, apiSid = crypto.randomUUID()) {
      const ticket = `ticket-${crypto.randomUUID()}`
      tickets.set(ticket, { person, apiSid, isUsed: false })
      return ticket
    },
  }

  internet.serve(origin, async (request) => {
    const path = new URL(request.url).pathname.replace('/api/v1/sso/', '').replace(/\/$/, '')
    const body = (await request.json()) as Record<string, unknown>
    calls.push({ path, body })
    const standIn = host.answers[path]
    if (standIn !== undefined) return standIn()
    if (request.method !== 'POST' || request.headers.get('apikey') !== settings.PORTAL_API_KEY) {
      return no(401, 'authentication_failed')
    }
    if (path !== 'token-verify') return Response.json({ status: 'ok', api_sid: body.api_sid })
    const ticket = tickets.get(String(body.token))
    if (ticket === undefined) return no(401, 'token_not_valid')
    if (ticket.isUsed) return no(410, 'token_used')
    ticket.isUsed = true
    return Response.json(host.say({ api_sid: ticket.apiSid, access: 'x', user: ticket.person }))
  })
  return host
}
