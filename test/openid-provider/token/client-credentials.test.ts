import { decodeJwt } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'
import { expectUntouched } from './expect-answer.ts'
import { basic, registerShop, tokenWorld } from './token-world.ts'
import type { TokenWorld } from './token-world.ts'

const API = 'https://orders.example'
let world: TokenWorld

beforeEach(async () => {
  world = await tokenWorld()
})

const machine = (oauth: object = {}) =>
  registerShop({
    oauth: {
      redirectUris: [],
      grantTypes: ['client_credentials'],
      scope: ['openid', 'email', 'orders', 'stock'],
      ...oauth,
    },
  })
const form = { grant_type: 'client_credentials' }

describe('an application for itself (RFC 6749 §4.4)', () => {
  it('gets a token of nobody, for what it is registered for', async () => {
    const client = await machine({ resources: [API, 'https://b.example'] })
    const { status, body } = await world.asClient('/oauth/token', client, form)
    expect(status).toBe(200)
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 300, scope: 'orders stock' })
    for (const name of ['refresh_token', 'id_token']) expect(body).not.toHaveProperty(name)
    const claims = decodeJwt(body.access_token)
    expect(claims).toMatchObject({ sub: client.id, client_id: client.id, aud: API })
    for (const name of ['sid', 'epoch', 'gid', 'idp', 'auth_time'])
      expect(claims).not.toHaveProperty(name)
    const other = await world.asClient('/oauth/token', client, {
      ...form,
      scope: 'stock',
      resource: 'https://b.example',
    })
    expect(decodeJwt(other.body.access_token)).toMatchObject({
      aud: 'https://b.example',
      scope: 'stock',
    })
  })

  it('gets nothing that is about a person, and nothing beyond its registration', async () => {
    const client = await machine()
    for (const scope of ['openid', 'email', 'orders openid', 'admin', 'offline_access'])
      await expectUntouched('invalid_scope', () =>
        world.asClient('/oauth/token', client, { ...form, scope }),
      )
    await expectUntouched('invalid_target', () =>
      world.asClient('/oauth/token', client, { ...form, resource: API }),
    )
    const shop = await registerShop()
    await expectUntouched('unauthorized_client', () => world.asClient('/oauth/token', shop, form))
  })

  it('gets nothing that is about a person, though it may ask people for that', async () => {
    const shop = await registerShop({
      oauth: {
        grantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
        scope: ['openid', 'profile', 'email', 'address', 'phone', 'offline_access', 'orders'],
      },
    })
    expect((await world.asClient('/oauth/token', shop, form)).body.scope).toBe('orders')
    for (const scope of shop.application.oauth.scope.filter((value) => value !== 'orders'))
      await expectUntouched('invalid_scope', () =>
        world.asClient('/oauth/token', shop, { ...form, scope }),
      )
  })

  it('is let in by no API that asks for a user', async () => {
    const client = await machine({ resources: ['https://api.example'] })
    const { body } = await world.asClient('/oauth/token', client, form)
    const answer = await world.send(
      new Request('https://login.example/api/me', {
        headers: { authorization: `Bearer ${body.access_token}` },
      }),
    )
    expect(answer.status).toBe(401)
  })
})

describe('the grant that is asked for (RFC 6749 §5.2)', () => {
  it.each([
    ['invalid_request', undefined],
    ['invalid_request', ''],
    ['unsupported_grant_type', 'implicit'],
    ['unsupported_grant_type', 'urn:ietf:params:oauth:grant-type:jwt-bearer'],
    ['unsupported_grant_type', '__proto__'],
    ['unauthorized_client', 'password'],
    ['unauthorized_client', 'authorization_code'],
    ['unauthorized_client', 'refresh_token'],
    ['unauthorized_client', 'urn:ietf:params:oauth:grant-type:device_code'],
  ])('is %s for %s', async (error, grant_type) => {
    const client = await machine()
    await expectUntouched(error, () => world.asClient('/oauth/token', client, { grant_type }))
  })

  it('stands there once, and so does every parameter', async () => {
    const client = await machine()
    const authorization = basic(client.id, client.secret)
    for (const twice of ['grant_type', 'scope', 'code', 'redirect_uri', 'password']) {
      const body = new URLSearchParams([...Object.entries(form), [twice, 'x'], [twice, 'x']])
      await expectUntouched('invalid_request', () =>
        world.post('/oauth/token', body, { authorization }),
      )
    }
  })

  it('stands there once also where the adapter has made two into one name', async () => {
    const client = await machine({
      requestAdapter: [{ rule: 'parameter_rename', from: 'permission', to: 'scope' }],
    })
    const authorization = basic(client.id, client.secret)
    const send = (...values: string[]) => {
      const named = values.map((value) => ['permission', value])
      return world.post('/oauth/token', new URLSearchParams([...Object.entries(form), ...named]), {
        authorization,
      })
    }
    expect((await send('orders')).body.scope).toBe('orders')
    await expectUntouched('invalid_request', () => send('orders', 'stock'))
  })

  it('has a scope of 2048 characters at most', async () => {
    const client = await machine()
    const ask = (scope: string) => world.asClient('/oauth/token', client, { ...form, scope })
    expect((await ask('orders'.padEnd(2048))).status).toBe(200)
    await expectUntouched('invalid_scope', () => ask('orders'.padEnd(2049)))
  })

  it('is not all that there is, where the adapter has dropped what was asked for', async () => {
    const client = await machine({ requestAdapter: [{ rule: 'scope_drop', scope: 'legacy' }] })
    for (const scope of ['legacy', ' ']) {
      await expectUntouched('invalid_scope', () =>
        world.asClient('/oauth/token', client, { ...form, scope }),
      )
    }
  })

  it('may have another name by the application’s adapter, and only what it is registered for', async () => {
    const client = await machine({
      requestAdapter: [
        { rule: 'grant_alias', from: 'robot', to: 'client_credentials' },
        { rule: 'scope_map', from: 'https://orders.example/read', to: ['orders'] },
      ],
    })
    const asked = { grant_type: 'robot', scope: 'https://orders.example/read' }
    const { body } = await world.asClient('/oauth/token', client, asked)
    expect(decodeJwt(body.access_token).scope).toBe('orders')
    expect(body.scope).toBe('https://orders.example/read')
    const plain = await machine()
    await expectUntouched('unsupported_grant_type', () =>
      world.asClient('/oauth/token', plain, asked),
    )
  })
})
