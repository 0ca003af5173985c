/** A user whom a site has removed, where a store fails in the middle of it, or somebody else is at work on them. */
import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import worker from '../../src/worker.ts'
import { captureLog } from '../world/log-lines.ts'
import { createWorld } from '../world/sign-in.ts'
import { ask, pushUser, registerSite, startShared } from '../world/sites.ts'
import { steppedBindings } from '../world/stepped-bindings.ts'

const userPath = (userToken: string) => `/users/${userToken}.json`
const removal = (userToken: string) => `${userPath(userToken)}?confirm_deletion=true`

const userIdOf = async (userToken: string) =>
  (await env.DIRECTORY.prepare('SELECT user_id FROM site_users WHERE user_token = ?')
    .bind(userToken)
    .first<string>('user_id'))!

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
