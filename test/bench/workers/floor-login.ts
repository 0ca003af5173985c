/**
 * A Worker that signs people in with the least that the gateway's promises ask for, and not one check more: the code is
 * exchanged and the ID token's signature verified, UserInfo asked; an object says that it counts once, the directory
 * knows the person, an object keeps the session, and what happened is written down. The physical limit of what is
 * measured beside it; nobody should sign in like this.
 */
import { DurableObject } from 'cloudflare:workers'
import { Hono } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { html } from 'hono/html'
import { base64url, createLocalJWKSet, jwtVerify } from 'jose'
import type { JSONWebKeySet } from 'jose'

interface Bindings {
  readonly DB: D1Database
  readonly CLAIMS: DurableObjectNamespace<Rows>
  readonly SESSIONS: DurableObjectNamespace<Rows>
  readonly ORIGIN: string
  readonly UPSTREAM: string
  readonly CLIENT_ID: string
  readonly CLIENT_SECRET: string
}

interface Endpoints {
  readonly authorization_endpoint: string
  readonly token_endpoint: string
  readonly userinfo_endpoint: string
  readonly jwks_uri: string
}

/** Keeps a text under each name. */
export class Rows extends DurableObject {
  constructor(context: DurableObjectState, env: Cloudflare.Env) {
    super(context, env)
    context.storage.sql.exec(
      'CREATE TABLE IF NOT EXISTS rows (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT',
    )
  }

  /** False where there is one of that name already. */
  add(name: string, value: string): boolean {
    const statement = 'INSERT INTO rows (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING'
    return this.ctx.storage.sql.exec(statement, name, value).rowsWritten > 0
  }

  read(name: string): string {
    const statement = 'SELECT value FROM rows WHERE name = ?'
    return this.ctx.storage.sql.exec<{ value: string }>(statement, name).one().value
  }
}

const app = new Hono<{ Bindings: Bindings }>()

let upstream: { endpoints: Endpoints; keys: ReturnType<typeof createLocalJWKSet> } | undefined

/** Asked once; as with the gateway, an isolate remembers what it has been told. */
async function discover(issuer: string) {
  if (upstream !== undefined) return upstream
  const read = async (url: string) => (await fetch(url)).json()
  const endpoints = (await read(`${issuer}/.well-known/openid-configuration`)) as Endpoints
  const keys = createLocalJWKSet((await read(endpoints.jwks_uri)) as JSONWebKeySet)
  upstream = { endpoints, keys }
  return upstream
}

app.post('/prepare', async (c) => {
  await c.env.DB.batch(
    [
      'CREATE TABLE people (subject TEXT PRIMARY KEY, id TEXT NOT NULL, name TEXT, seen_at INTEGER) STRICT',
      'CREATE TABLE ends (subject TEXT PRIMARY KEY, at INTEGER) STRICT',
      'CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER, person TEXT, event TEXT) STRICT',
    ].map((statement) => c.env.DB.prepare(statement)),
  )
  return c.json({})
})

app.get('/login', async (c) => {
  const { endpoints } = await discover(c.env.UPSTREAM)
  const [state, verifier] = [crypto.randomUUID(), crypto.randomUUID() + crypto.randomUUID()]
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))
  setCookie(c, 'attempt', `${state} ${verifier}`, { httpOnly: true })
  const query = new URLSearchParams({
    client_id: c.env.CLIENT_ID,
    redirect_uri: `${c.env.ORIGIN}/callback`,
    response_type: 'code',
    scope: 'openid profile email',
    state,
    code_challenge: base64url.encode(new Uint8Array(digest)),
    code_challenge_method: 'S256',
  })
  return c.redirect(`${endpoints.authorization_endpoint}?${query.toString()}`)
})

app.get('/callback', async (c) => {
  const { env } = c
  const { endpoints, keys } = await discover(env.UPSTREAM)
  const [state = '', verifier = ''] = (getCookie(c, 'attempt') ?? '').split(' ')
  const isNew = await env.CLAIMS.getByName('all').add(state, '')
  if (!isNew || c.req.query('state') !== state) return c.text('not this one', 400)

  const answered = await fetch(endpoints.token_endpoint, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${env.CLIENT_ID}:${env.CLIENT_SECRET}`)}` },
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code: c.req.query('code') ?? '',
      redirect_uri: `${env.ORIGIN}/callback`,
      code_verifier: verifier,
    }),
  })
  const tokens = await answered.json<{ id_token: string; access_token: string }>()
  const { payload } = await jwtVerify(tokens.id_token, keys)
  const authorization = `Bearer ${tokens.access_token}`
  const told = await fetch(endpoints.userinfo_endpoint, { headers: { authorization } })
  const { name } = await told.json<{ name: string }>()

  const now = Math.floor(Date.now() / 1000)
  const subject = payload.sub ?? ''
  const [, found] = await env.DB.batch<{ id: string }>([
    env.DB.prepare(
      `INSERT INTO people VALUES (?1, ?2, ?3, ?4)
       ON CONFLICT DO UPDATE SET name = excluded.name, seen_at = excluded.seen_at`,
    ).bind(subject, crypto.randomUUID(), name, now),
    env.DB.prepare('SELECT id FROM people WHERE subject = ?1').bind(subject),
  ])
  const id = found?.results[0]?.id ?? ''
  const sid = crypto.randomUUID()
  await env.SESSIONS.getByName(id).add(sid, JSON.stringify({ name, idToken: tokens.id_token }))
  await env.DB.prepare('SELECT at FROM ends WHERE subject = ?1').bind(subject).first()
  const event = env.DB.prepare('INSERT INTO events (at, person, event) VALUES (?1, ?2, ?3)')
  c.executionCtx.waitUntil(event.bind(now, id, 'login.accepted').run())
  setCookie(c, 'session', `${id} ${sid}`, { httpOnly: true })
  return c.redirect('/dashboard')
})

app.get('/dashboard', async (c) => {
  const [id = '', sid = ''] = (getCookie(c, 'session') ?? '').split(' ')
  const { name } = JSON.parse(await c.env.SESSIONS.getByName(id).read(sid)) as { name: string }
  return c.html(
    html`<!doctype html><title>Dashboard</title>
      <h1>${name}</h1>`,
  )
})

export default app
