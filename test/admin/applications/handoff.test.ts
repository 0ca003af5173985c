import { beforeEach, describe, expect, it } from 'vitest'
import { freezeClock } from '../../world/clock.ts'
import { createOperator } from '../operator.ts'

type Body = Record<string, unknown>

const handoff = {
  login_url: 'https://m.example/sso/login',
  logout_url: 'https://m.example/sso/logout',
}

let operator: ReturnType<typeof createOperator>

beforeEach(() => {
  freezeClock()
  operator = createOperator()
})

const register = (more: Body = {}, members: Body = {}) =>
  operator.ask('POST', '/applications', {
    name: 'Marketplace',
    handoff: { ...handoff, ...members },
    ...more,
  })

describe('an operator', () => {
  it('registers a service, and sees its API key this once', async () => {
    const { status, body } = await register()
    expect(status).toBe(201)
    const { client_id: id, handoff: made } = body as { client_id: string; handoff: Body }
    expect(made).toEqual({
      ...handoff,
      scope: 'openid profile email',
      issue_refresh_token: false,
      may_hand_over_to: [],
      identity_providers: [],
      apikey: expect.stringMatching(/^[0-9a-f]{32}\.[\w-]{43}$/),
      apikey_id: String(made.apikey).slice(0, 32),
    })
    const { body: later } = await operator.ask('GET', `/applications/${id}`)
    expect(JSON.stringify(later)).not.toContain('apikey')
  })

  it('rotates the key, lists what is accepted, and cannot remove the last one', async () => {
    const { body } = await register()
    const path = `/applications/${String(body.client_id)}/handoff-keys`
    const rotated = await operator.ask('POST', path, { overlap_seconds: 0 })
    expect([rotated.status, Object.keys(rotated.body)]).toEqual([201, ['id', 'apikey']])
    const { body: listed } = await operator.ask('GET', path)
    expect(listed).toMatchObject({ keys: [{ id: rotated.body.id, expires_at: null }] })
    expect(JSON.stringify(listed)).not.toContain(String(rotated.body.apikey))
    const last = await operator.ask('DELETE', `${path}/${String(rotated.body.id)}`)
    expect([last.status, last.body.code]).toEqual([409, 'last_secret'])
    const unknown = await operator.ask('DELETE', `${path}/${'0'.repeat(32)}`)
    expect(unknown.status).toBe(404)
  })

  it('changes one member and keeps the others; without the capability, there is no key', async () => {
    const { body } = await register()
    const path = `/applications/${String(body.client_id)}`
    const patched = await operator.ask('PATCH', path, {
      handoff: { scope: 'openid', logout_url: null },
    })
    expect(patched.body.handoff).toMatchObject({ login_url: handoff.login_url, scope: 'openid' })
    expect(patched.body.handoff).not.toHaveProperty('logout_url')
    expect(patched.body.handoff).not.toHaveProperty('apikey')
    const gone = await operator.ask('PATCH', path, { handoff: null })
    expect(gone.body).not.toHaveProperty('handoff')
    expect((await operator.ask('POST', `${path}/handoff-keys`)).body.code).toBe('no_secret_used')
    const again = await operator.ask('PATCH', path, { handoff })
    expect((again.body.handoff as Body).apikey).toEqual(expect.any(String))
  })

  it.each([
    ['login_url', 'http://m.example/in'],
    ['login_url', 'https://m.example/in#x'],
    ['login_url', 'https://user@m.example/in'],
    ['login_url', 'https://m.example/in?token=mine'],
    ['login_url', 'https://m.example/in?a=1&state=2'],
    ['login_url', 'https://m.example/%0d%0aSet-Cookie:x'],
    ['login_url', 'https://login.example/in'],
    ['login_url', 'javascript:alert(1)'],
    ['login_url', '//m.example/in'],
    ['logout_url', 'https://10.0.0.1/out'],
    ['logout_url', 'https://login.example/out'],
    ['logout_url', 'http://localhost/out'],
    ['scope', 'a"b'],
    ['may_hand_over_to', ['..']],
    ['identity_providers', ['Not An Id']],
  ])('is told what is wrong with %s %j', async (member, value) => {
    const { status, body } = await register({}, { [member]: value })
    expect([status, body.code]).toEqual([400, 'invalid_registration'])
    const [error] = body.errors as { pointer: string }[]
    expect(error?.pointer).toContain(`#/handoff/${member}`)
  })

  it('is told everything at once, and of what is unknown', async () => {
    const { body } = await register({ name: '' }, { login_url: 'x', logout_url: 'y' })
    expect((body.errors as unknown[]).length).toBeGreaterThanOrEqual(3)
    const unknown = await register({}, { apikey: 'mine' })
    expect([unknown.status, unknown.body.code]).toEqual([400, 'invalid_request'])
  })
})
