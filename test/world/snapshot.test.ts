import { listDurableObjectIds } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { UserId } from '../../src/core/sessions/session.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { sessionsOf, signedIn } from '../core/sessions/signed-in-user.ts'
import { snapshot } from './snapshot.ts'

const SOMEBODY = 'c0ffee00c0ffee00c0ffee00c0ffee00' as UserId

beforeEach(() => {
  vi.spyOn(console, 'warn').mockImplementation(() => {})
})

describe('a snapshot', () => {
  // The second time the object is one that the first has left.
  it.each(['first', 'second'])('sees what a user has, the %s time', async () => {
    const before = await snapshot()
    const { session } = await signedIn(systemClock(), SOMEBODY)
    const open = await snapshot()
    expect(before).toMatchObject({ users: [] })
    expect(JSON.stringify(open)).toContain(session.sid)
    await sessionsOf().end(SOMEBODY, session.sid, 'person', systemClock())
    expect(await snapshot()).not.toEqual(open)
  })

  it('sees nothing of what earlier tests had', async () => {
    expect(await listDurableObjectIds(env.USER_SESSIONS)).not.toEqual([])
    expect(await snapshot()).toMatchObject({ users: [] })
  })
})
