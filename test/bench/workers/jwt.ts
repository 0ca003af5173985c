/**
 * An API behind Hono's own `jwt` middleware: a signature and an expiry, and no revocation.
 * POST /prepare signs tokens for so many people.
 */
import { Hono } from 'hono'
import { jwt, sign } from 'hono/jwt'
import type { Prepared } from './prepared.ts'

let keys: CryptoKeyPair | undefined
const keyPair = async () =>
  (keys ??= (await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ])) as CryptoKeyPair)

const app = new Hono<{ Variables: { jwtPayload: { sub: string } } }>()

app.post('/prepare', async (c) => {
  const { people } = await c.req.json<{ people: number }>()
  const { privateKey } = await keyPair()
  const exp = Math.floor(Date.now() / 1000) + 3600
  const headers = Array.from({ length: people }, async (_, index) => ({
    authorization: `Bearer ${await sign({ sub: `user-${index}`, exp }, privateKey, 'ES256')}`,
  }))
  return c.json<Prepared>(await Promise.all(headers))
})

app.get(
  '/',
  async (c, next) => jwt({ secret: (await keyPair()).publicKey, alg: 'ES256' })(c, next),
  (c) => c.json({ sub: c.get('jwtPayload').sub }),
)

export default app
