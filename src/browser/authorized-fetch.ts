/** `fetch` with the access token attached, for the origins that it is meant for and no others. */
import type { DpopProver } from './dpop.ts'
import type { Page } from './page.ts'
import type { StoredToken } from './token-store.ts'

export interface AuthorizedFetchParts {
  readonly page: Page
  /** Whether requests to this origin carry the token. */
  readonly mayReceiveToken: (origin: string) => boolean
  /** A token that is good now; undefined when nobody is signed in. */
  readonly getToken: () => Promise<StoredToken | undefined>
  /** Forgets a token that an API has refused. */
  readonly drop: (token: StoredToken) => void
  readonly prover: () => Promise<DpopProver | undefined>
}

/**
 * Like `fetch`. A 401 drops the token and tries once more with a new one, so that the caller sees a 401 only
 * when signing in again is what helps. A redirect to another origin loses the token (Fetch standard §4.4).
 */
export function createAuthorizedFetch(parts: AuthorizedFetchParts): typeof fetch {
  const { page, mayReceiveToken, getToken, drop } = parts

  async function send(request: Request, token: StoredToken): Promise<Response> {
    // In place: a request that is made anew from another forgets its referrer and how far that goes.
    const { headers } = request
    headers.set('authorization', `${token.tokenType} ${token.accessToken}`)
    const prover = token.tokenType === 'DPoP' ? await parts.prover() : undefined
    const proof = await prover?.prove(request.method, request.url, token)
    if (proof !== undefined) headers.set('dpop', proof)
    const response = await page.fetch(request)
    prover?.learnNonce(request.url, response)
    return response
  }

  return async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(input, init)
    if (!mayReceiveToken(new URL(request.url).origin)) return page.fetch(request)
    const token = await getToken()
    if (token === undefined) return page.fetch(request)
    // A body can be sent only once, so a second copy is kept for a second try.
    const secondTry = request.clone()
    const response = await send(request, token)
    if (response.status !== 401) return response
    if (!asksForNonce(response)) drop(token)
    const nextToken = await getToken()
    return nextToken === undefined ? response : send(secondTry, nextToken)
  }
}

/** RFC 9449 §9: the token is good, only the proof lacks the nonce that came with this answer. */
const asksForNonce = (response: Response): boolean =>
  /\berror="use_dpop_nonce"/.test(response.headers.get('www-authenticate') ?? '')
