/**
 * The client that the OpenID Foundation's conformance suite is when it tests a provider: what it sends, and
 * what it checks of every answer, whatever the module is about.
 */
import { createHash, randomUUID } from 'node:crypto'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import type { JWTPayload } from 'jose'
import { expect, inject } from 'vitest'
import type { ApplicationServer } from './application-server.ts'
import { formsOf } from './http-visitor.ts'
import type { Answer, HttpVisitor } from './http-visitor.ts'
import { register } from './register.ts'

/** What the suite calls a variant of a plan. */
export interface Variant {
  readonly responseType: 'code' | 'id_token' | 'id_token token'
  readonly responseMode?: 'form_post'
}

export type Parameters = Readonly<Record<string, string>>

/** What came of an authorization request. */
export interface Outcome {
  readonly sent: Parameters
  /** Where the browser is now. */
  readonly page: Answer
  /** The pages at which the person was asked something, in their order. */
  readonly asked: readonly ('sign-in' | 'consent')[]
  /** As they came to the redirect URI, by whatever way; undefined when nothing came. */
  readonly callback: Parameters | undefined
}

export interface SignedIn extends Outcome {
  readonly idToken: string
  readonly claims: JWTPayload
  readonly accessToken: string | undefined
  readonly refreshToken: string | undefined
}

export interface TokenAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: Readonly<Record<string, unknown>>
}

export type SuiteClient = Awaited<ReturnType<typeof createSuiteClient>>

