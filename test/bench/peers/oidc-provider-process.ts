/**
 * npm oidc-provider as an application's OpenID provider, in a process of its own: `fork`ed with a client's id,
 * secret and redirect URI, it tells the port it listens at. Who comes is signed in as whom `login_hint` names, so
 * that the library alone is at work; its records are in memory, the fastest that they can be.
 */
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair } from 'jose'
import Provider from 'oidc-provider'

const [clientId, clientSecret, redirectUri] = process.argv.slice(2) as [string, string, string]
const HALF_A_DAY = 43_200

const { privateKey } = await generateKeyPair('ES256', { extractable: true })
const server = createServer()
await new Promise<void>((resolve) => {
  server.listen(0, '127.0.0.1', resolve)
})
const { port } = server.address() as AddressInfo

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: clientId,
      client_secret: clientSecret,
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      id_token_signed_response_alg: 'ES256',
    },
  ],
  jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig', kid: 'bench' }] },
  cookies: { keys: ['of-the-benchmark-alone'] },
  claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
  features: { devInteractions: { enabled: false } },
  ttl: {
    AccessToken: 300,
    AuthorizationCode: 60,
    IdToken: 300,
    RefreshToken: HALF_A_DAY,
    Interaction: 600,
    Session: HALF_A_DAY,
    Grant: HALF_A_DAY,
  },
  issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: true,
  findAccount: (_ctx, sub) => ({
    accountId: sub,
    claims: () => ({ sub, name: sub, email: `${sub}@bench.example`, email_verified: true }),
  }),
  // Its own people's consent is not asked for, as at OTROTL.
  async loadExistingGrant({ oidc: { client, session, provider: own } }) {
    if (client === undefined || session?.accountId === undefined) return undefined
    const grantId = session.grantIdFor(client.clientId)
    const kept = grantId === undefined ? undefined : await own.Grant.find(grantId)
    if (kept !== undefined) return kept
    const grant = new own.Grant({ clientId: client.clientId, accountId: session.accountId })
    grant.addOIDCScope('openid profile email')
    await grant.save()
    return grant
  },
})

async function signIn(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { params } = await provider.interactionDetails(request, response)
  const accountId = String(params['login_hint'])
  await provider.interactionFinished(request, response, { login: { accountId } })
}

const answer = provider.callback()
server.on('request', (request: IncomingMessage, response: ServerResponse) => {
  const isInteraction = request.url?.startsWith('/interaction/') === true
  void (isInteraction ? signIn(request, response) : answer(request, response))
})
process.on('disconnect', () => process.exit())
process.send?.(port)
