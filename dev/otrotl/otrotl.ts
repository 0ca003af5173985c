/**
 * OTROTL, the identity provider that people sign in with, for one machine: a certified OpenID provider
 * (npm oidc-provider) with a few people who need no password. It keeps its keys, sessions and grants
 * in `stateDirectory`, so that it is the same provider after a restart.
 */
import { createServer } from 'node:http'
import { join } from 'node:path'
import Provider from 'oidc-provider'
import type { ClientMetadata, Configuration } from 'oidc-provider'
import { secondAppClientId } from '../second-app/second-app.ts'
import { answerInteraction, isInteraction } from './interaction.ts'
import { errorPage, signedOutPage, signOutPage } from './pages.ts'
import { findPerson } from './people.ts'
import type { Person } from './people.ts'
import { createRecords } from './records.ts'
import { loadSigningKeys } from './signing-keys.ts'

export interface OtrotlOptions {
  readonly port: number
  /** Origin of the gateway as browsers know it. */
  readonly gatewayOrigin: string
  /** Origin of the gateway for requests that OTROTL itself makes. */
  readonly gatewayBackChannelOrigin: string
  readonly clientSecret: string
  /** Origin of the second application, which is public; none if left out. */
  readonly secondAppOrigin?: string
  /** Further applications; none if left out. */
  readonly otherClients?: readonly ClientMetadata[]
  /** Who has an account; if left out, those of people.ts. */
  readonly findPerson?: (subject: string) => Person | undefined
  /** Keeps its keys, and its records unless it is to forget them when it stops. */
  readonly stateDirectory: string
  readonly isForgetful?: boolean
  readonly log: (line: string) => void
}

export interface Otrotl {
  readonly issuer: string
  stop(): Promise<void>
}

const day = 86_400

/** Listens on 127.0.0.1. Rejects with the listener's error, such as EADDRINUSE. */
export async function startOtrotl(options: OtrotlOptions): Promise<Otrotl> {
  const issuer = `http://127.0.0.1:${options.port}`
  const provider = new Provider(issuer, configuration(options))
  logEvents(provider, options.log)
  const answer = provider.callback()
  const server = createServer((request, response) => {
    if (isInteraction(request)) {
      void answerInteraction({ provider, findPerson, ...options }, request, response)
    } else void answer(request, response)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, '127.0.0.1', resolve)
  })
  return {
    issuer,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function configuration(options: OtrotlOptions): Configuration {
  const { jwks, cookieKeys } = loadSigningKeys(join(options.stateDirectory, 'keys.json'))
  const callback = `${options.gatewayOrigin}/auth/sso/callback`
  return {
    adapter: createRecords(
      options.isForgetful === true ? undefined : join(options.stateDirectory, 'records.json'),
    ),
    clients: [
      {
        client_id: 'tuberaker',
        client_name: 'TubeRaker',
        client_secret: options.clientSecret,
        token_endpoint_auth_method: 'client_secret_basic',
        redirect_uris: [`${callback}/otrotl`, callback],
        post_logout_redirect_uris: [`${options.gatewayOrigin}/auth/sso/logout/callback`],
        backchannel_logout_uri: `${options.gatewayBackChannelOrigin}/auth/sso/backchannel-logout/otrotl`,
        backchannel_logout_session_required: true,
        id_token_signed_response_alg: 'RS256',
      },
      ...(options.secondAppOrigin === undefined ? [] : [secondApp(options.secondAppOrigin)]),
      ...(options.otherClients ?? []),
    ],
    jwks: { keys: [...jwks.keys] },
    cookies: { keys: [...cookieKeys] },
    pkce: { required: () => true },
    scopes: ['openid', 'profile', 'email', 'address', 'phone'],
    claims: {
      openid: ['sub', 'sid'],
      profile: [
        'name',
        'given_name',
        'family_name',
        'preferred_username',
        'picture',
        'locale',
        'zoneinfo',
      ],
      email: ['email', 'email_verified'],
      address: ['address'],
      phone: ['phone_number', 'phone_number_verified'],
    },
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => void (ctx.body = signOutPage(form)),
        postLogoutSuccessSource: (ctx) => void (ctx.body = signedOutPage()),
      },
    },
    ttl: {
      AccessToken: 3600,
      AuthorizationCode: 60,
      IdToken: 3600,
      Interaction: 3600,
      Session: 14 * day,
      Grant: 14 * day,
    },
    findAccount: (_ctx, subject) => {
      const person = (options.findPerson ?? findPerson)(subject)
      if (person === undefined) return undefined
      return {
        accountId: subject,
        claims: () => ({
          sub: subject,
          name: person.name,
          picture: person.picture,
          email: person.email,
          email_verified: person.emailVerified,
          ...person.claims,
        }),
      }
    },
    // Both are OTROTL's own: its people are not asked whether they may know their name.
    async loadExistingGrant(ctx) {
      const { client, session, provider } = ctx.oidc
      if (client === undefined || session?.accountId === undefined) return undefined
      const grantId = session.grantIdFor(client.clientId)
      const kept = grantId === undefined ? undefined : await provider.Grant.find(grantId)
      if (kept !== undefined) return kept
      const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId })
      grant.addOIDCScope('openid profile email address phone')
      await grant.save()
      return grant
    },
    renderError: (ctx, facts) => {
      ctx.type = 'html'
      ctx.body = errorPage({ ...facts })
    },
    // The library's own fetch refuses loopback addresses, and that is where the gateway listens.
    fetch: (url, request = {}) => {
      const { dispatcher: _, ...rest } = request as RequestInit & { dispatcher?: unknown }
      return fetch(url, rest)
    },
  }
}

const secondApp = (origin: string): ClientMetadata => ({
  client_id: secondAppClientId,
  client_name: 'the second app',
  token_endpoint_auth_method: 'none',
  redirect_uris: [`${origin}/callback`],
  post_logout_redirect_uris: [`${origin}/`],
  id_token_signed_response_alg: 'RS256',
})

function logEvents(provider: Provider, log: (line: string) => void): void {
  const nameOf = (subject: string | undefined) => findPerson(subject ?? '')?.name ?? 'somebody'
  provider.on('authorization.success', (ctx) =>
    log(`${nameOf(ctx.oidc.session?.accountId)} is signed in`),
  )
  provider.on('authorization.error', (_ctx, error) => log(`sign-in refused: ${explain(error)}`))
  provider.on('grant.error', (_ctx, error) => log(`code refused: ${explain(error)}`))
  provider.on('end_session.success', () => log('a session ended'))
  provider.on('backchannel.success', (_ctx, client, subject) =>
    log(`told ${client.clientId} that ${nameOf(subject)} signed out`),
  )
  provider.on('backchannel.error', (_ctx, error, client, subject) =>
    log(`could not tell ${client.clientId} that ${nameOf(subject)} signed out: ${explain(error)}`),
  )
  provider.on('server_error', (_ctx, error) => log(`failed: ${error.stack ?? error.message}`))
}

const explain = (error: Error & { error_description?: string | undefined }): string =>
  [error.message, error.error_description, error.cause instanceof Error && error.cause.message]
    .filter(Boolean)
    .join(': ')
