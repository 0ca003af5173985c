/**
 * An API behind @cloudflare/workers-oauth-provider, which looks each token up in KV. POST /prepare takes so many
 * people through its authorization code grant.
 */
import { OAuthProvider } from '@cloudflare/workers-oauth-provider'
import type { OAuthHelpers } from '@cloudflare/workers-oauth-provider'
import type { Prepared } from './prepared.ts'

interface Bindings {
  readonly OAUTH_KV: KVNamespace
  readonly OAUTH_PROVIDER: OAuthHelpers
}

const ORIGIN = 'http://localhost'
const REDIRECT_URI = `${ORIGIN}/callback`
const RESOURCE = `${ORIGIN}/api`

const provider: OAuthProvider<Bindings> = new OAuthProvider<Bindings>({
  apiRoute: '/api',
  apiHandler: {
    fetch: (_request, _env, context) =>
      Response.json({ sub: (context as ExecutionContext<{ userId: string }>).props.userId }),
  },
  defaultHandler: { fetch: prepare },
  authorizeEndpoint: '/authorize',
  tokenEndpoint: '/token',
  resourceMetadata: { resource: RESOURCE },
})

async function prepare(
  request: Request,
  env: Bindings,
  context: ExecutionContext,
): Promise<Response> {
  const { people } = await request.json<{ people: number }>()
  const { clientId, clientSecret } = await env.OAUTH_PROVIDER.createClient({
    redirectUris: [REDIRECT_URI],
    tokenEndpointAuthMethod: 'client_secret_post',
  })
  const signIn = async (_: unknown, index: number) => {
    const parameters = {
      response_type: 'code',
      client_id: clientId,
      redirect_uri: REDIRECT_URI,
      resource: RESOURCE,
    }
    const query = new URLSearchParams({
      ...parameters,
      scope: 'profile',
      state: 'state',
    }).toString()
    const asked = await env.OAUTH_PROVIDER.parseAuthRequest(
      new Request(`${ORIGIN}/authorize?${query}`),
    )
    const userId = `user-${index}`
    const { redirectTo } = await env.OAUTH_PROVIDER.completeAuthorization({
      request: asked,
      userId,
      metadata: {},
      scope: asked.scope,
      props: { userId },
    })
    const body = new URLSearchParams({
      grant_type: 'authorization_code',
      code: new URL(redirectTo).searchParams.get('code') ?? '',
      redirect_uri: REDIRECT_URI,
      resource: RESOURCE,
      client_id: clientId,
      client_secret: clientSecret ?? '',
    })
    const answer = await provider.fetch(
      new Request(`${ORIGIN}/token`, { method: 'POST', body }),
      env,
      context,
    )
    const { access_token: token } = await answer.json<{ access_token: string }>()
    return { authorization: `Bearer ${token}`, host: 'localhost' }
  }
  const headers: Prepared = await Promise.all(Array.from({ length: people }, signIn))
  return Response.json(headers)
}

export default provider
