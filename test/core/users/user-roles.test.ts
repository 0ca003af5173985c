import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { createUserRoles } from '../../../src/core/users/user-roles.ts'
import { isRole } from '../../../src/protocol/role.ts'

const addUser = (id: string) =>
  env.DIRECTORY.prepare('INSERT INTO users (id, created_at, updated_at) VALUES (?1, 1, 1)')
    .bind(id)
    .run()

describe("a user's roles", () => {
  it('are what was set last, each once, and nobody else’s', async () => {
    const roles = createUserRoles(env.DIRECTORY)
    await addUser('ada')
    await addUser('bob')
    expect(await roles.of('ada')).toEqual({ ok: true, value: [] })
    expect(await roles.replace('ada', ['editor', 'admin', 'editor'])).toBe(true)
    expect(await roles.of('ada')).toEqual({ ok: true, value: ['admin', 'editor'] })
    expect(await roles.of('bob')).toEqual({ ok: true, value: [] })
    await roles.replace('ada', [])
    expect(await roles.of('ada')).toEqual({ ok: true, value: [] })
  })

  it('are nobody’s without a user', async () => {
    const roles = createUserRoles(env.DIRECTORY)
    expect(await roles.replace('nobody', ['admin'])).toBe(false)
    expect(await roles.of('nobody')).toEqual({ ok: true, value: [] })
  })

  it('cannot be told while the directory does not answer', async () => {
    const broken = {
      prepare: () => ({ bind: () => ({ all: () => Promise.reject(new Error('x')) }) }),
    }
    const roles = createUserRoles(broken as unknown as D1Database)
    expect(await roles.of('ada')).toEqual({ ok: false, refusal: { code: 'unavailable' } })
  })
})

describe('a role', () => {
  it.each(['admin', 'a', 'team:video/editor', 'A-1_b.c', 'x'.repeat(64)])('may be %j', (role) => {
    expect(isRole(role)).toBe(true)
  })
  it.each(['', ' ', 'a b', '-a', 'ä', 'a\n', 'x'.repeat(65), '__proto__'])('is not %j', (role) => {
    expect(isRole(role)).toBe(false)
  })
})
