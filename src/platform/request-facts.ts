import { clientKeyOf } from './client-key.ts'
import { randomId } from './random.ts'

/** What the entrance has established about a request, before any route runs. */
export interface RequestFacts {
  /** Stands on the answer (`X-Request-Id`) and on every log line of the request. */
  readonly requestId: string
  /** The client's address as a key for counting: IPv4 whole, IPv6 by its /64. Only from `CF-Connecting-IP`. */
  readonly clientKey: string
  /** Continues work after the answer has gone out. */
  waitUntil(work: Promise<unknown>): void
  /** Where the platform says the client is (`request.cf.continent`), for placing a user's object. */
  readonly continent: string | undefined
}

interface RequestContext {
  readonly req: { readonly raw: Request }
  readonly executionCtx: Pick<ExecutionContext, 'waitUntil'>
}

/** The facts of a request that has just come in. What few requests need is looked up by those that do. */
export class FactsOfRequest implements RequestFacts {
  readonly requestId = randomId()
  readonly #c: RequestContext

  constructor(c: RequestContext) {
    this.#c = c
  }

  get clientKey(): string {
    return clientKeyOf(this.#c.req.raw.headers)
  }

  get continent(): string | undefined {
    return this.#c.req.raw.cf?.continent as string | undefined
  }

  waitUntil(work: Promise<unknown>): void {
    this.#c.executionCtx.waitUntil(work)
  }
}

/** The Hono variables of every route. */
export interface RequestVariables {
  facts: RequestFacts
  /** The nonce that the page's Content-Security-Policy allows. */
  secureHeadersNonce?: string
}
