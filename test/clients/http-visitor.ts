import { request } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { people } from '../../dev/otrotl/people.ts'

export interface Answer {
  readonly status: number
  readonly url: URL
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A form of a page, with what it would send: its own fields, and those of the button that is pressed. */
export interface Form {
  readonly action: URL
  readonly fields: Readonly<Record<string, string>>
  readonly buttons: readonly { readonly id: string; readonly fields: Record<string, string> }[]
}

/**
 * A browser without a screen and without scripts: follows redirects, keeps each host's cookies and submits
 * forms. (Node's `fetch` says of every request that a script made it, and a script may not begin a sign-in.)
 */
export class HttpVisitor {
  readonly #cookies = new Map<string, Map<string, string>>()

  /** Answers the last response of the chain; with `isFarEnough`, that which leads there, with where as its URL. */
  async visit(
    address: string | URL,
    form?: Record<string, string>,
    isFarEnough: (url: URL) => boolean = () => false,
  ): Promise<Answer> {
    let url = new URL(address)
    let body = form === undefined ? undefined : String(new URLSearchParams(form))
    for (let hop = 0; hop < 20; hop += 1) {
      const response = await this.#ask(url, body)
      const { statusCode: status = 0, headers } = response
      const answer = { status, url, headers, body: await text(response) }
      const { location } = headers
      if (location === undefined) return answer
      url = new URL(location, url)
      if (isFarEnough(url)) return { ...answer, url }
      body = undefined
    }
    throw new Error(`too many redirects, the last to ${url.origin}${url.pathname}`)
  }

  /** Presses a button of the page's forms, by its id. */
  async press(page: Answer, buttonId: string): Promise<Answer> {
    for (const form of formsOf(page)) {
      const button = form.buttons.find(({ id }) => id === buttonId)
      if (button) return this.visit(form.action, { ...form.fields, ...button.fields })
    }
    throw new Error(`no button ${buttonId} at ${page.url}:\n${page.body}`)
  }

  /** Goes on from a page that waits a moment or asks: by its `Refresh`, its first link onwards, or its first button. */
  async goOn(page: Answer): Promise<Answer> {
    const [form] = formsOf(page)
    if (form?.buttons[0] !== undefined) {
      return this.visit(form.action, { ...form.fields, ...form.buttons[0].fields })
    }
    const link = /<a\b[^>]*id="continue"[^>]*>/.exec(page.body)?.[0]
    const target = attributesOf(link ?? '')['href']
    if (target === undefined) throw new Error(`nowhere to go on from ${page.url}:\n${page.body}`)
    return this.visit(new URL(target, page.url))
  }

  /** Chooses one of the people at OTROTL, where the page offers them; else stays on the page. */
  async choosePerson(page: Answer, { subject } = people[0]!): Promise<Answer> {
    const form = formsOf(page).find(({ action }) => action.pathname.startsWith('/interaction/'))
    return form === undefined ? page : this.visit(form.action, { person: subject })
  }

  /** Goes the whole way from the start of a sign-in to the dashboard. */
  async signIn(gatewayOrigin: string, person = people[0]!): Promise<void> {
    const choice = await this.visit(`${gatewayOrigin}/auth/sso/login?return_to=/dashboard`)
    const dashboard = await this.choosePerson(choice, person)
    if (!dashboard.body.includes(person.name)) {
      throw new Error(`signing in ended at ${dashboard.url} with ${dashboard.status}`)
    }
  }

  cookieHeader(host: string): string {
    return [...this.#cookiesOf(host)].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  async #ask(url: URL, body: string | undefined): Promise<IncomingMessage> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = {
        host: url.host,
        cookie: this.cookieHeader(url.hostname),
        ...(body !== undefined && {
          'content-type': 'application/x-www-form-urlencoded',
          // Every form that is submitted here is on a page of the same origin.
          origin: url.origin,
        }),
      }
      const method = body === undefined ? 'GET' : 'POST'
      // RFC 6761 §6.3: whatever ends in `.localhost` is this machine; Node leaves that to the resolver.
      const hostname = url.hostname.endsWith('.localhost') ? '127.0.0.1' : url.hostname
      request(url, { method, headers, hostname }, resolve).on('error', reject).end(body)
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

export function formsOf({ body, url }: Answer): Form[] {
  const buttonsOf = (html: string) =>
    [...html.matchAll(/<button\b([^>]*)>/g)].map(([, tag = '']) => ({
      id: attributesOf(tag)['id'] ?? '',
      owner: attributesOf(tag)['form'],
      fields: fieldOf(tag),
    }))
  return [...body.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gs)].map(([, tag = '', inner = '']) => {
    const { action = '', id } = attributesOf(tag)
    const fields = [...inner.matchAll(/<input\b([^>]*)>/g)].map(([, input = '']) => fieldOf(input))
    const others = buttonsOf(body).filter(({ owner }) => owner !== undefined && owner === id)
    return {
      action: new URL(action, url),
      fields: Object.assign({}, ...fields) as Record<string, string>,
      buttons: [...buttonsOf(inner), ...others],
    }
  })
}

function fieldOf(tag: string): Record<string, string> {
  const { name, value = '' } = attributesOf(tag)
  return name === undefined ? {} : { [name]: value }
}

const attributesOf = (tag: string): Record<string, string> =>
  Object.fromEntries(
    [...tag.matchAll(/([\w-]+)(?:="([^"]*)")?/g)].map(([, name = '', value = '']) => [
      name,
      decoded(value),
    ]),
  )

const decoded = (text: string): string =>
  text
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
