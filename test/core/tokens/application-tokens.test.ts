import { env } from 'cloudflare:workers'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { createAccessTokens } from '../../../src/core/tokens/access-tokens.ts'
import type { IssueApplicationToken } from '../../../src/core/tokens/application-token.ts'
import { createApplicationTokens } from '../../../src/core/tokens/application-tokens.ts'
import { createKeys } from '../../../src/core/tokens/keys.ts'
import { createSignedClaims } from '../../../src/core/tokens/sign-claims.ts'
import type { Result } from '../../../src/platform/refusal.ts'
import { freezeClock, NOON } from '../../world/clock.ts'
import { configFor } from '../../world/config.ts'
import { settings } from '../../world/settings.ts'
import { goodClaims, keyRing, prepareKeyRing, signAsUs } from '../../world/signed-by-us.ts'

const USERINFO = 'https://login.example/oauth/userinfo'

function isolate(changes: Parameters<typeof configFor>[0] = {}) {
  const config = configFor(changes)
  const keys = createKeys({
    keyRing: env.KEY_RING,
    published: env.REVOCATION,
    keyEncryptionKey: [settings.KEY_ENCRYPTION_KEY],
  })
  return {
    accessTokens: createAccessTokens({ config, keys }),
    applicationTokens: createApplicationTokens({ config, keys }),
    signedClaims: createSignedClaims({ config, keys }),
  }
}

const ada: IssueApplicationToken = {
  clientId: 'shop',
  subject: '0123456789abcdef0123456789abcdef',
  userId: '0123456789abcdef0123456789abcdef',
  sid: 'fedcba9876543210fedcba9876543210',
  epoch: 7,
  family: 'ffffffffffffffffffffffffffffffff',
  authTime: NOON - 20,
  providerId: 'otrotl',
  acr: 'urn:example:gold',
  scope: ['openid', 'email'],
  notAfter: NOON + 3600,
  now: NOON,
}
const pairwise = { ...ada, subject: 'p'.repeat(43) }

function valueOf<Value>(result: Result<Value>): Value {
  if (!result.ok) throw new Error(`refused: ${result.refusal.code}`)
  return result.value
}

const issue = async (changes: Partial<IssueApplicationToken> = {}) =>
  valueOf(await isolate().applicationTokens.issue({ ...ada, ...changes }))
const issueForClient = async () =>
  valueOf(
    await isolate().applicationTokens.issueForClient({
      clientId: 'shop',
      scope: ['orders'],
      audience: 'https://orders.example',
      now: NOON,
    }),
  )

/** What a cold isolate says of a token. */
const judge = async (token: string, now = NOON) => isolate().applicationTokens.verify(token, now)
const checkOf = async (token: string, now = NOON) => {
  const answer = await judge(token, now)
  return answer.ok ? 'accepted' : answer.refusal.facts?.check
}

beforeEach(async () => {
  freezeClock()
  await prepareKeyRing(NOON)
})