export async function createSuiteClient(
  server: ApplicationServer,
  { responseType, responseMode }: Variant,
  {
    oauth = {},
    isFirstParty = true,
  }: { oauth?: Readonly<Record<string, unknown>>; isFirstParty?: boolean } = {},
) {
  const { gateway } = inject('clientsWorld')
  const redirectUri = `${server.origin}/test/a/drawbridge/callback`
  const isCode = responseType === 'code'
  const { client_id: clientId, client_secret: secret } = await register(
    {
      redirect_uris: [redirectUri],
      grant_types: [isCode ? 'authorization_code' : 'implicit'],
      response_types: [responseType],
      scope: 'openid profile email address phone',
      ...oauth,
    },
    { name: 'Conformance suite', isFirstParty },
  )
  const keys = createRemoteJWKSet(new URL(`${gateway}/.well-known/jwks.json`))

  const requestOf = (changes: Parameters = {}): Parameters => ({
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: responseType,
    scope: 'openid',
    state: randomUUID(),
    nonce: randomUUID(),
    ...(responseMode !== undefined && { response_mode: responseMode }),
    ...changes,
  })

  const authorizeUrl = (sent: Parameters): string =>
    `${gateway}/oauth/authorize?${new URLSearchParams(sent)}`

  /** From the first page that the provider shows to the redirect URI, if the way leads there. */
  async function follow(visitor: HttpVisitor, first: Answer, sent: Parameters): Promise<Outcome> {
    const asked: Outcome['asked'][number][] = []
    let page = await visitor.choosePerson(first)
    if (page !== first) asked.push('sign-in')
    if (page.body.includes('id="allow"')) {
      asked.push('consent')
      page = await visitor.press(page, 'allow')
    }
    return { sent, asked, page, callback: await readCallback(visitor, page) }
  }

  async function readCallback(visitor: HttpVisitor, page: Answer): Promise<Parameters | undefined> {
    const form = formsOf(page).find(({ action }) => action.href === redirectUri)
    if (form !== undefined) {
      expect(responseMode).toBe('form_post')
      // The suite's browser runs the script that submits it; one without scripts has the button.
      expect(page.body).toMatch(/<form id="answer" method="post"/)
      await visitor.press(page, 'go-on')
      const { method, body } = server.received.at(-1)!
      expect(method).toBe('POST')
      return Object.fromEntries(new URLSearchParams(body))
    }
    if (page.url.origin !== server.origin) return undefined
    expect(`${page.url.origin}${page.url.pathname}`).toBe(redirectUri)
    const [place, other] = isCode
      ? [page.url.search, page.url.hash]
      : [page.url.hash, page.url.search]
    expect(other).toBe('')
    return Object.fromEntries(new URLSearchParams(place.slice(1)))
  }

  const authorize = async (visitor: HttpVisitor, changes: Parameters = {}): Promise<Outcome> => {
    const sent = requestOf(changes)
    return follow(visitor, await visitor.visit(authorizeUrl(sent)), sent)
  }

  async function token(form: Parameters, authentication = basic()): Promise<TokenAnswer> {
    const answer = await fetch(`${gateway}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams(form),
      headers: authentication,
    })
    const { status, headers } = answer
    // RFC 6749 §5.1
    expect(headers.get('content-type')).toMatch(/^application\/json\b/)
    expect(headers.get('cache-control')).toBe('no-store')
    return { status, headers, body: (await answer.json()) as TokenAnswer['body'] }
  }

  const basic = (): Parameters => ({
    authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`,
  })

  const redeem = (code: string, changes: Parameters = {}, authentication = basic()) =>
    token(
      { grant_type: 'authorization_code', code, redirect_uri: redirectUri, ...changes },
      authentication,
    )

  /** OpenID Connect Core 1.0 §3.1.3.7, §3.2.2.11. */
  async function checkIdToken(
    idToken: string,
    expected: { readonly nonce: string | undefined; readonly accessToken: string | undefined },
  ): Promise<JWTPayload> {
    const { payload, protectedHeader } = await jwtVerify(idToken, keys, {
      issuer: gateway,
      audience: clientId,
      algorithms: ['RS256'],
      requiredClaims: ['sub', 'iat', 'exp'],
    })
    expect(protectedHeader.kid).toBeTruthy()
    expect(payload['nonce']).toBe(expected.nonce)
    expect(payload.sub!.length).toBeLessThanOrEqual(255)
    for (const time of [payload.iat, payload.exp, payload['auth_time']]) {
      expect(Number.isSafeInteger(time)).toBe(true)
    }
    expect(payload['auth_time']).toBeLessThanOrEqual(payload.iat! + 60)
    const hash = createHash('sha256')
      .update(expected.accessToken ?? '')
      .digest()
    const atHash = hash.subarray(0, 16).toString('base64url')
    expect(payload['at_hash']).toBe(expected.accessToken === undefined ? undefined : atHash)
    return payload
  }

  /** RFC 6749 §4.2.2, §5.1. */
  function checkAccessToken(body: Readonly<Record<string, unknown>>): void {
    expect(String(body['token_type']).toLowerCase()).toBe('bearer')
    expect(Number(body['expires_in'])).toBeGreaterThan(0)
    expect(String(body['access_token']).length).toBeGreaterThan(22)
  }

  /** Checks of a successful answer all that the suite checks of each. */
  async function finish(outcome: Outcome, verifier?: string): Promise<SignedIn> {
    const { callback = {}, sent, page } = outcome
    if (outcome.callback === undefined) throw new Error(`stayed at ${page.url}:\n${page.body}`)
    expect(callback).not.toHaveProperty('error')
    expect(callback['state']).toBe(sent['state'])
    expect(callback['iss']).toBe(gateway)
    const names = isCode
      ? ['code', 'iss', 'state']
      : responseType === 'id_token'
        ? ['id_token', 'iss', 'state']
        : ['access_token', 'expires_in', 'id_token', 'iss', 'scope', 'state', 'token_type']
    expect(Object.keys(callback).toSorted()).toEqual(names)
    const redeemed = isCode
      ? await redeem(callback['code']!, verifier === undefined ? {} : { code_verifier: verifier })
      : undefined
    if (redeemed !== undefined) expect(redeemed).toMatchObject({ status: 200 })
    const body = redeemed?.body ?? callback
    if (responseType !== 'id_token') checkAccessToken(body)
    if (isCode) expect(typeof body['expires_in']).toBe('number')
    const accessToken = body['access_token'] as string | undefined
    const idToken = body['id_token'] as string
    const claims = await checkIdToken(idToken, { nonce: sent['nonce'], accessToken })
    const refreshToken = body['refresh_token'] as string | undefined
    return { ...outcome, idToken, claims, accessToken, refreshToken }
  }

  const signIn = async (visitor: HttpVisitor, changes: Parameters = {}): Promise<SignedIn> =>
    finish(await authorize(visitor, changes))

  /** OpenID Connect Core 1.0 §5.3. */
  async function userInfo(
    { accessToken, claims }: Pick<SignedIn, 'accessToken' | 'claims'>,
    way: 'get' | 'post-header' | 'post-body' = 'get',
  ): Promise<Readonly<Record<string, unknown>>> {
    const answer = await fetch(`${gateway}/oauth/userinfo`, {
      method: way === 'get' ? 'GET' : 'POST',
      ...(way === 'post-body'
        ? { body: new URLSearchParams({ access_token: accessToken! }) }
        : { headers: { authorization: `Bearer ${accessToken}` } }),
    })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toMatch(/^application\/json\b/)
    const body = (await answer.json()) as Readonly<Record<string, unknown>>
    expect(body['sub']).toBe(claims.sub)
    return body
  }

  return {
    gateway,
    clientId,
    secret,
    redirectUri,
    requestOf,
    authorizeUrl,
    authorize,
    follow,
    finish,
    signIn,
    token,
    redeem,
    checkIdToken,
    userInfo,
  }
}
