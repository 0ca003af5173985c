/**
 * A small OpenID provider with the manners of a good one: discovery, key set, authorization code with
 * PKCE, client authentication by all four methods, UserInfo. `behaviour` makes it hostile.
 */
import { base64url } from 'jose'
import type { IdentityProviderConfig } from '../../src/config.ts'
import { otrotlConfig } from './config.ts'
import type { Internet } from './internet.ts'
import { misanswers } from './misanswers.ts'
import { people } from './people.ts'
import type { Person, PersonName } from './people.ts'
import { changed } from './provider-behaviour.ts'
import type { Behaviour, Endpoint, Members } from './provider-behaviour.ts'
import { hasAuthenticatedClient } from './provider-client-authentication.ts'
import { providerKey } from './provider-keys.ts'
import type { ProviderKeyPair } from './provider-keys.ts'
import { settings } from './settings.ts'
import { bytesOf, signJws } from './sign-jws.ts'

export interface Provider {
  readonly config: IdentityProviderConfig
  readonly issuer: string
  /** The switches. Empty: honest. */
  readonly behaviour: Behaviour
  /** Sends `as` through the provider's pages: the URL that the browser is sent back to. */
  authorize(url: URL, options?: AuthorizeOptions): Promise<URL>
  /** The same for `response_mode=form_post`: the body that the browser posts. */
  authorizeForm(url: URL, options?: AuthorizeOptions): Promise<URLSearchParams>
  /** From now on signs with, and publishes only, the key of this name. */
  rotateKey(kid: string): Promise<void>
  /** The key it signs with. */
  key(): ProviderKeyPair
  /** Any JWT under the provider's key: logout tokens, or tokens that were never asked for. */
  sign(claims: Members, header?: Members): Promise<string>
  /** Signs a person in to a client by itself, without us: what that client gets. */
  issueTo(clientId: string, as: PersonName): Promise<IssuedTokens>
  /** Every authorization that was granted, oldest first. */
  readonly grants: readonly Grant[]
}

export interface AuthorizeOptions {
  readonly as?: PersonName
  /** When the person really authenticated, epoch seconds; now unless told. */
  readonly authTime?: number
}

export interface IssuedTokens {
  readonly accessToken: string
  /** What an ID token beside it says; signed by `sign`. */
  readonly claims: Members
}

export interface Grant {
  readonly clientId: string
  readonly code: string
  readonly accessToken: string
  readonly sid: string
  readonly person: Person
  readonly nonce: string
  readonly challenge: string
  readonly redirectUri: string
  readonly authTime: number
  readonly acr: string | undefined
  isRedeemed: boolean
}