describe('an access token of an application (RFC 9068 §2)', () => {
  it('says who, for which client, from which grant, and nothing else', async () => {
    const { token, jti, expiresIn } = await issue()
    const { kid: _, ...header } = decodeProtectedHeader(token)
    expect(header).toEqual({ alg: 'ES256', typ: 'at+jwt' })
    expect(decodeJwt(token)).toEqual({
      iss: settings.ISSUER,
      aud: USERINFO,
      sub: ada.userId,
      client_id: 'shop',
      iat: NOON,
      exp: NOON + 300,
      jti,
      sid: ada.sid,
      epoch: 7,
      gid: ada.family,
      auth_time: NOON - 20,
      idp: 'otrotl',
      acr: 'urn:example:gold',
      scope: 'openid email',
    })
    expect(expiresIn).toBe(300)
    const { userId, sid, epoch } = ada
    expect(valueOf(await judge(token)).user).toMatchObject({ userId, sid, epoch, gid: ada.family })
  })

  it('is for the API that was asked for, and bound to the key that was shown', async () => {
    const jkt = 'j'.repeat(43)
    const { token } = await issue({ audience: 'https://orders.example', jkt, scope: [] })
    const claims = decodeJwt(token)
    expect(claims).toMatchObject({ aud: 'https://orders.example', cnf: { jkt } })
    expect(claims).not.toHaveProperty('scope')
    expect(valueOf(await judge(token))).toMatchObject({
      aud: 'https://orders.example',
      cnf: { jkt },
    })
  })

  it('shows neither user nor session where the application knows its own subject', async () => {
    const { token } = await issue(pairwise)
    const claims = decodeJwt(token)
    expect(claims.sub).toBe(pairwise.subject)
    expect(claims).not.toHaveProperty('sid')
    const payload = atob(token.split('.')[1]!.replaceAll('-', '+').replaceAll('_', '/'))
    for (const secret of [ada.userId, ada.sid]) expect(payload).not.toContain(secret)
    expect(valueOf(await judge(token))).toMatchObject({
      sub: pairwise.subject,
      user: { userId: ada.userId, sid: ada.sid },
    })
    const other = decodeJwt((await issue(pairwise)).token)
    expect(other.ref).not.toBe(claims.ref)
  })

  it('ends with the session, and is not made after it', async () => {
    expect((await issue({ notAfter: NOON + 7 })).expiresIn).toBe(7)
    const late = await isolate().applicationTokens.issue({ ...ada, notAfter: NOON })
    expect(late).toMatchObject({ ok: false, refusal: { code: 'session_over' } })
  })

  it('of the client itself names no user (RFC 9068 §2.2)', async () => {
    const { token, jti } = await issueForClient()
    expect(decodeJwt(token)).toEqual({
      iss: settings.ISSUER,
      aud: 'https://orders.example',
      sub: 'shop',
      client_id: 'shop',
      iat: NOON,
      exp: NOON + 300,
      jti,
      scope: 'orders',
    })
    expect(valueOf(await judge(token)).user).toBeUndefined()
  })
})

