/** A store that fails in the middle of a request of a site's, or of a browser that a site has brought. */
import { describe, expect, it, vi } from 'vitest'
import { captureLog } from '../world/log-lines.ts'
import { lostAnswers } from '../world/lost-answers.ts'
import { createWorld, signIn } from '../world/sign-in.ts'
import { ask, pushUser, registerSite, startShared } from '../world/sites.ts'
import type { SiteAnswer, TestSite } from '../world/sites.ts'
import { check, register, told } from '../world/socialize.ts'
import { steppedBindings } from '../world/stepped-bindings.ts'

/** A world whose directory, or user's object, fails at a chosen step of one request. */
async function failingWorld() {
  vi.spyOn(console, 'error').mockImplementation(() => {})
  const stepped = steppedBindings()
  const world = await createWorld({}, stepped.bindings)
  const fetch = (request: Request) => world.fetch(request)
  /** Does `work` once for every step, which fails, and hands on what came of it. */
  async function atEveryStep<Value>(
    work: () => Promise<Value>,
    judge: (value: Value, step: number) => Promise<void>,
  ): Promise<void> {
    let hasFailed = true
    for (let step = 1; hasFailed; step += 1) {
      hasFailed = false
      const fail = async () => {
        hasFailed = true
        throw new Error('down')
      }
      const answers: Value[] = []
      const watched = async () => void answers.push(await work())
      await stepped.interrupt(step, fail, watched).catch(() => undefined)
      expect([step, answers.length]).toEqual([step, 1])
      await judge(answers[0]!, step)
    }
  }
  return { world, fetch, atEveryStep }
}

type Asked = readonly [method: string, path: string, body?: unknown]
type Pushed = Awaited<ReturnType<typeof pushUser>>

