/** One call of the bridge, `GET /auth/sso/token`, which turns the session cookie into an access token. */
import type { DpopProver } from './dpop.ts'
import type { Page } from './page.ts'
import { parseStoredToken } from './token-store.ts'
import type { StoredToken } from './token-store.ts'

export type BridgeAnswer =
  | { readonly is: 'token'; readonly token: StoredToken }
  | { readonly is: 'no_session' }
  | Unavailable

/** Nothing is known: the network, a proxy or the gateway failed. Signs nobody out. */
export interface Unavailable {
  readonly is: 'unavailable'
  readonly retryAfterSeconds: number
}

const timeoutMilliseconds = 10_000
const defaultRetrySeconds = 15

/** Asks the bridge; with a prover, for a token that is bound to its key (RFC 9449). */
export async function askBridge(
  page: Page,
  gateway: string,
  prover?: DpopProver,
): Promise<BridgeAnswer> {
  const url = `${gateway}/auth/sso/token`
  const ask = async (headers: Record<string, string>) => {
    // Counted from before the request: the token can only be younger than we think, never older.
    const receivedAt = page.now()
    const response = await page.fetch(url, {
      headers: { accept: 'application/json', ...headers },
      credentials: 'include',
      cache: 'no-store',
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMilliseconds),
    })
    const body: unknown = await response.json().catch(() => undefined)
    return { receivedAt, response, body: (body ?? {}) as Record<string, unknown> }
  }
  try {
    let proof = await prover?.prove('GET', url)
    let answer = await ask(proof === undefined ? {} : { dpop: proof })
    if (prover !== undefined && isProofRefused(answer.body)) {
      // Either a nonce is asked for (RFC 9449 §8), or this machine's clock is off.
      prover.learnNonce(url, answer.response)
      prover.learnTime(answer.response)
      proof = await prover.prove('GET', url)
      answer = await ask(proof === undefined ? {} : { dpop: proof })
      // Proofs will not do here; a token that is bound to no key is what there would be without them.
      if (isProofRefused(answer.body)) answer = await ask({})
    }
    if (answer.response.ok) return tokenFrom(answer)
    if (answer.response.status === 401 && answer.body.error === 'no_session')
      return { is: 'no_session' }
    return unavailable(answer.response)
  } catch {
    return unavailable()
  }
}

const isProofRefused = ({ error }: Record<string, unknown>): boolean =>
  error === 'invalid_dpop_proof' || error === 'use_dpop_nonce'

function tokenFrom({
  receivedAt,
  response,
  body,
}: {
  receivedAt: number
  response: Response
  body: Record<string, unknown>
}): BridgeAnswer {
  const token = parseStoredToken(
    JSON.stringify({
      accessToken: body.access_token,
      tokenType: body.token_type,
      receivedAt,
      expiresInSeconds: body.expires_in,
      user: body.user,
    }),
  )
  return token === undefined ? unavailable(response) : { is: 'token', token }
}

/** An answer of the gateway that says nothing of anybody; `Retry-After` says when to ask again. */
export function unavailable(response?: Response): Unavailable {
  const seconds = Number(response?.headers.get('retry-after') ?? Number.NaN)
  return {
    is: 'unavailable',
    retryAfterSeconds: seconds >= 1 ? Math.min(seconds, 300) : defaultRetrySeconds,
  }
}