describe('verifying an access token of an application', () => {
  const good = (changes: Record<string, unknown> = {}) =>
    goodClaims(NOON, { aud: USERINFO, client_id: 'shop', gid: ada.family, ...changes })

  it('takes a token to the second of its end', async () => {
    const { token } = await issue()
    expect(await checkOf(token, NOON + 299)).toBe('accepted')
    expect(await checkOf(token, NOON + 300)).toBe('exp')
  })

  it('looks at times anew also where it remembers the signature', async () => {
    const { applicationTokens } = isolate()
    const { token } = await issue()
    expect((await applicationTokens.verify(token, NOON)).ok).toBe(true)
    expect((await applicationTokens.verify(token, NOON + 300)).ok).toBe(false)
    await (await keyRing()).compromise(decodeProtectedHeader(token).kid!, NOON)
    expect((await applicationTokens.verify(token, NOON + 31)).ok).toBe(false)
  })

  it.each([
    ['iss', { iss: 'https://other.example' }],
    ['iat', { iat: NOON + 6, exp: NOON + 100 }],
    ['lifetime', { exp: NOON + 301 }],
    ['lifetime', { iat: NOON, exp: NOON * 1000 }],
    ['lifetime', { exp: NOON }],
    ['claims', { gid: undefined }],
    ['claims', { gid: 'x' }],
    ['claims', { sid: undefined }],
    ['claims', { sid: 7 }],
    ['claims', { sub: { toString: 'x' } }],
    ['claims', { epoch: '1' }],
    ['claims', { epoch: -1 }],
    ['claims', { idp: undefined }],
    ['claims', { auth_time: undefined }],
    ['claims', { jti: undefined }],
    ['claims', { aud: [USERINFO] }],
    ['claims', { client_id: 'drawbridge' }],
    ['claims', { client_id: undefined }],
    ['claims', { scope: 7 }],
    ['claims', { cnf: {} }],
    ['claims', { cnf: { jkt: 'short' } }],
    ['claims', { cnf: null }],
    ['claims', { claims: 'email' }],
    ['claims', { claims: ['email', 7] }],
    ['claims', { sub: pairwise.subject }],
    ['claims', { ref: 'x' }],
    ['claims', { ref: 'x', sid: undefined }],
    ['claims', { exp: '1e300' }],
    ['accepted', {}],
  ])('refuses for its %s what says %j', async (check, changes) => {
    expect(await checkOf(await signAsUs(good(changes), NOON))).toBe(check)
  })

  it.each([
    ['accepted', {}],
    ['claims', { sub: ada.userId }],
    ['claims', { sid: ada.sid }],
    ['claims', { epoch: 7 }],
    ['claims', { gid: ada.family }],
    ['claims', { auth_time: NOON }],
    ['claims', { idp: 'otrotl' }],
    ['claims', { acr: 'urn:example:gold' }],
  ])('reads as a client’s own: %s, if beside itself it names %j', async (check, changes) => {
    const ofUser = ['sid', 'epoch', 'auth_time', 'idp']
    const none = Object.fromEntries(ofUser.map((name) => [name, undefined]))
    const own = good({ ...none, gid: undefined, sub: 'shop', ...changes })
    expect(await checkOf(await signAsUs(own, NOON))).toBe(check)
  })

  it('never reads a reference that was sealed for something else', async () => {
    const { ref } = decodeJwt((await issue(pairwise)).token)
    const forged = good({ sub: pairwise.subject, sid: undefined, ref })
    expect(await checkOf(await signAsUs(forged, NOON))).toBe('accepted')
    const withBoth = good({ sub: pairwise.subject, ref })
    expect(await checkOf(await signAsUs(withBoth, NOON))).toBe('claims')
    const elsewhere = isolate({
      secrets: { ...configFor().secrets, handleKey: ['another-handle-key-0123456789-0123456789'] },
    })
    const { token } = await issue(pairwise)
    expect((await elsewhere.applicationTokens.verify(token, NOON)).ok).toBe(false)
  })

  it('refuses a token of which any character has changed', async () => {
    const { token } = await issue()
    await fc.assert(
      fc.asyncProperty(
        fc.nat(token.length - 1),
        fc.constantFrom('A', 'B', 'Q', 'a', 'w', '0', '9', '-', '_', '.'),
        async (at, character) => {
          fc.pre(token[at] !== character)
          const changed = token.slice(0, at) + character + token.slice(at + 1)
          expect((await judge(changed)).ok).toBe(false)
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('each of our tokens is accepted in exactly one role', () => {
  /** The verifiers of an isolate, by role. */
  const roles = async (token: string) => {
    const { accessTokens, applicationTokens, signedClaims } = isolate()
    const api = await accessTokens.verify(token, NOON)
    const application = await applicationTokens.verify(token, NOON)
    const hint = await signedClaims.readIdToken(token, NOON)
    return [
      ...(api.ok ? ['api'] : []),
      ...(application.ok ? [application.value.user ? 'application' : 'client'] : []),
      ...(hint.ok ? ['id_token_hint'] : []),
    ]
  }
  const sign = async (type: 'JWT' | 'logout+jwt', alg: 'RS256' | 'ES256' | 'PS256') =>
    valueOf(
      await isolate().signedClaims.sign({
        type,
        alg,
        // The claims of every role at once: what tells them apart is not what they happen to say.
        claims: { ...goodClaims(NOON), gid: ada.family, events: {} },
        now: NOON,
      }),
    )

  it.each(['RS256', 'ES256', 'PS256'] as const)('an ID token under %s', async (alg) => {
    expect(await roles(await sign('JWT', alg))).toEqual(['id_token_hint'])
  })

  it.each(['RS256', 'ES256', 'PS256'] as const)(
    'a logout token under %s, which is for the application alone',
    async (alg) => {
      expect(await roles(await sign('logout+jwt', alg))).toEqual([])
    },
  )

  it('a token of the bridge', async () => {
    const { token } = valueOf(
      await isolate().accessTokens.issue({
        sub: ada.userId,
        sid: ada.sid,
        epoch: 7,
        authTime: NOON,
        providerId: 'otrotl',
        notAfter: NOON + 300,
        now: NOON,
      }),
    )
    expect(await roles(token)).toEqual(['api'])
  })

  it('a token of an application', async () => {
    expect(await roles((await issue()).token)).toEqual(['application'])
    expect(await roles((await issue(pairwise)).token)).toEqual(['application'])
  })

  it('a client’s own token', async () => {
    expect(await roles((await issueForClient()).token)).toEqual(['client'])
  })
})
