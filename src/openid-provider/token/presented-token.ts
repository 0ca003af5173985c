import { readForm } from '../../platform/read-form.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { parseAuthorization } from '../../protocol/authorization-header.ts'
import type { AccessTokenScheme } from '../../protocol/authorization-header.ts'

/** An access token, and how it was presented. */
export interface PresentedToken {
  readonly token: string
  readonly scheme: AccessTokenScheme
  readonly place: 'header' | 'body' | 'query'
}

const PARAMETER = 'access_token'

/**
 * The access token of a request: in the header, in a form's body, or in the query (RFC 6750 §2.1 to §2.3), and
 * in one of them only. Whether one in the query is taken is for the application's registration to say.
 */
export async function readPresentedToken(
  request: Request,
): Promise<Result<PresentedToken, 'no_credentials' | 'malformed_credentials'>> {
  const header = parseAuthorization(request.headers.get('authorization') ?? undefined)
  if (header.kind === 'malformed') return refuse('malformed_credentials')
  const query = new URL(request.url).searchParams.getAll(PARAMETER)
  const body = await tokensInBody(request)
  if (body === undefined) return refuse('malformed_credentials', { check: 'body' })
  const found: PresentedToken[] = [
    ...(header.kind === 'token'
      ? [{ token: header.token, scheme: header.scheme, place: 'header' } as const]
      : []),
    ...body.map((token) => ({ token, scheme: 'Bearer', place: 'body' }) as const),
    ...query.map((token) => ({ token, scheme: 'Bearer', place: 'query' }) as const),
  ]
  const [presented, ...others] = found
  if (presented === undefined || presented.token === '') return refuse('no_credentials')
  return others.length > 0 ? refuse('malformed_credentials', { check: 'several' }) : ok(presented)
}

/** RFC 6750 §2.2: of a POST whose body is a form. Any other body is not looked at; a broken form is undefined. */
async function tokensInBody(request: Request): Promise<readonly string[] | undefined> {
  if (request.method !== 'POST') return []
  const form = await readForm(request)
  if (form.ok) return form.value.getAll(PARAMETER)
  return form.refusal.code === 'unsupported_media_type' ? [] : undefined
}