export async function createProvider(
  internet: Internet,
  config: IdentityProviderConfig = otrotlConfig,
): Promise<Provider> {
  const { issuer, clientId, idTokenSigningAlgorithm: alg } = config
  const redirectUri = `${settings.ISSUER}/auth/sso/callback/${config.id}`
  const behaviour: Behaviour = {}
  const grants: Grant[] = []
  let key = await providerKey(alg, `${config.id}-1`)
  const base = issuer.replace(/\/$/, '')

  const endpoints: Record<Endpoint, (request: Request) => Response | Promise<Response>> = {
    discovery: () =>
      Response.json(
        changed(
          {
            issuer,
            authorization_endpoint: `${base}/authorize`,
            token_endpoint: `${base}/token`,
            userinfo_endpoint: `${base}/userinfo`,
            jwks_uri: `${base}/keys`,
            end_session_endpoint: `${base}/end-session`,
            response_types_supported: ['code'],
            subject_types_supported: ['public'],
            id_token_signing_alg_values_supported: [alg],
            code_challenge_methods_supported: ['S256'],
            authorization_response_iss_parameter_supported: true,
          },
          behaviour.discovery,
        ),
      ),
    keys: () => Response.json(changed({ keys: [key.publicJwk] }, behaviour.keySet)),
    token: redeem,
    userinfo(request) {
      const bearer = /^Bearer (.+)$/.exec(request.headers.get('authorization') ?? '')?.[1]
      const grant = grants.find(({ accessToken }) => accessToken === bearer)
      if (grant === undefined) return new Response(null, { status: 401 })
      return Response.json(changed({ ...grant.person }, behaviour.userInfo))
    },
    introspection,
  }
  const paths: Record<string, Endpoint> = {
    [new URL(`${base}/.well-known/openid-configuration`).pathname]: 'discovery',
    [new URL(`${base}/keys`).pathname]: 'keys',
    [new URL(`${base}/token`).pathname]: 'token',
    [new URL(`${base}/userinfo`).pathname]: 'userinfo',
    [new URL(`${base}/introspection`).pathname]: 'introspection',
  }
  internet.serve(new URL(issuer).origin, (request) => {
    const endpoint = paths[new URL(request.url).pathname]
    if (endpoint === undefined) return new Response('not found', { status: 404 })
    const answer = behaviour.answers?.[endpoint] ?? endpoints[endpoint]
    return (typeof answer === 'string' ? misanswers[answer] : answer)(request)
  })

  async function redeem(request: Request): Promise<Response> {
    const form = new URLSearchParams(new TextDecoder().decode(await request.arrayBuffer()))
    const error = (code: string, status = 400) => Response.json({ error: code }, { status })
    if (!(await hasAuthenticatedClient(request, form, config))) return error('invalid_client', 401)
    if (behaviour.tokenError !== undefined) return error(behaviour.tokenError)
    const grant = grants.find(({ code }) => code === form.get('code'))
    const verifier = form.get('code_verifier') ?? ''
    if (
      form.get('grant_type') !== 'authorization_code' ||
      grant === undefined ||
      grant.isRedeemed ||
      form.get('redirect_uri') !== grant.redirectUri ||
      (await sha256(verifier)) !== grant.challenge
    ) {
      return error('invalid_grant')
    }
    grant.isRedeemed = true
    const body = {
      access_token: grant.accessToken,
      token_type: 'Bearer',
      expires_in: 3600,
      scope: config.scope,
      id_token: await idToken(grant),
    }
    return Response.json(changed(body, behaviour.tokenResponse))
  }

  /** RFC 7662 §2.2. */
  async function introspection(request: Request): Promise<Response> {
    const form = new URLSearchParams(new TextDecoder().decode(await request.arrayBuffer()))
    if (!(await hasAuthenticatedClient(request, form, config))) {
      return Response.json({ error: 'invalid_client' }, { status: 401 })
    }
    const grant = grants.find(({ accessToken }) => accessToken === form.get('token'))
    const right =
      grant === undefined
        ? { active: false }
        : {
            active: true,
            client_id: grant.clientId,
            sub: grant.person.sub,
            iss: issuer,
            exp: Math.floor(Date.now() / 1000) + 3600,
            token_type: 'Bearer',
          }
    return Response.json(changed(right, behaviour.introspection))
  }

  async function idToken(grant: Grant): Promise<unknown> {
    const now = Math.floor(Date.now() / 1000)
    const right = {
      iss: issuer,
      aud: clientId,
      sub: grant.person.sub,
      iat: now,
      exp: now + 300,
      nonce: grant.nonce,
      auth_time: grant.authTime,
      sid: grant.sid,
      at_hash: await halfHash(alg, grant.accessToken),
      ...(grant.acr === undefined ? {} : { acr: grant.acr }),
    }
    const signingKey = behaviour.signingKey ?? key
    const claims = changed(right, behaviour.idTokenClaims) as Members
    const header = changed({ alg, kid: signingKey.kid }, behaviour.idTokenHeader) as Members
    const token = await signJws(header, claims, signingKey)
    if (behaviour.idToken === undefined) return token
    const { clientAuthentication } = config
    const clientSecret =
      'clientSecret' in clientAuthentication ? clientAuthentication.clientSecret : undefined
    return behaviour.idToken({ header, claims, key: signingKey, token, clientSecret })
  }

  async function answerTo(url: URL, options: AuthorizeOptions): Promise<URLSearchParams> {
    const request = url.searchParams
    const wrong = wrongInRequest(url, { base, clientId, redirectUri, scope: config.scope })
    if (wrong !== undefined) throw new Error(`the provider shows an error page: ${wrong}`)
    const answer = new URLSearchParams({ state: request.get('state')!, iss: issuer })
    if (behaviour.authorizationError === undefined) {
      const grant: Grant = {
        clientId,
        code: `code-${crypto.randomUUID()}`,
        accessToken: `access-${crypto.randomUUID()}`,
        sid: `sid-${crypto.randomUUID()}`,
        person: people[options.as ?? 'alice'],
        nonce: request.get('nonce')!,
        challenge: request.get('code_challenge')!,
        redirectUri,
        authTime: options.authTime ?? Math.floor(Date.now() / 1000),
        acr: request.get('acr_values')?.split(' ')[0],
        isRedeemed: false,
      }
      grants.push(grant)
      answer.set('code', grant.code)
    } else {
      answer.set('error', behaviour.authorizationError)
    }
    behaviour.authorizationResponse?.(answer)
    return answer
  }

  return {
    config,
    issuer,
    behaviour,
    grants,
    async authorize(url, options = {}) {
      const back = new URL(redirectUri)
      back.search = (await answerTo(url, options)).toString()
      return back
    },
    authorizeForm: (url, options = {}) => answerTo(url, options),
    async rotateKey(kid) {
      key = await providerKey(alg, kid)
    },
    async issueTo(to, as) {
      const now = Math.floor(Date.now() / 1000)
      const accessToken = `access-${crypto.randomUUID()}`
      const person = people[as]
      grants.push({
        clientId: to,
        code: '',
        accessToken,
        sid: '',
        person,
        nonce: '',
        challenge: '',
        redirectUri: '',
        authTime: now,
        acr: undefined,
        isRedeemed: true,
      })
      const times = { iat: now, exp: now + 300 }
      const hash = await halfHash(alg, accessToken)
      return {
        accessToken,
        claims: { iss: issuer, aud: to, sub: person.sub, ...times, at_hash: hash },
      }
    },
    key: () => key,
    sign: (claims, header = {}) => signJws({ alg, kid: key.kid, ...header }, claims, key),
  }
}

