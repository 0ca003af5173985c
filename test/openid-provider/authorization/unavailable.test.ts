import { describe, expect, it, vi } from 'vitest'
import { registerApplication } from '../../world/applications.ts'
import { createBrowser } from '../../world/browser.ts'
import type { Browser } from '../../world/browser.ts'
import { createWorld } from '../../world/sign-in.ts'
import { ask, authorizeUrl, errorCodeOf, heard, signedInBrowser } from './asking.ts'

const down = () => {
  throw new Error('down')
}
const broken = {
  USER_SESSIONS: { getByName: down, idFromName: down, get: down },
  DIRECTORY: { prepare: down, batch: down },
  ONE_TIME_REFERENCES: { getByName: down },
}

/** A person with a session, at a gateway of which one part does not answer. */
async function without(part: keyof typeof broken) {
  const whole = await createWorld()
  const app = await registerApplication({ isFirstParty: true })
  const { jar } = await signedInBrowser(whole)
  const bindings = { [part]: broken[part] } as unknown as Partial<Env>
  const world = await createWorld({}, bindings)
  const stranger = world.newBrowser()
  const browser: Browser = createBrowser({
    fetch: async (request) => world.fetch(request),
    providers: [],
  })
  const lines = jar.list('login.example').map(({ name, value }) => `${name}=${value}`)
  for (const line of lines) {
    browser.jar.store(`${line}; Path=/; Secure`, new URL('https://login.example'))
  }
  return { app, browser, stranger }
}

const expectUnavailable = async (answer: Response): Promise<void> => {
  expect(answer.status).toBe(503)
  expect(answer.headers.get('retry-after')).toBe('10')
  expect(answer.headers.get('location')).toBeNull()
  expect(await errorCodeOf(answer)).toBe('unavailable')
}

describe('a part that does not answer never means yes', () => {
  it('applications cannot be looked up: nothing is sent anywhere', async () => {
    const { app, browser } = await without('DIRECTORY')
    await expectUnavailable(await ask(browser, authorizeUrl(app)))
  })

  it('the session cannot be looked up: the application is told to try again', async () => {
    const { app, browser, stranger } = await without('USER_SESSIONS')
    for (const prompt of [undefined, 'none', 'login']) {
      const answer = await ask(browser, authorizeUrl(app, { prompt }))
      expect(heard(answer)).toMatchObject({ error: 'temporarily_unavailable', state: 'state-1' })
    }
    expect((await ask(stranger, authorizeUrl(app))).status).toBe(303)
  })

  it('the request cannot be kept: nobody is sent to sign in for nothing', async () => {
    const { app, browser, stranger } = await without('ONE_TIME_REFERENCES')
    await expectUnavailable(await ask(stranger, authorizeUrl(app)))
    expect(heard(await ask(browser, authorizeUrl(app))).code).toBeTruthy()
  })

  it('the directory never answers: neither does that keep anybody waiting', async () => {
    const app = await registerApplication({ isFirstParty: true })
    const never = () => new Promise(() => {})
    const statement = { bind: () => statement, run: never, all: never, first: never }
    const DIRECTORY = { prepare: () => statement, batch: never } as unknown as D1Database
    const world = await createWorld({}, { DIRECTORY })
    const { setTimeout } = globalThis
    const soon = (work: (value: unknown) => void, milliseconds: number, value: unknown) =>
      setTimeout(work, milliseconds / 1000, value)
    vi.spyOn(globalThis, 'setTimeout').mockImplementation(soon as typeof setTimeout)
    await expectUnavailable(await ask(world.newBrowser(), authorizeUrl(app)))
    const body = new URLSearchParams({ client_id: app.id, client_secret: app.secret })
    const asked = new Request('https://login.example/oauth/token', { method: 'POST', body })
    expect((await world.fetch(asked)).status).toBe(503)
    const metadata = 'https://login.example/.well-known/openid-configuration'
    expect((await world.fetch(new Request(metadata))).status).toBe(200)
  })
})
