import { runDurableObjectAlarm } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, vi } from 'vitest'
import {
  parseRevocationHint,
  revocationHintKey,
} from '../../../src/core/sessions/revocation-hint.ts'
import type { UserId } from '../../../src/core/sessions/session.ts'
import { objectOf, rowsOf } from './signed-in-user.ts'

/** The hint as KV has it. */
export const hintOf = async (userId: UserId) =>
  parseRevocationHint((await env.REVOCATION.get(await revocationHintKey(userId))) ?? '')

/** What stands in the outbox. */
export const tasksOf = (userId: UserId) =>
  rowsOf(userId, 'SELECT task, due_at, attempts FROM outbox')

/** Runs the alarm now, if one is set. */
export const ring = async (userId: UserId) => runDurableObjectAlarm(await objectOf(userId))

/** Waits until nothing is being published. */
export const published = async (userId: UserId) =>
  vi.waitFor(async () => {
    expect(await tasksOf(userId)).not.toContainEqual(
      expect.objectContaining({ task: 'publish_hint' }),
    )
  })
