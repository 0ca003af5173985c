import { expect } from 'vitest'
import type { SignInReason } from '../../src/sign-in/outcome.ts'
import { captureLog, decisions } from '../world/log-lines.ts'
import { snapshot } from '../world/snapshot.ts'

/** Marks that a test puts into what it sends: they may come back in no answer and stand in no log. */
export const MARK = 'm4rk3d-by-the-t3st'

/**
 * The whole of "refused": a page of our own with the stable code and the request id, no redirect, no
 * session cookie, nothing changed anywhere, nothing of the request repeated, one audit event.
 */
export async function expectRefusal(
  act: () => Promise<Response>,
  code: SignInReason,
  status: number = 400,
): Promise<Response> {
  const before = await snapshot()
  const log = captureLog()
  const response = await act()
  const text = await response.clone().text()
  expect(text).toContain(`<code id="error-code">${code}</code>`)
  expect(response.status).toBe(status)
  expect(response.headers.get('content-type')).toMatch(/^text\/html/)
  expect(response.headers.get('location')).toBeNull()
  expect(response.headers.get('cache-control')).toBe('no-store')
  expect(response.headers.getSetCookie().join()).not.toContain('drawbridge_session')
  const requestId = response.headers.get('x-request-id')
  expect(text).toContain(`<code id="request-id">${requestId}</code>`)
  expect(text).not.toContain(MARK)
  expect(log.text()).not.toContain(MARK)
  const mine = decisions(log.lines).filter((line) => line.request_id === requestId)
  expect(mine.map(({ event, reason }) => [event, reason])).toEqual([
    [code === 'rate_limited' ? 'rate.limited' : 'login.rejected', code],
  ])
  expect(await snapshot()).toEqual(before)
  return response
}
