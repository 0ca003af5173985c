/** A user whom a site has removed, where a store fails in the middle of it, or somebody else is at work on them. */
import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { gatewayFor } from '../../src/gateway.ts'
import worker from '../../src/worker.ts'
import { captureLog } from '../world/log-lines.ts'
import { people } from '../world/people.ts'
import { createWorld } from '../world/sign-in.ts'
import { ask, pushUser, registerSite, startShared } from '../world/sites.ts'
import { steppedBindings } from '../world/stepped-bindings.ts'

const userPath = (userToken: string) => `/users/${userToken}.json`
const removal = (userToken: string) => `${userPath(userToken)}?confirm_deletion=true`

const userIdOf = async (userToken: string) =>
  (await env.DIRECTORY.prepare('SELECT user_id FROM site_users WHERE user_token = ?')
    .bind(userToken)
    .first<string>('user_id'))!

/** Whose identity this is. */
const holderOf = (subject: string) =>
  env.DIRECTORY.prepare('SELECT user_id FROM identities WHERE subject = ?')
    .bind(subject)
    .first<string>('user_id')

/** A removal that has come no further than its first step. */
async function beginRemoval(userToken: string): Promise<void> {
  const { siteUsers } = gatewayFor(env).core!
  const user = await siteUsers.find('group:acme', { userToken })
  if (user !== undefined) await siteUsers.leave(user)
}

/** The cron, with nothing to watch but what stands in the directory. */
async function ring(bindings: Partial<Env> = {}) {
  const context = createExecutionContext()
  await worker.scheduled(
    {} as ScheduledController,
    { ...env, ...bindings, REVOCATION: {} as never },
    context,
  )
  await waitOnExecutionContext(context)
}

/** Where anything of this user still stands. */
async function rowsOf(userToken: string, userId: string): Promise<readonly string[]> {
  const tables = {
    users: `id = '${userId}'`,
    identities: `user_id = '${userId}'`,
    site_users: `user_token = '${userToken}'`,
    site_identities: `user_token = '${userToken}'`,
    site_sessions: `user_token = '${userToken}'`,
  }
  const found = await env.DIRECTORY.batch(
    Object.entries(tables).map(([table, theirs]) =>
      env.DIRECTORY.prepare(`SELECT 1 FROM ${table} WHERE ${theirs}`),
    ),
  )
  return Object.keys(tables).filter((_, at) => found[at]!.results.length > 0)
}

describe('a user whose removal breaks off, and is not asked for again,', () => {
  it('is removed by the cron, whatever step it broke off at', async () => {
    captureLog()
    const stepped = steppedBindings()
    const world = await createWorld({}, stepped.bindings)
    const fetch = (request: Request) => world.fetch(request)
    const site = await registerSite({ subdomain: 'shop' })
    const isFound = async (userToken: string) =>
      (await ask(site, 'GET', userPath(userToken))).status === 200
    const tried = []
    for (let step = 1, hasFailed = true; hasFailed; step += 1) {
      hasFailed = false
      const login = `ada${step}`
      const { userToken, identityToken } = await pushUser(site, { login })
      const token = await startShared(site, identityToken)
      const userId = await userIdOf(userToken)
      const fail = async () => {
        hasFailed = true
        throw new Error('down')
      }
      let status = 0
      const remove = async () => {
        ;({ status } = await ask(site, 'DELETE', removal(userToken), undefined, { fetch }))
      }
      await stepped.interrupt(step, fail, remove).catch(() => undefined)
      tried.push({
        step,
        login,
        userToken,
        userId,
        token,
        status,
        isBegun: !(await isFound(userToken)),
      })
    }
    await ring()
    for (const { step, login, userToken, userId, token, isBegun } of tried) {
      expect([step, await isFound(userToken)]).toEqual([step, !isBegun])
      const session = await ask(site, 'GET', `/sso/sessions/${token}.json`)
      expect([step, session.status]).toEqual([step, isBegun ? 404 : 200])
      expect([step, (await rowsOf(userToken, userId)).length]).toEqual([step, isBegun ? 0 : 5])
      if (isBegun) await pushUser(site, { login })
    }
    const outcomes = tried.map(({ status, isBegun }) => `${status} ${isBegun}`)
    expect(new Set(outcomes)).toEqual(new Set(['503 false', '503 true', '200 true']))
  })
})

describe('an identity that a site brings for a user', () => {
  const PHONE = 'tuberaker-on-phones'

  it.each(['removed', 'about to be removed'])(
    'is not that of somebody who is %s meanwhile, at whatever step',
    async (how) => {
      const stepped = steppedBindings()
      const world = await createWorld({ otrotl: { native_client_ids: [PHONE] } }, stepped.bindings)
      const { otrotl } = world
      otrotl.behaviour.discovery = {
        introspection_endpoint: 'https://otrotl.example/introspection',
      }
      const fetch = (request: Request) => world.fetch(request)
      const site = await registerSite({ subdomain: 'shop' })
      for (let step = 1, wasInterrupted = true; wasInterrupted; step += 1) {
        const { userToken } = await pushUser(site)
        const userId = await userIdOf(userToken)
        const { accessToken } = await otrotl.issueTo(PHONE, 'alice')
        const source = { key: 'otrotl', access_token: { key: accessToken } }
        const user = { user_token: userToken, identity: { source } }
        const remove = () => ask(site, 'DELETE', removal(userToken))
        let wasAttached = false
        const between = async () => {
          wasAttached = (await holderOf(people.alice.sub)) === userId
          if (how === 'removed') await remove()
          else await beginRemoval(userToken)
        }
        const brought = await stepped.interrupt(step, between, () =>
          ask(site, 'PUT', '/users.json', { user }, { fetch }),
        )
        const { status, data } = brought.value
        expect([step, status, data?.user.user_token]).toEqual([
          step,
          ...(status < 300 ? [201, userToken] : [expect.toBeOneOf([404, 409]), undefined]),
        ])
        ;({ wasInterrupted } = brought)
        if (how !== 'removed' || !wasInterrupted) await remove()
        // Who was theirs by then is a person whom a provider vouches for, and stays one.
        const isPerson = wasAttached || !wasInterrupted
        expect([step, await rowsOf(userToken, userId)]).toEqual([
          step,
          isPerson ? ['users', 'identities'] : [],
        ])
        expect((await ask(site, 'GET', '/users.json')).data.users.entries).toEqual([])
        for (const table of ['identities', 'users'])
          await env.DIRECTORY.exec(`DELETE FROM ${table}`)
      }
    },
  )
})
