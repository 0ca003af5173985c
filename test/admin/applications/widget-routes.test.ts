import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/platform/clock.ts'
import { widgetSecrets } from '../../world/applications.ts'
import { captureLog } from '../../world/log-lines.ts'
import { createOperator } from '../operator.ts'

const { ask } = createOperator()
let log: ReturnType<typeof captureLog>

beforeEach(() => {
  log = captureLog()
})

const SECRET = 'brought-0123456789-abcdefghijklmnop'
const comments = {
  name: 'Comments',
  widget: {
    client_id: 'eyJhbGciOiJIUzI1NiJ9.client.id',
    audience: 'http://annoto.net',
    token_lifetime_seconds: 600,
    accepted_lifetime_seconds: 3600,
    allowed_origins: ['https://video.example'],
    roles: { admin: 'super-mod', editor: 'moderator' },
  },
}

async function registered(body: object = comments) {
  const answer = await ask('POST', '/applications', body)
  expect([answer.status, answer.body['errors']]).toEqual([201, undefined])
  const { client_id: id, widget } = answer.body as {
    client_id: string
    widget: { client_id: string; secret: string }
  }
  return { id, widget, path: `/applications/${id}` }
}

const validOf = async (id: string) => {
  const valid = await widgetSecrets().valid(id, systemClock())
  return valid.ok ? valid.value : []
}

describe('a widget', () => {
  it('is registered, with its secret shown this once', async () => {
    const { id, widget, path } = await registered()
    expect(widget).toMatchObject(comments.widget)
    expect(widget.secret).toMatch(/^[\w-]{43}$/)
    expect(await validOf(id)).toEqual([widget.secret])
    const shown = await ask('GET', path)
    expect(shown.body['widget']).toEqual(comments.widget)
    const secrets = await ask('GET', `${path}/widget-secrets`)
    expect(secrets.body).toMatchObject({ secrets: [{ expires_at: null }] })
    expect(JSON.stringify([shown.body, secrets.body])).not.toContain(widget.secret)
    expect(log.text()).not.toContain(widget.secret)
  })

  it('has its defaults, and the id of the application as its client id', async () => {
    const { id, widget } = await registered({ name: 'Comments', widget: {} })
    expect(widget).toMatchObject({
      client_id: id,
      token_lifetime_seconds: 1200,
      accepted_lifetime_seconds: 1200,
      allowed_origins: [],
      roles: {},
    })
  })

  it('may bring its secret', async () => {
    const { id, widget } = await registered({ name: 'Comments', widget: { secret: SECRET } })
    expect([widget.secret, await validOf(id)]).toEqual([SECRET, [SECRET]])
  })

  it('is not registered with what cannot be, and everything is named', async () => {
    const widget = {
      secret: 'short',
      token_lifetime_seconds: 3600,
      allowed_origins: ['*'],
      roles: { admin: 'root' },
    }
    const { status, body } = await ask('POST', '/applications', { name: 'x', widget })
    expect([status, body['code']]).toEqual([400, 'invalid_registration'])
    const pointers = (body['errors'] as { pointer: string }[]).map(({ pointer }) => pointer)
    expect(pointers).toEqual(
      expect.arrayContaining([
        '#/widget/secret',
        '#/widget/token_lifetime_seconds',
        '#/widget/allowed_origins/0',
        '#/widget/roles/admin',
      ]),
    )
    const unknown = await ask('POST', '/applications', { name: 'x', widget: { lifetime: 1 } })
    expect(unknown.body).toMatchObject({
      code: 'invalid_request',
      errors: [{ pointer: '#/widget/lifetime' }],
    })
    expect((await env.DIRECTORY.prepare('SELECT * FROM applications').all()).results).toEqual([])
  })

  it('stays as it is when something else is patched, and is patched member by member', async () => {
    const { id, path, widget } = await registered()
    const renamed = await ask('PATCH', path, { name: 'Talk' })
    expect(renamed.body['widget']).toEqual(comments.widget)
    const patch = { widget: { audience: null, roles: { editor: null, owner: 'moderator' } } }
    const patched = await ask('PATCH', path, patch)
    const { audience: _, ...rest } = comments.widget
    expect(patched.body['widget']).toEqual({
      ...rest,
      roles: { admin: 'super-mod', owner: 'moderator' },
    })
    expect(await validOf(id)).toEqual([widget.secret])
    const gone = await ask('PATCH', path, { widget: null })
    expect(gone.body['widget']).toBeUndefined()
    expect(await validOf(id)).toEqual([])
    const back = await ask('PUT', path, comments)
    expect((back.body['widget'] as { secret: string }).secret).toMatch(/^[\w-]{43}$/)
  })
})

