import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { people } from '../../dev/otrotl/people.ts'

export interface Answer {
  readonly status: number
  readonly url: URL
  readonly body: string
}

/**
 * A browser without a screen: follows redirects and keeps each host's cookies. (Node's `fetch` says of every
 * request that a script made it, and a script may not begin a sign-in.)
 */
export class HttpVisitor {
  readonly #cookies = new Map<string, Map<string, string>>()

  /** Answers the last response of the chain. */
  async visit(address: string | URL, form?: Record<string, string>): Promise<Answer> {
    let url = new URL(address)
    let body = form === undefined ? undefined : String(new URLSearchParams(form))
    for (let hop = 0; hop < 12; hop += 1) {
      const response = await this.#ask(url, body)
      const answer = { status: response.statusCode ?? 0, url, body: await text(response) }
      const { location } = response.headers
      if (location === undefined) return answer
      url = new URL(location, url)
      body = undefined
    }
    throw new Error(`too many redirects, the last to ${url.origin}${url.pathname}`)
  }

  /** Goes the whole way from the start of a sign-in to the dashboard. */
  async signIn(gatewayOrigin: string, { subject, name } = people[0]!): Promise<void> {
    const choice = await this.visit(`${gatewayOrigin}/auth/sso/login?return_to=/dashboard`)
    const action = /<form method="post" action="([^"]+)"/.exec(choice.body)?.[1]
    if (action === undefined) throw new Error(`no people to choose from at ${choice.url}`)
    const dashboard = await this.visit(new URL(action, choice.url), { person: subject })
    if (!dashboard.body.includes(name)) {
      throw new Error(`signing in ended at ${dashboard.url} with ${dashboard.status}`)
    }
  }

  cookieHeader(host: string): string {
    return [...this.#cookiesOf(host)].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  async #ask(url: URL, body: string | undefined): Promise<IncomingMessage> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = {
        cookie: this.cookieHeader(url.hostname),
        ...(body !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
      }
      const method = body === undefined ? 'GET' : 'POST'
      request(url, { method, headers }, resolve).on('error', reject).end(body)
    })
    const cookies = this.#cookiesOf(url.hostname)
    for (const line of response.headers['set-cookie'] ?? []) {
      const [pair = ''] = line.split(';')
      const equals = pair.indexOf('=')
      const [name, value] = [pair.slice(0, equals), pair.slice(equals + 1)]
      if (/max-age=0\b|expires=thu, 01 jan 1970/i.test(line)) cookies.delete(name)
      else cookies.set(name, value)
    }
    return response
  }

  #cookiesOf(host: string): Map<string, string> {
    const cookies = this.#cookies.get(host) ?? new Map<string, string>()
    this.#cookies.set(host, cookies)
    return cookies
  }
}
