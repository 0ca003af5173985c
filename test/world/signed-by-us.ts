import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { CompactSign, SignJWT, exportJWK, generateKeyPair } from 'jose'
import type { CompactJWSHeaderParameters, JWK } from 'jose'
import { KeyTable } from '../../src/core/tokens/key-table.ts'
import type { NewKey } from '../../src/core/tokens/key-table.ts'
import {
  generateSigningKey,
  importSealedKey,
  signingKeySeals,
} from '../../src/core/tokens/sealed-private-key.ts'
import type { SigningKeyAlgorithm } from '../../src/core/tokens/signing-key.ts'
import { sha256Base64url, storageName } from '../../src/platform/digest.ts'
import { randomId } from '../../src/platform/random.ts'
import { settings } from './settings.ts'

/** The key ring of the gateway under test. */
export const keyRing = async () => env.KEY_RING.getByName(await storageName('key-ring'))

const seals = signingKeySeals([settings.KEY_ENCRYPTION_KEY])
let prepared: readonly NewKey[] | undefined

/**
 * Gives a fresh key ring keys that were made once for all tests (RSA keys take their time), in the state in
 * which it would have made its own. For tests that are not about the making of keys.
 */
export async function prepareKeyRing(now: number): Promise<void> {
  prepared ??= await Promise.all(
    (['ES256', 'RS256', 'ES256', 'RS256'] as const).map((alg) =>
      generateSigningKey(alg, seals.current),
    ),
  )
  const [es256, rs256, ...next] = prepared as [NewKey, NewKey, NewKey, NewKey]
  await runInDurableObject(await keyRing(), async (ring, state) => {
    state.storage.transactionSync(() => {
      const table = new KeyTable(state.storage.sql)
      // Asked again, by a runtime under load that was not sure of the first time.
      if (table.find(es256.kid) !== undefined) return
      for (const key of [es256, rs256]) {
        table.announce(key, now)
        table.activate(key.kid, now)
      }
      for (const key of next) table.announce(key, now)
      table.raiseVersion()
    })
    await ring.alarm()
  })
}

const utf8 = new TextEncoder()

/**
 * A JWT under the gateway's own active key: what the gateway itself would never write, but with a signature
 * that counts. `payload` may be any text, `header` overrides what a good access token has.
 */
export async function signAsUs(
  payload: string | Record<string, unknown>,
  now: number,
  header: Record<string, unknown> = {},
  alg: SigningKeyAlgorithm = 'ES256',
): Promise<string> {
  const answer = await (await keyRing()).signingKey(alg, now)
  if (!answer.ok) throw new Error('no signing key')
  const key = await importSealedKey(answer.value, seals.any)
  const bytes = utf8.encode(typeof payload === 'string' ? payload : JSON.stringify(payload))
  return new CompactSign(bytes)
    .setProtectedHeader({
      alg,
      typ: 'at+jwt',
      kid: answer.value.kid,
      ...header,
    } as CompactJWSHeaderParameters)
    .sign(key!)
}

/** The claims of a good access token of a made-up user. */
export const goodClaims = (now: number, changes: Record<string, unknown> = {}) => ({
  iss: settings.ISSUER,
  aud: settings.ACCESS_TOKEN.audience,
  sub: '00000000000000000000000000000001',
  client_id: 'drawbridge',
  iat: now,
  exp: now + 300,
  jti: randomId(),
  sid: '00000000000000000000000000000002',
  epoch: 1,
  auth_time: now - 10,
  idp: 'otrotl',
  scope: 'openid profile email',
  ...changes,
})

/** Somebody who holds a DPoP key. */
export async function createProver(alg = 'ES256') {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = await exportJWK(publicKey)
  const privateJwk = await exportJWK(privateKey)
  return {
    jwk,
    privateJwk,
    /** A good proof (RFC 9449 §4.2), with changes. */
    async prove(
      target: { method?: string; url: string; token?: string; now: number },
      changes: { header?: Record<string, unknown>; claims?: Record<string, unknown> } = {},
    ): Promise<string> {
      const { method = 'GET', url, token, now } = target
      const claims = {
        htm: method,
        htu: url,
        iat: now,
        jti: randomId(),
        ...(token === undefined ? {} : { ath: await sha256Base64url(token) }),
        ...changes.claims,
      }
      return new SignJWT(claims)
        .setProtectedHeader({ alg, typ: 'dpop+jwt', jwk: jwk as JWK, ...changes.header })
        .sign(privateKey)
    },
  }
}
