import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, vi } from 'vitest'
import {
  parseRevocationHint,
  revocationHintKey,
} from '../../../src/core/sessions/revocation-hint.ts'
import type { UserId } from '../../../src/core/sessions/session.ts'
import type { UserSessions } from '../../../src/core/sessions/user-sessions.ts'
import { objectOf, rowsOf } from './signed-in-user.ts'

/** The hint as KV has it. */
export const hintOf = async (userId: UserId) =>
  parseRevocationHint((await env.REVOCATION.get(await revocationHintKey(userId))) ?? '')

/** What stands in the outbox. */
export const tasksOf = (userId: UserId) =>
  rowsOf(userId, 'SELECT task, due_at, attempts FROM outbox')

/** When the alarm is set for, in epoch seconds. */
export const alarmOf = async (userId: UserId): Promise<number> =>
  runInDurableObject(
    await objectOf(userId),
    async (_object: UserSessions, state) => Number(await state.storage.getAlarm()) / 1000,
  )

/** Runs the alarm now, if one is set. */
export const ring = async (userId: UserId) => runDurableObjectAlarm(await objectOf(userId))

/** Waits until nothing is being published. */
export const published = async (userId: UserId) =>
  vi.waitFor(async () => {
    expect(await tasksOf(userId)).not.toContainEqual(
      expect.objectContaining({ task: 'publish_hint' }),
    )
  })
