/** What the entrance has established about a request, before any route runs. */
export interface RequestFacts {
  /** Stands on the answer (`X-Request-Id`) and on every log line of the request. */
  readonly requestId: string
  /** The client's address as a key for counting: IPv4 whole, IPv6 by its /64. Only from `CF-Connecting-IP`. */
  readonly clientKey: string
  /** Continues work after the answer has gone out. */
  readonly waitUntil: (work: Promise<unknown>) => void
  /** Where the platform says the client is (`request.cf.continent`), for placing a user's object. */
  readonly continent: string | undefined
}

/** The Hono variables of every route. */
export interface RequestVariables {
  facts: RequestFacts
  /** The nonce that the page's Content-Security-Policy allows. */
  secureHeadersNonce?: string
}
