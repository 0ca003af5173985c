import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/platform/clock.ts'

describe('a one-time reference', () => {
  const reference = () => env.ONE_TIME_REFERENCES.getByName('v1:test:value')
  const now = systemClock()
  const lifetime = { now, expiresAt: now + 600 }

  it('is claimed once, of 50 at the same time', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => reference().claim(lifetime)))
    expect(answers.filter((answer) => answer === 'claimed')).toHaveLength(1)
    expect(answers.filter((answer) => answer === 'already_claimed')).toHaveLength(49)
  })

  it('cannot be claimed from its expiry on', async () => {
    expect(await reference().claim({ now: now + 600, expiresAt: now + 600 })).toBe('expired')
    expect(await reference().isClaimed()).toBe(false)
    expect(await reference().claim({ now: now + 599, expiresAt: now + 600 })).toBe('claimed')
  })

  it('does not confuse two values', async () => {
    expect(await reference().claim(lifetime)).toBe('claimed')
    expect(await env.ONE_TIME_REFERENCES.getByName('v1:test:other').claim(lifetime)).toBe('claimed')
  })

  it('says whether it has been claimed', async () => {
    expect(await reference().isClaimed()).toBe(false)
    await reference().claim(lifetime)
    expect(await reference().isClaimed()).toBe(true)
  })

  it('forgets everything when it has expired', async () => {
    await reference().claim(lifetime)
    const alarm = await runInDurableObject(reference(), (_, state) => state.storage.getAlarm())
    expect(alarm).toBe((now + 600) * 1000)
    expect(await runDurableObjectAlarm(reference())).toBe(true)
    const rest = await runInDurableObject(reference(), (_, state) => state.storage.list())
    expect(rest.size).toBe(0)
  })
})
