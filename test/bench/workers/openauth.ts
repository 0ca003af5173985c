/**
 * An API that verifies the tokens of @openauthjs/openauth: a signature and an expiry, and no revocation. POST /prepare
 * takes so many people through its authorization code grant.
 */
import { createClient } from '@openauthjs/openauth/client'
import { issuer } from '@openauthjs/openauth'
import { createSubjects } from '@openauthjs/openauth/subject'
import { MemoryStorage } from '@openauthjs/openauth/storage/memory'
import { Hono } from 'hono'
import { z } from 'zod'
import type { Prepared } from './prepared.ts'

const ORIGIN = 'http://localhost'
const REDIRECT_URI = `${ORIGIN}/callback`
const subjects = createSubjects({ user: z.object({ id: z.string() }) })

let signedIn = 0
const server = issuer({
  subjects,
  storage: MemoryStorage(),
  // Lets in whoever comes: how people prove who they are is not measured.
  providers: {
    open: {
      type: 'open',
      init(routes, context) {
        routes.get('/authorize', async (c) => context.success(c, { id: `user-${(signedIn += 1)}` }))
      },
    },
  },
  success: async (context, { id }: { id: string }) => context.subject('user', { id }),
  allow: async () => true,
})

const ask = async (url: string, init?: RequestInit) => server.request(url, init)
const client = createClient({ clientID: 'bench', issuer: ORIGIN, fetch: ask as typeof fetch })

async function signIn(): Promise<{ authorization: string }> {
  const { url } = await client.authorize(REDIRECT_URI, 'code', { provider: 'open' })
  let answer = await ask(url)
  let cookie = ''
  while (!(answer.headers.get('location') ?? REDIRECT_URI).startsWith(REDIRECT_URI)) {
    cookie =
      answer.headers
        .getSetCookie()
        .map((line) => line.split(';')[0]!)
        .join('; ') || cookie
    const next = new URL(answer.headers.get('location')!, ORIGIN)
    answer = await ask(next.href, { headers: { cookie } })
  }
  const code = new URL(answer.headers.get('location')!).searchParams.get('code') ?? ''
  const exchanged = await client.exchange(code, REDIRECT_URI)
  if (exchanged.err) throw exchanged.err
  return { authorization: `Bearer ${exchanged.tokens.access}` }
}

const app = new Hono()

app.post('/prepare', async (c) => {
  const { people } = await c.req.json<{ people: number }>()
  const headers: { authorization: string }[] = []
  for (let index = 0; index < people; index += 1) headers.push(await signIn())
  return c.json<Prepared>(headers)
})

app.get('/', async (c) => {
  const token = c.req.header('authorization')?.slice('Bearer '.length) ?? ''
  const verified = await client.verify(subjects, token)
  return verified.err ? c.text('nobody', 401) : c.json({ sub: verified.subject.properties.id })
})

export default app
