import { env } from 'cloudflare:workers'
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'
import type { OAuthClient } from '../../src/core/applications/application.ts'
import { createSubjects } from '../../src/core/applications/subject.ts'
import { createApplicationTokens } from '../../src/core/tokens/application-tokens.ts'
import { createKeys } from '../../src/core/tokens/keys.ts'
import { createSignedClaims } from '../../src/core/tokens/sign-claims.ts'
import { issueIdToken } from '../../src/openid-provider/id-token.ts'
import type { IssueIdToken } from '../../src/openid-provider/id-token.ts'
import { issueUserToken } from '../../src/openid-provider/user-token.ts'
import type { Result } from '../../src/platform/refusal.ts'
import { freezeClock, NOON } from '../world/clock.ts'
import { configFor } from '../world/config.ts'
import { settings } from '../world/settings.ts'
import { prepareKeyRing } from '../world/signed-by-us.ts'
import { adaProfile, madeUpApplication, madeUpSession } from './made-up-application.ts'

const config = configFor()
const keys = () =>
  createKeys({
    keyRing: env.KEY_RING,
    published: env.REVOCATION,
    keyEncryptionKey: [settings.KEY_ENCRYPTION_KEY],
  })
const subjects = createSubjects([settings.HANDLE_KEY])

function valueOf<Value>(result: Result<Value>): Value {
  if (!result.ok) throw new Error(`refused: ${result.refusal.code}`)
  return result.value
}

const issue = async (changes: Partial<IssueIdToken> = {}, oauth: Partial<OAuthClient> = {}) =>
  valueOf(
    await issueIdToken(
      { config, subjects, signedClaims: createSignedClaims({ config, keys: keys() }) },
      {
        application: madeUpApplication(oauth),
        session: madeUpSession(NOON),
        scope: ['openid'],
        claims: { idToken: [] },
        now: NOON,
        ...changes,
      },
    ),
  )

beforeEach(async () => {
  freezeClock()
  await prepareKeyRing(NOON)
})

describe('an ID token (OpenID Connect Core 1.0 §2)', () => {
  it('says who signed in for whom, when and how, and nothing that was not granted', async () => {
    const session = madeUpSession(NOON)
    const token = await issue({ session, nonce: 'n-0S6_WzA2Mj' })
    expect(decodeJwt(token)).toEqual({
      iss: 'https://login.example',
      sub: session.userId,
      aud: 'shop',
      exp: NOON + 3600,
      iat: NOON,
      auth_time: NOON - 12,
      nonce: 'n-0S6_WzA2Mj',
      acr: 'urn:example:gold',
      amr: ['pwd', 'otp'],
      sid: await subjects.sessionIdFor({ id: 'shop' }, session.sid),
    })
    expect(JSON.stringify(decodeJwt(token))).not.toContain(session.sid)
  })

  it.each(['RS256', 'ES256', 'PS256'] as const)('verifies under %s by our JWKS', async (alg) => {
    const token = await issue({}, { idTokenSignedResponseAlg: alg })
    expect(decodeProtectedHeader(token)).toMatchObject({ alg, typ: 'JWT' })
    const set = createLocalJWKSet({ keys: [...valueOf(await keys().publicKeySet(NOON)).keys] })
    const { payload } = await jwtVerify(token, set, {
      issuer: 'https://login.example',
      audience: 'shop',
      algorithms: [alg],
      currentDate: new Date(NOON * 1000),
    })
    expect(payload.sid).toMatch(/^[0-9a-f]{32}$/)
  })

  it('has the hashes of what it was handed out with (§3.1.3.6, §3.3.2.11)', async () => {
    // The example of OpenID Connect Core 1.0, appendix A.3 and A.4.
    const claims = decodeJwt(
      await issue({
        accessToken: 'jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y',
        code: 'Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk',
      }),
    )
    expect(claims).toMatchObject({
      at_hash: '77QmUPtjPfzWtF2AnpK9RQ',
      c_hash: 'LDktKdoQak3Pk0cnXxCltA',
    })
  })

  it('carries the claims of granted scopes and those asked for by name', async () => {
    const claims = decodeJwt(
      await issue({ scope: ['openid', 'email'], claims: { idToken: ['name'] } }),
    )
    expect(claims).toMatchObject({
      email: adaProfile.email,
      email_verified: true,
      name: adaProfile.name,
    })
    expect(claims).not.toHaveProperty('given_name')
  })

  it('names a pairwise subject that is another one in every sector (§8.1)', async () => {
    const session = madeUpSession(NOON)
    const pairwise = (sectorIdentifier: string) =>
      issue({ session }, { subjectType: 'pairwise', sectorIdentifier })
    const [a, b, again] = await Promise.all(['a.example', 'b.example', 'a.example'].map(pairwise))
    expect(decodeJwt(a!).sub).toMatch(/^[\w-]{43}$/)
    expect(decodeJwt(a!).sub).not.toBe(decodeJwt(b!).sub)
    expect(decodeJwt(a!).sub).toBe(decodeJwt(again!).sub)
  })

  it('leaves out what is not known of the sign-in', async () => {
    const { acr: _, amr: __, ...authentication } = madeUpSession(NOON).authentication
    const claims = decodeJwt(await issue({ session: { ...madeUpSession(NOON), authentication } }))
    for (const name of ['acr', 'amr', 'nonce', 'at_hash', 'c_hash', 'azp'])
      expect(claims).not.toHaveProperty(name)
  })
})

describe('an access token for a person', () => {
  const issueToken = async (
    content: Parameters<typeof issueUserToken>[1]['content'],
    oauth: Partial<OAuthClient> = {},
    session = madeUpSession(NOON),
  ) =>
    valueOf(
      await issueUserToken(
        { subjects, applicationTokens: createApplicationTokens({ config, keys: keys() }) },
        {
          application: madeUpApplication(oauth),
          session,
          family: 'f'.repeat(32),
          content,
          now: NOON,
        },
      ),
    )

  it('is for UserInfo, with the claims that UserInfo is to tell', async () => {
    const { token } = await issueToken({
      scope: ['openid'],
      isOpenId: true,
      claims: { userinfo: ['email'], idToken: [] },
    })
    expect(decodeJwt(token)).toMatchObject({
      aud: 'https://login.example/oauth/userinfo',
      scope: 'openid',
      claims: ['email'],
    })
  })

  it('may ask UserInfo wherever an ID token goes with it', async () => {
    const { token } = await issueToken({ scope: ['email'], isOpenId: true })
    expect(decodeJwt(token).scope).toBe('openid email')
    const plain = await issueToken({ scope: ['email'], isOpenId: false })
    expect(decodeJwt(plain.token).scope).toBe('email')
  })

  it('is for the API that was asked for, and then tells nothing of claims', async () => {
    const { token } = await issueToken({
      scope: ['orders'],
      isOpenId: false,
      claims: { userinfo: ['email'], idToken: [] },
      resource: 'https://orders.example',
    })
    expect(decodeJwt(token)).toMatchObject({ aud: 'https://orders.example', scope: 'orders' })
    expect(decodeJwt(token)).not.toHaveProperty('claims')
  })

  it('ends with the session', async () => {
    const session = { ...madeUpSession(NOON), idleDeadlineAt: NOON + 9 }
    expect((await issueToken({ scope: [], isOpenId: false }, {}, session)).expiresIn).toBe(9)
  })
})