describe('the secret of a widget', () => {
  it('is rotated: the one before it runs out', async () => {
    const { id, path, widget } = await registered()
    const made = await ask('POST', `${path}/widget-secrets`, {})
    expect(made.status).toBe(201)
    expect(await validOf(id)).toEqual([made.body['secret'], widget.secret])
    const brought = await ask('POST', `${path}/widget-secrets`, {
      secret: SECRET,
      overlap_seconds: 0,
    })
    expect(brought.body).toMatchObject({ secret: SECRET })
    expect(await validOf(id)).toEqual([SECRET])
    expect(log.lines.filter(({ event }) => event === 'application.secret_rotated')).toHaveLength(2)
    expect(log.text()).not.toContain(SECRET)
  })

  it('is not rotated to what is none, nor where there is no widget', async () => {
    const { id, path, widget } = await registered()
    const weak = await ask('POST', `${path}/widget-secrets`, { secret: 'short' })
    expect([weak.status, weak.body['code']]).toEqual([400, 'invalid_registration'])
    const wrong = await ask('POST', `${path}/widget-secrets`, { overlap_seconds: -1 })
    expect(wrong.status).toBe(400)
    expect(await validOf(id)).toEqual([widget.secret])
    const bare = await ask('POST', '/applications', { name: 'Bare' })
    const other = `/applications/${String(bare.body['client_id'])}/widget-secrets`
    expect((await ask('POST', other, {})).status).toBe(409)
    expect((await ask('POST', '/applications/nobody/widget-secrets', {})).status).toBe(404)
    expect((await ask('GET', '/applications/nobody/widget-secrets')).status).toBe(404)
  })
})

describe("a user's roles", () => {
  const id = '0123456789abcdef0123456789abcdef'
  beforeEach(async () => {
    const sql = 'INSERT INTO users (id, created_at, updated_at) VALUES (?1, 1, 1)'
    await env.DIRECTORY.prepare(sql).bind(id).run()
  })

  it('are what an operator says', async () => {
    expect((await ask('GET', `/users/${id}/roles`)).body).toEqual({ roles: [] })
    const put = await ask('PUT', `/users/${id}/roles`, { roles: ['editor', 'admin', 'editor'] })
    expect([put.status, put.body]).toEqual([200, { roles: ['admin', 'editor'] }])
    expect((await ask('GET', `/users/${id}/roles`)).body).toEqual({ roles: ['admin', 'editor'] })
    expect(log.lines).toContainEqual(
      expect.objectContaining({ event: 'user.roles_replaced', actor: 'operator', user: id }),
    )
  })

  it.each([
    [{ roles: ['a b'] }],
    [{ roles: [''] }],
    [{ roles: 'admin' }],
    [{ roles: [5] }],
    [{ roles: Array.from({ length: 51 }, (_, i) => `r${i}`) }],
    [{ roles: [], scope: 'super-mod' }],
    [{}],
  ])('are not %j', async (body) => {
    await ask('PUT', `/users/${id}/roles`, { roles: ['editor'] })
    expect((await ask('PUT', `/users/${id}/roles`, body)).status).toBe(400)
    expect((await ask('GET', `/users/${id}/roles`)).body).toEqual({ roles: ['editor'] })
  })

  it('are nobody’s who is not known', async () => {
    const nobody = 'f'.repeat(32)
    for (const text of [nobody, 'x', '..']) {
      expect((await ask('PUT', `/users/${text}/roles`, { roles: [] })).status).toBe(404)
      expect((await ask('GET', `/users/${text}/roles`)).status).toBe(404)
    }
  })
})
