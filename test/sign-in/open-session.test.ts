import { env } from 'cloudflare:workers'
import { expect, it, vi } from 'vitest'
import type { UserId } from '../../src/core/sessions/session.ts'
import { rowsOf } from '../core/sessions/signed-in-user.ts'
import { captureLog } from '../world/log-lines.ts'
import { lostAnswers } from '../world/lost-answers.ts'
import { comeBack, createWorld } from '../world/sign-in.ts'

it('a session that was opened without our hearing of it is over: nobody has its handle', async () => {
  const { lines } = captureLog()
  const world = await createWorld({}, { USER_SESSIONS: lostAnswers('openSession') })
  const browser = world.newBrowser()
  const answer = await browser.request(await comeBack(browser, world.otrotl))
  expect([answer.status, browser.session()]).toEqual([503, undefined])
  const { id } = (await env.DIRECTORY.prepare('SELECT id FROM users').first<{ id: UserId }>())!
  await vi.waitFor(async () => {
    const sessions = await rowsOf(id, 'SELECT end_cause FROM sessions')
    expect(sessions).toEqual([{ end_cause: 'sign_in_unfinished' }])
  })
  await vi.waitFor(() =>
    expect(lines).toContainEqual(expect.objectContaining({ event: 'session.ended', user: id })),
  )
})
