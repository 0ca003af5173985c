import { describe, expect, it } from 'vitest'
import { ask as askSite } from '../../world/sites.ts'
import { createOperator } from '../operator.ts'

const shop = {
  name: 'Shop',
  first_party: true,
  shared_sessions: { subdomain: 'shop', allowed_domains: ['shop.example'], group: 'acme' },
}

interface Shown {
  readonly subdomain: string
  readonly public_key: string
  readonly private_key: string
}

const keysOf = (body: Record<string, unknown>) => {
  const { public_key: publicKey, private_key: privateKey } = body as unknown as Shown
  return { publicKey, privateKey }
}

describe('the management API, registering a site', () => {
  it('shows its keys once, and they open its API', async () => {
    const { ask } = createOperator()
    const made = await ask('POST', '/applications', shop)
    expect(made.status).toBe(201)
    const shown = made.body['shared_sessions'] as Record<string, unknown>
    expect(shown).toMatchObject(shop.shared_sessions)
    const site = { subdomain: 'shop', keys: keysOf(shown) }
    expect((await askSite(site, 'GET', '/site.json')).status).toBe(200)
    const id = made.body['client_id'] as string
    const read = await ask('GET', `/applications/${id}`)
    expect(read.body['shared_sessions']).toEqual(shop.shared_sessions)
    const patched = await ask('PATCH', `/applications/${id}`, {
      shared_sessions: { allowed_domains: ['www.shop.example'] },
    })
    expect(patched.body['shared_sessions']).toEqual({
      ...shop.shared_sessions,
      allowed_domains: ['www.shop.example'],
    })
    expect((await askSite(site, 'GET', '/site.json')).status).toBe(200)
    const alone = await ask('PATCH', `/applications/${id}`, {
      shared_sessions: { group: null, allowed_domains: null },
    })
    expect(alone.body['shared_sessions']).toEqual({ subdomain: 'shop', allowed_domains: [] })
    const nameless = await ask('PATCH', `/applications/${id}`, {
      shared_sessions: { subdomain: null },
    })
    expect([nameless.status, nameless.body['code']]).toEqual([400, 'invalid_registration'])
    const none = await ask('PATCH', `/applications/${id}`, { shared_sessions: null })
    expect(none.body).not.toHaveProperty('shared_sessions')
    expect((await askSite(site, 'GET', '/site.json')).status).toBe(404)
    const again = await ask('PATCH', `/applications/${id}`, {
      shared_sessions: { subdomain: 'shop' },
    })
    expect(again.status).toBe(200)
    // What a site loses it does not get back: its keys are new ones.
    expect((await askSite(site, 'GET', '/site.json')).status).toBe(401)
    const fresh = keysOf(again.body['shared_sessions'] as Record<string, unknown>)
    expect((await askSite({ ...site, keys: fresh }, 'GET', '/site.json')).status).toBe(200)
  })

  it('names what is wrong with it', async () => {
    const { ask } = createOperator()
    const made = await ask('POST', '/applications', {
      name: 'Shop',
      shared_sessions: { subdomain: 'Shop', allowed_domains: ['https://x'] },
    })
    expect(made.status).toBe(400)
    const pointers = (made.body['errors'] as { pointer: string }[]).map(({ pointer }) => pointer)
    expect(pointers).toEqual(['#/shared_sessions/subdomain', '#/shared_sessions/allowed_domains/0'])
  })
})

describe('rotating the keys of a site', () => {
  it('makes new ones, and ends those before when their overlap is over', async () => {
    const { ask } = createOperator()
    const made = await ask('POST', '/applications', shop)
    const id = made.body['client_id'] as string
    const before = keysOf(made.body['shared_sessions'] as Record<string, unknown>)
    const site = { subdomain: 'shop' }
    const status = async (keys: typeof before) =>
      (await askSite({ ...site, keys }, 'GET', '/site.json')).status
    const rotated = await ask('POST', `/applications/${id}/site-keys`, { overlap_seconds: 600 })
    expect(rotated.status).toBe(201)
    expect([await status(before), await status(keysOf(rotated.body))]).toEqual([200, 200])
    const listed = await ask('GET', `/applications/${id}/site-keys`)
    expect(listed.body['site_keys']).toHaveLength(2)
    expect(JSON.stringify(listed.body)).not.toContain(before.privateKey)
    const last = await ask('POST', `/applications/${id}/site-keys`, { overlap_seconds: 0 })
    expect([await status(before), await status(keysOf(rotated.body))]).toEqual([401, 401])
    expect(await status(keysOf(last.body))).toBe(200)
    const none = await ask('POST', '/applications', { name: 'No site' })
    const other = await ask('POST', `/applications/${none.body['client_id'] as string}/site-keys`)
    expect([other.status, other.body['code']]).toEqual([409, 'no_secret_used'])
    expect(other.body['detail']).not.toContain('token_endpoint_auth_method')
    expect((await ask('POST', '/applications/nobody/site-keys')).status).toBe(404)
  })

  it('at once is never too often', async () => {
    const { ask } = createOperator()
    const made = await ask('POST', '/applications', shop)
    const path = `/applications/${made.body['client_id'] as string}/site-keys`
    const overlapping: number[] = []
    while (overlapping.at(-1) !== 409) {
      overlapping.push((await ask('POST', path, { overlap_seconds: 600 })).status)
    }
    expect(overlapping).toHaveLength(10)
    const kept = keysOf((await ask('POST', path, { overlap_seconds: 0 })).body)
    const listed = await ask('GET', path)
    expect(listed.body['site_keys']).toMatchObject([{ public_key: kept.publicKey }])
  })

  it('never gives those before more time than they had', async () => {
    const { ask } = createOperator()
    const made = await ask('POST', '/applications', shop)
    const path = `/applications/${made.body['client_id'] as string}/site-keys`
    await ask('POST', path, { overlap_seconds: 60 })
    const ends = async () => {
      const { site_keys: keys } = (await ask('GET', path)).body
      return (keys as { expires_at: number | null }[]).map((key) => key.expires_at)
    }
    const [, first] = await ends()
    await ask('POST', path, { overlap_seconds: 6000 })
    expect(await ends()).toEqual([null, expect.any(Number), first])
  })
})
