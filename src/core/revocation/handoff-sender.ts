/**
 * Tells the other side of a hand-off that a session is over, as Epixel's services tell each other: `{api_sid}` in a
 * POST. A service is told at its own logout URL; the host that has handed a person over to us at its API, with
 * our key there. Ending what has ended does nothing on either side, so a repeated call does no harm.
 */
import type { HandoffHostConfig } from '../../config.ts'
import type { OutboundFetch, UrlRules } from '../../platform/outbound-fetch.ts'
import type { Applications } from '../applications/application.ts'
import type { Delivery, SendOutcome } from '../sessions/delivery.ts'
import type { SendLogout } from './logout-sender.ts'

/** There is nothing by that name any more, so that nothing is left to be ended. */
const GONE = [404, 410]

interface Call {
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly rules: UrlRules
  /** For when the directory is down, or the service has been removed. */
  readonly remember?: string
}

const tell = async (
  outbound: OutboundFetch,
  { clientSid }: Delivery,
  { url, headers, rules, remember }: Call,
): Promise<SendOutcome> => {
  const kept = remember === undefined ? {} : { remember }
  const answer = await outbound(
    url,
    {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ api_sid: clientSid }),
    },
    rules,
  )
  if (!answer.ok) return { kind: 'failed', error: answer.refusal.code, ...kept }
  const { status } = answer.value
  if (status < 300 || GONE.includes(status)) return { kind: 'told', ...kept }
  const error = `status_${status}`
  return status === 400 ? { kind: 'refused', error, ...kept } : { kind: 'failed', error, ...kept }
}

/** Tells a service; its registration is read at each attempt, so that a corrected URL helps at once. */
export const createServiceSender =
  (parts: {
    readonly applications: Pick<Applications, 'findHandoffLogoutUrl'>
    readonly outbound: OutboundFetch
    readonly urlRules: UrlRules
  }): SendLogout =>
  async (delivery) => {
    const found = await parts.applications.findHandoffLogoutUrl(delivery.applicationId)
    const isDown = !found.ok && found.refusal.code === 'unavailable'
    const url = found.ok ? found.value : delivery.remembered
    if (url === undefined) {
      return isDown ? { kind: 'failed', error: 'directory_unavailable' } : { kind: 'unconcerned' }
    }
    return tell(parts.outbound, delivery, { url, rules: parts.urlRules, remember: url })
  }

/** Tells the host that its person has left us. One that is configured no more is told nothing. */
export const createHostSender =
  (parts: {
    readonly hosts: readonly HandoffHostConfig[]
    readonly outbound: OutboundFetch
  }): SendLogout =>
  async (delivery) => {
    const host = parts.hosts.find(({ id }) => id === delivery.applicationId)
    if (host === undefined) return { kind: 'unconcerned' }
    return tell(parts.outbound, delivery, {
      url: `${host.apiUrl}/sso/logout/`,
      headers: { apikey: host.apiKey },
      rules: { allowInsecureHttp: host.allowInsecureHttp },
    })
  }
