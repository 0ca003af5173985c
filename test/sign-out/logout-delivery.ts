import { env } from 'cloudflare:workers'
import { expect } from 'vitest'
import { captureLog, decisions } from '../world/log-lines.ts'
import type { Provider } from '../world/provider.ts'
import { settings } from '../world/settings.ts'
import { snapshot } from '../world/snapshot.ts'
import type { World } from '../world/sign-in.ts'

export const BACK_CHANNEL = `${settings.ISSUER}/auth/sso/backchannel-logout`

/** A POST as a provider's server makes it: no cookie, no origin, nothing of a browser. */
export const deliver = (
  world: World,
  body: BodyInit | null,
  {
    path = `${BACK_CHANNEL}/otrotl`,
    headers = {},
    method = 'POST',
  }: { path?: string; headers?: Record<string, string>; method?: string } = {},
): Promise<Response> =>
  world.fetch(
    new Request(path, { method, body, headers: { 'cf-connecting-ip': '192.0.2.7', ...headers } }),
  )

/** The form with one logout token, to its provider's own address. */
export const deliverToken = (
  world: World,
  token: string,
  provider: Provider = world.otrotl,
): Promise<Response> =>
  deliver(world, new URLSearchParams({ logout_token: token }), {
    path: `${BACK_CHANNEL}/${provider.config.id}`,
  })

/** 200 without a word, for no cache and no other origin. */
export async function expectObeyed(response: Response): Promise<void> {
  expect([response.status, await response.text()]).toEqual([200, ''])
  expect(response.headers.get('cache-control')).toBe('no-store')
  expect(response.headers.get('access-control-allow-origin')).toBeNull()
  expect(response.headers.getSetCookie()).toEqual([])
}

/** 400 as OAuth spells it; nothing changed, no jti remembered, one audit event with the reason. */
export async function expectRejected(
  act: () => Promise<Response>,
  reason: string,
  status = 400,
): Promise<void> {
  const before = [await snapshot(), await markers()]
  const log = captureLog()
  const response = await act()
  expect([response.status, await response.json()]).toMatchObject([
    status,
    { error: status === 400 ? 'invalid_request' : 'temporarily_unavailable' },
  ])
  expect(response.headers.get('cache-control')).toBe('no-store')
  expect(response.headers.get('access-control-allow-origin')).toBeNull()
  const told = decisions(log.lines).filter(({ event }) => event.startsWith('logout.'))
  expect(
    told.map(({ event, reason: why, check }) => [
      event,
      check === undefined ? why : `${String(why)}/${JSON.stringify(check).slice(1, -1)}`,
    ]),
  ).toEqual([['logout.rejected', reason]])
  expect([await snapshot(), await markers()]).toEqual(before)
}

export const markers = async () =>
  (await env.DIRECTORY.prepare('SELECT * FROM early_logouts ORDER BY jti_hash').all()).results