describe('whatever step of it a store fails at,', () => {
  it.each<[string, (of: Pushed) => Asked, readonly number[]]>([
    ['reading a user', ({ userToken }) => ['GET', `/users/${userToken}.json`], [200]],
    ['listing users', () => ['GET', '/users.json'], [200]],
    ['listing identities', () => ['GET', '/identities.json'], [200]],
    ['listing connections', () => ['GET', '/connections.json'], [200]],
    [
      'looking somebody up',
      () => ['POST', '/storage/users/user/lookup.json', { user: { login: 'ada' } }],
      [200],
    ],
    [
      'an update',
      ({ userToken }) => [
        'PUT',
        `/storage/users/${userToken}.json`,
        { user: { identity: { note: 'x' } } },
      ],
      [200],
    ],
    [
      'a session',
      ({ identityToken }) => ['PUT', `/sso/sessions/identities/${identityToken}.json`],
      [201],
    ],
    [
      'the allowed domains',
      () => ['PUT', '/site/allowed-domains.json', { allowed_domains: ['shop.example'] }],
      [200],
    ],
    [
      'a removal',
      ({ userToken }) => ['DELETE', `/users/${userToken}.json?confirm_deletion=true`],
      // Removed before its end could be noted.
      [200, 404],
    ],
  ])('%s is done, or is not now and can be asked for again', async (_what, request, done) => {
    const { fetch, atEveryStep } = await failingWorld()
    const site = await registerSite({ subdomain: 'shop' })
    let pushed = await pushUser(site, { login: 'ada' })
    const again = (method: string, path: string, body?: unknown) =>
      ask(site, method, path, body, { fetch })
    const judge = async ({ status, headers, request: told, result }: SiteAnswer, step: number) => {
      expect([step, status, told.status.code]).toEqual([
        step,
        expect.toSatisfy((code: number) => code === 503 || done.includes(code)),
        status,
      ])
      if (status === 503) {
        expect([headers.get('retry-after'), result]).toEqual(['1', undefined])
        expect(done).toContain((await again(...request(pushed))).status)
      }
      const left = await again('GET', `/users/${pushed.userToken}.json`)
      if (left.status === 404) pushed = await pushUser(site, { login: 'ada' })
    }
    await atEveryStep(() => again(...request(pushed)), judge)
  })

  it('a connection is told, or can be asked for again', async () => {
    const { world, fetch, atEveryStep } = await failingWorld()
    const site = await registerSite({ subdomain: 'shop' })
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    let token = (await told(await check(browser, site))).token
    const read = () => ask(site, 'GET', `/connections/${token}.json`, undefined, { fetch })
    await atEveryStep(read, async ({ status }, step) => {
      expect([step, status === 200 || (await read()).status]).toEqual([
        step,
        status === 200 ? true : 200,
      ])
      token = (await told(await check(browser, site))).token
    })
  })

  it('a session that its site was not told of is over', async () => {
    const { fetch, atEveryStep } = await failingWorld()
    const site = await registerSite({ subdomain: 'shop' })
    let { identityToken } = await pushUser(site)
    const path = () => `/sso/sessions/identities/${identityToken}.json`
    const start = () => ask(site, 'PUT', path(), undefined, { fetch })
    await atEveryStep(start, async ({ status }, step) => {
      await vi.waitFor(async () => {
        const read = await ask(site, 'GET', path())
        expect([step, read.status]).toEqual([step, status === 201 ? 200 : 404])
      })
      ;({ identityToken } = await pushUser(site))
    })
  })

  it('a person who is pushed, and an identity that is removed or moved, has one line in the audit trail', async () => {
    const { world, fetch, atEveryStep } = await failingWorld()
    const { lines } = captureLog()
    const site = await registerSite({ subdomain: 'shop' })
    const linesOf = (what: string) =>
      lines.filter((line) => line.event === 'site_user.changed' && line['what'] === what).length

    let login = 'ada-1'
    const create = () => ask(site, 'POST', '/storage/users.json', { user: { login } }, { fetch })
    let creations = 0
    await atEveryStep(create, async (_answer, step) => {
      const body = { user: { login } }
      const found = await ask(site, 'POST', '/storage/users/user/lookup.json', body)
      if (found.status === 200) creations += 1
      expect([step, linesOf('created')]).toEqual([step, creations])
      login = `ada-${step + 1}`
    })

    let { identityToken: pushed } = await pushUser(site)
    const remove = () =>
      ask(site, 'DELETE', `/identities/${pushed}.json?confirm_deletion=true`, undefined, { fetch })
    let removals = 0
    await atEveryStep(remove, async (_answer, step) => {
      const isGone = (await ask(site, 'GET', `/identities/${pushed}.json`)).status === 404
      if (isGone) removals += 1
      expect([step, linesOf('identity_deleted')]).toEqual([step, removals])
      ;({ identityToken: pushed } = await pushUser(site))
    })

    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    const { token } = await told(await check(browser, site))
    const { user } = (await ask(site, 'GET', `/connections/${token}.json`)).data
    const path = `/identities/${user.identity.identity_token}`
    let [there, here] = [(await pushUser(site)).userToken, user.user_token as string]
    const link = () =>
      ask(site, 'PUT', `${path}/link.json`, { user: { user_token: there } }, { fetch })
    let moves = 0
    await atEveryStep(link, async (_answer, step) => {
      const holder = (await ask(site, 'GET', `${path}.json`)).data.user.user_token as string
      if (holder === there) {
        moves += 1
        ;[there, here] = [here, there]
      }
      expect([step, linesOf('identity_linked')]).toEqual([step, moves])
    })
    expect([creations, removals, moves].every((made) => made > 1)).toBe(true)
  })

  it('a browser that a site has brought is told to come again', async () => {
    const { world, atEveryStep } = await failingWorld()
    const site: TestSite = await registerSite({ subdomain: 'shop' })
    const { identityToken } = await pushUser(site)
    const shared = await startShared(site, identityToken)
    const browser = world.newBrowser()
    const judge = async (answer: Response, step: number) => {
      const isDone = answer.status === 200 || answer.status === 303
      expect([step, isDone || answer.status]).toEqual([step, isDone ? true : 503])
      if (!isDone) expect(await answer.text()).toContain('unavailable')
    }
    await atEveryStep(() => register(browser, site, shared), judge)
    await atEveryStep(() => check(browser, site), judge)
    await signIn(browser, world.otrotl)
    const known = await registerSite({ subdomain: 'blog', group: 'other' })
    await atEveryStep(() => check(browser, known), judge)
  })
})

it('a shared session that was opened without our hearing of it is over, and not told of', async () => {
  captureLog()
  const world = await createWorld({}, { USER_SESSIONS: lostAnswers('openSession') })
  const site = await registerSite({ subdomain: 'shop' })
  const { identityToken } = await pushUser(site)
  const path = `/sso/sessions/identities/${identityToken}.json`
  const fetch = (request: Request) => world.fetch(request)
  expect((await ask(site, 'PUT', path, undefined, { fetch })).status).toBe(503)
  await vi.waitFor(async () => expect((await ask(site, 'GET', path)).status).toBe(404))
  expect((await ask(site, 'PUT', path)).status).toBe(201)
})
