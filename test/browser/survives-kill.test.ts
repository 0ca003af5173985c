/** Without Chromium: what is killed here is the gateway, and a visitor without a screen is enough to see it. */
import { createPrivateKey, randomUUID } from 'node:crypto'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { people } from '../../dev/otrotl/people.ts'
import type { Person } from '../../dev/otrotl/people.ts'
import { loadSigningKeys } from '../../dev/otrotl/signing-keys.ts'
import { HttpVisitor } from '../clients/http-visitor.ts'
import { processesOf } from './processes.ts'
import { startWorld } from './world.ts'
import type { World } from './world.ts'

/** When the kill comes: so many milliseconds after the request to sign out has left, or when it is answered. */
const MOMENTS = [0, 5, 15, 40, 'answered', 'answered'] as const
/** The outbox is taken up by the alarm some 5 s after a commit that could not publish. */
const OUTBOX_MILLISECONDS = 30_000

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world?.remove())

const [leaver, stayer] = people as [Person, Person]

/** Each begins the end of all that lives of the leaver, and tells whether it was answered well. */
const ends = {
  'somebody signs out': ({ cookie }: SignedIn) => signOut(cookie),
  'the provider says that somebody has signed out': sendLogoutToken,
}

describe.each(Object.entries(ends))('a gateway that is killed with SIGKILL while %s', (_, end) => {
  it(
    'has kept all it acknowledged and revives nothing that ended, in 6 kills',
    {
      timeout: 600_000,
    },
    async () => {
      const bystander = await signIn(stayer)
      const gone: SignedIn[] = []
      let acknowledged = 0
      for (const moment of MOMENTS) {
        const leaving = await signIn(leaver)
        const answer = end(leaving)
        if (moment === 'answered') expect((await answer).isAcknowledged).toBe(true)
        else await delay(moment)
        await kill()
        const { isAcknowledged } = await answer
        await world.startAgain()

        // A request that was not answered may have ended the session or not. What it did, it did for good.
        const status = await bridgeStatus(leaving.cookie)
        if (isAcknowledged) {
          acknowledged += 1
          expect(status).toBe(401)
        }
        if (status === 401) gone.push(leaving)
        else expect(status).toBe(200)
        for (const { cookie, token } of gone) {
          expect(await bridgeStatus(cookie)).toBe(401)
          await vi.waitFor(async () => expect(await apiStatus(token)).toBe(401), {
            timeout: OUTBOX_MILLISECONDS,
            interval: 500,
          })
        }
        expect(await bridgeStatus(bystander.cookie)).toBe(200)
      }
      expect(acknowledged).toBeGreaterThanOrEqual(2)
      expect(await apiStatus((await tokenOf(bystander.cookie))!)).toBe(200)
    },
  )
})

interface SignedIn {
  readonly cookie: string
  readonly token: string
}

/** Every process of the gateway and of OTROTL, at once and without a word. */
async function kill(): Promise<void> {
  for (const { id } of processesOf(world.stateDirectory)) {
    try {
      process.kill(id, 'SIGKILL')
    } catch {
      // It ended with the one before.
    }
  }
  await world.stop('SIGKILL')
  await vi.waitFor(() => expect(processesOf(world.stateDirectory)).toEqual([]), {
    timeout: 10_000,
  })
}

async function signIn(person: Person): Promise<SignedIn> {
  const visitor = new HttpVisitor()
  await visitor.signIn(world.gateway, person)
  const cookie = visitor.cookieHeader('localhost')
  return { cookie, token: (await tokenOf(cookie))! }
}

/** Whether the gateway answered; it has then ended the session. */
const signOut = async (cookie: string): Promise<{ isAcknowledged: boolean }> =>
  ask('POST', '/auth/sso/logout', { cookie, 'sec-fetch-site': 'same-origin' }).then(
    ({ status }) => {
      expect(status).toBeLessThan(400)
      return { isAcknowledged: true }
    },
    () => ({ isAcknowledged: false }),
  )

/** As OTROTL's server does it, with OTROTL's key. */
async function sendLogoutToken(): Promise<{ isAcknowledged: boolean }> {
  const [jwk] = loadSigningKeys(join(world.stateDirectory, 'otrotl', 'keys.json')).jwks.keys
  const token = await new SignJWT({
    events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
  })
    .setProtectedHeader({ alg: 'RS256', typ: 'logout+jwt', kid: jwk!.kid })
    .setIssuer(`http://127.0.0.1:${world.ports[1]}`)
    .setAudience('tuberaker')
    .setSubject(leaver.subject)
    .setIssuedAt()
    .setExpirationTime('2m')
    .setJti(randomUUID())
    .sign(createPrivateKey({ key: jwk!, format: 'jwk' }))
  const body = new URLSearchParams({ logout_token: token }).toString()
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  return ask('POST', '/auth/sso/backchannel-logout/otrotl', headers, body).then(
    ({ status }) => {
      expect(status).toBe(200)
      return { isAcknowledged: true }
    },
    () => ({ isAcknowledged: false }),
  )
}

const bridgeStatus = async (cookie: string): Promise<number> =>
  (await ask('GET', '/auth/sso/token', { cookie })).status

const apiStatus = async (token: string): Promise<number> =>
  (await ask('GET', '/api/me', { authorization: `Bearer ${token}` })).status

async function tokenOf(cookie: string): Promise<string | undefined> {
  const { body } = await ask('GET', '/auth/sso/token', { cookie })
  return (JSON.parse(body) as { access_token?: string }).access_token
}

const ask = (method: string, path: string, headers: Record<string, string>, form?: string) =>
  new Promise<{ status: number; body: string }>((resolve, reject) => {
    const sent = request(world.gateway + path, { method, headers, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (body += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(form)
  })
