/**
 * What a Worker costs that does the least of its kind: answers, answers behind a middleware that reads two headers
 * and sets two, answers and writes a line, reads KV once, calls a Durable Object that reads one row or writes one,
 * verifies or makes one signature. The physical limits of what is measured beside them.
 */
import { DurableObject } from 'cloudflare:workers'
import { Hono } from 'hono'
import type { MiddlewareHandler } from 'hono'
import { importJWK, jwtVerify, SignJWT } from 'jose'
import type { JWK } from 'jose'

interface Bindings {
  readonly KV: KVNamespace
  readonly ROWS: DurableObjectNamespace<OneRow>
  readonly PUBLIC_KEY: JWK
  readonly PRIVATE_KEY: JWK
}

/** Holds one row, and reads it. */
export class OneRow extends DurableObject {
  constructor(context: DurableObjectState, env: Cloudflare.Env) {
    super(context, env)
    context.storage.sql.exec(
      `CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, value TEXT NOT NULL);
       INSERT OR IGNORE INTO rows VALUES (1, 'one')`,
    )
  }

  read(): string {
    return this.ctx.storage.sql.exec<{ value: string }>('SELECT value FROM rows WHERE id = 1').one()
      .value
  }

  /** In a transaction, as whatever counts once has to. */
  write(): string {
    const { storage } = this.ctx
    return storage.transactionSync(() => {
      const value = this.read()
      storage.sql.exec('UPDATE rows SET value = ? WHERE id = 1', crypto.randomUUID())
      return value
    })
  }
}

const app = new Hono<{ Bindings: Bindings }>()

/** `x-user`: whose turn it is. */
const before = (path: string, middleware: MiddlewareHandler<{ Bindings: Bindings }>) =>
  app.get(path, middleware, (c) => c.json({ sub: 'somebody' }))

app.get('/bare', (c) => c.json({ sub: 'somebody' }))

before('/middleware', async (c, next) => {
  const isOfOtherOrigin = c.req.header('origin') !== undefined
  const hasToken = c.req.header('authorization') !== undefined
  await next()
  c.res.headers.append('Vary', 'Origin')
  if (hasToken || isOfOtherOrigin) c.res.headers.set('Cache-Control', 'no-store')
})

before('/log', async (_, next) => {
  console.info(
    JSON.stringify({
      level: 'info',
      event: 'access.accepted',
      request_id: '1f0c5ad2f6e84c0c8d3a8d6a3d1c9b57',
      user: '9b3c1f0c5ad2f6e84c0c8d3a8d6a3d15',
      sid_hash: 'u8f3Jd0aKq1LmZx2',
    }),
  )
  await next()
})

before('/kv', async (c, next) => {
  await c.env.KV.get(c.req.header('x-user') ?? 'nobody', { type: 'text', cacheTtl: 30 })
  await next()
})

before('/object', async (c, next) => {
  await c.env.ROWS.getByName(c.req.header('x-user') ?? 'nobody').read()
  await next()
})

let key: CryptoKey | undefined

before('/signature', async (c, next) => {
  key ??= (await importJWK(c.env.PUBLIC_KEY, 'ES256')) as CryptoKey
  const token = c.req.header('authorization')?.slice('Bearer '.length) ?? ''
  await jwtVerify(token, key, { algorithms: ['ES256'] })
  await next()
})

before('/object/written', async (c, next) => {
  await c.env.ROWS.getByName(c.req.header('x-user') ?? 'nobody').write()
  await next()
})

let privateKey: CryptoKey | undefined

/** A form is read, a row written, a token signed. */
app.post('/token', async (c) => {
  privateKey ??= (await importJWK(c.env.PRIVATE_KEY, 'ES256')) as CryptoKey
  const form = new URLSearchParams(await c.req.text())
  await c.env.ROWS.getByName(form.get('refresh_token') ?? 'nobody').write()
  const token = await new SignJWT({ sub: 'somebody' })
    .setProtectedHeader({ alg: 'ES256' })
    .setExpirationTime('5m')
    .sign(privateKey)
  return c.json({ access_token: token, token_type: 'Bearer', expires_in: 300 })
})

/** Writes a hint, as long as one of ours, under each of so many names. */
app.post('/prepare', async (c) => {
  const { names } = await c.req.json<{ names: string[] }>()
  const value = '{"v":2,"version":1795324800,"epoch":1795324800,"revoked":[]}'
  await Promise.all(names.map(async (name) => c.env.KV.put(name, value)))
  return c.json({})
})

export default app