/** What a careful provider would complain of in an authorization request, or undefined. */
function wrongInRequest(
  url: URL,
  registered: { base: string; clientId: string; redirectUri: string; scope: string },
): string | undefined {
  const expected: Record<string, string> = {
    response_type: 'code',
    client_id: registered.clientId,
    redirect_uri: registered.redirectUri,
    scope: registered.scope,
    code_challenge_method: 'S256',
  }
  if (!url.href.startsWith(`${registered.base}/authorize?`)) return `not our page: ${url.href}`
  for (const [name, value] of Object.entries(expected)) {
    if (url.searchParams.get(name) !== value) return `${name} is ${url.searchParams.get(name)}`
  }
  for (const name of ['state', 'nonce', 'code_challenge']) {
    if (!/^[\w-]{22,}$/.test(url.searchParams.get(name) ?? '')) return `${name} is too weak`
  }
  const names = [...url.searchParams.keys()]
  return names.length === new Set(names).size ? undefined : 'a parameter stands twice'
}

const sha256 = async (text: string) =>
  base64url.encode(new Uint8Array(await crypto.subtle.digest('SHA-256', bytesOf(text))))

/** OpenID Connect Core 1.0 §3.1.3.6. */
async function halfHash(alg: string, text: string): Promise<string> {
  const name = alg.endsWith('384') ? 'SHA-384' : alg.endsWith('256') ? 'SHA-256' : 'SHA-512'
  const digest = new Uint8Array(await crypto.subtle.digest(name, bytesOf(text)))
  return base64url.encode(digest.slice(0, digest.length / 2))
}
