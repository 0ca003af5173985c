/**
 * Public clients may run in a browser, and their pages have to read what they are answered (Fetch standard, "CORS
 * protocol"). Confidential clients do not, nor does anybody take a password in a page (RFC 9700 §2.4). A preflight,
 * which does not say who will ask, is answered to nobody: a form needs none.
 */
import type { CorsPolicy } from '../../protocol/cors.ts'
import { corsHeaders } from '../../protocol/cors.ts'
import type { ClientCall } from '../client-call.ts'

const SHARED: Omit<CorsPolicy, 'allowedOrigins'> = {
  methods: ['POST'],
  requestHeaders: [],
  exposedHeaders: ['Date', 'Retry-After', 'X-Request-Id'],
  allowCredentials: false,
}

/** Lets the pages that the application's people come back to read an answer to it, and no others. */
export function shareWithOwnPages(
  answer: Response,
  origin: string | undefined,
  { application: { oauth }, form }: Pick<ClientCall, 'application' | 'form'>,
): Response {
  const isShared = oauth.tokenEndpointAuthMethod === 'none' && form.get('grant_type') !== 'password'
  const allowedOrigins = isShared ? oauth.redirectUris.map((uri) => new URL(uri).origin) : []
  const headers = corsHeaders(origin, { ...SHARED, allowedOrigins })
  for (const [name, value] of Object.entries(headers)) answer.headers.append(name, value)
  return answer
}
