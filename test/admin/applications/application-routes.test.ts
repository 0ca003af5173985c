import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { checkSecret, applications } from '../../world/applications.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { captureLog } from '../../world/log-lines.ts'
import { prepareKeyRing } from '../../world/signed-by-us.ts'
import { snapshot } from '../../world/snapshot.ts'
import { steppedBindings } from '../../world/stepped-bindings.ts'
import { settings } from '../../world/settings.ts'
import { createOperator, unreachable } from '../operator.ts'

let log: ReturnType<typeof captureLog>

beforeEach(async () => {
  log = captureLog()
  await prepareKeyRing(systemClock())
})

const marketplace = {
  name: 'Marketplace',
  first_party: true,
  oauth: {
    redirect_uris: ['https://m.example/cb'],
    default_redirect_uri: 'https://m.example/cb',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    scope: 'openid profile email',
    token_endpoint_auth_method: 'client_secret_basic',
    id_token_signed_response_alg: 'RS256',
    post_logout_redirect_uris: ['https://m.example/bye'],
    backchannel_logout_uri: 'https://m.example/bcl',
    backchannel_logout_session_required: true,
    frontchannel_logout_uri: 'https://m.example/fcl',
    always_issue_id_token: false,
    request_adapter: [],
  },
}

const { ask } = createOperator()

async function registered(body: object = marketplace) {
  const answer = await ask('POST', '/applications', body)
  expect([answer.status, answer.body.errors]).toEqual([201, undefined])
  return answer.body as { client_id: string; client_secret: string; version: number }
}

const send = (method: string, path: string, body: unknown, headers: Record<string, string>) =>
  createOperator().send(method, `/admin/api${path}`, {
    headers: {
      authorization: 'Bearer test-admin-api-key-0123456789-0123456789-0123456789',
      'content-type': 'application/json',
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })

const isSecret = async (id: string, secret: string) =>
  (await checkSecret(id, secret, Math.floor(Date.now() / 1000))) === 'right'

describe('an application', () => {
  it('is registered, with its secret shown this once', async () => {
    const answer = await ask('POST', '/applications', marketplace)
    expect(answer.status).toBe(201)
    const { client_id: id, client_secret: secret } = answer.body as Record<string, string>
    expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(answer.headers.get('location')).toBe(`/admin/api/applications/${id}`)
    expect(answer.headers.get('etag')).toBe('"1"')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(await isSecret(id!, secret!)).toBe(true)
    const shown = await ask('GET', `/applications/${id}`)
    expect(shown.body).toMatchObject({
      ...marketplace,
      client_id: id,
      status: 'active',
      version: 1,
    })
    const listed = await ask('GET', '/applications')
    expect(listed.body).toMatchObject({ applications: [{ client_id: id }], next_cursor: null })
    const secrets = await ask('GET', `/applications/${id}/secrets`)
    for (const text of [shown, listed, secrets].map(({ body }) => JSON.stringify(body))) {
      expect(text).not.toContain(secret)
    }
    expect(log.text()).not.toContain(secret!.slice(0, 8))
    const { results } = await env.DIRECTORY.prepare('SELECT event, actor FROM audit_events').all()
    expect(results).toEqual([{ event: 'application.registered', actor: 'operator' }])
  })

  it('comes in pages', async () => {
    for (const clientId of ['c', 'a', 'b'])
      await registered({ ...marketplace, client_id: clientId })
    const ids = async (query: string) => {
      const { body } = await ask('GET', `/applications${query}`)
      const listed = body.applications as { client_id: string }[]
      return [listed.map(({ client_id: id }) => id), body.next_cursor]
    }
    expect(await ids('?limit=2')).toEqual([['a', 'b'], 'b'])
    expect(await ids('?limit=2&cursor=b')).toEqual([['c'], null])
    expect((await ask('GET', '/applications?limit=0')).status).toBe(400)
    expect((await ask('GET', '/applications?nmae=x')).body.errors).toEqual([
      { parameter: 'nmae', detail: 'is unknown' },
    ])
  })

  it('may come with the credentials it has elsewhere, and with names of grants of other products', async () => {
    const secret = 'from-rebelmouse-0123456789-0123456789'
    const answer = await registered({
      name: 'Sharetribe',
      client_id: 'sharetribe',
      client_secret: secret,
      oauth: {
        redirect_uris: ['https://m.example/api/auth/rebelmouse/callback'],
        grant_types: ['authorisation_code', 'openid_code', 'refresh_token'],
        scope: 'profile email',
      },
    })
    expect(answer).toMatchObject({
      client_id: 'sharetribe',
      client_secret: secret,
      oauth: {
        grant_types: ['authorization_code', 'refresh_token'],
        scope: 'openid profile email',
      },
    })
    expect(await isSecret('sharetribe', secret)).toBe(true)
  })

  it('whose ID tokens are PS256 has a key for that before the first of them', async () => {
    const algorithms = async () => {
      const { body } = await createOperator().send('GET', '/.well-known/jwks.json')
      return (body.keys as { alg: string }[]).map(({ alg }) => alg).toSorted()
    }
    const { client_id: id } = await registered()
    expect(new Set(await algorithms())).toEqual(new Set(['ES256', 'RS256']))
    const oauth = { id_token_signed_response_alg: 'PS256' }
    expect((await ask('PATCH', `/applications/${id}`, { oauth })).status).toBe(200)
    expect(await algorithms()).toContain('PS256')
  })

  it('that is public gets no secret', async () => {
    const { oauth } = marketplace
    const answer = await registered({
      ...marketplace,
      oauth: { ...oauth, token_endpoint_auth_method: 'none' },
    })
    expect(answer).not.toHaveProperty('client_secret')
    expect(answer).toMatchObject({ oauth: { require_pkce: true } })
  })

  it.each([
    ['an unknown member', { ...marketplace, hand_off: {} }, '#/hand_off'],
    [
      'another',
      { ...marketplace, oauth: { ...marketplace.oauth, redirect_uri: 'x' } },
      '#/oauth/redirect_uri',
    ],
    ['no name', { oauth: marketplace.oauth }, '#/name'],
    ['a wrong type', { ...marketplace, first_party: 'yes' }, '#/first_party'],
    [
      'a list of something else',
      { ...marketplace, oauth: { redirect_uris: [1] } },
      '#/oauth/redirect_uris/0',
    ],
    [
      'a list that is none',
      { ...marketplace, oauth: { redirect_uris: 'https://m.example/cb' } },
      '#/oauth/redirect_uris',
    ],
    [
      'an unknown grant',
      { ...marketplace, oauth: { ...marketplace.oauth, grant_types: ['magic'] } },
      '#/oauth/grant_types/0',
    ],
    ['no object', [], '#'],
    ['null', null, '#'],
  ])('is not registered with %s', async (_, body, pointer) => {
    const before = await snapshot()
    const answer = await ask('POST', '/applications', body)
    expect([answer.status, answer.body.code]).toEqual([400, 'invalid_request'])
    const pointers = (answer.body.errors as { pointer: string }[]).map((error) => error.pointer)
    expect(pointers).toContain(pointer)
    expect(await snapshot()).toEqual(before)
  })

  it('is not registered by a body that two readers could read differently', async () => {
    const before = await snapshot()
    const twice = '{"name":"A","name":"B"}'
    const proto = '{"name":"A","__proto__":{"first_party":true}}'
    for (const body of [twice, proto, '{"name":', `${'['.repeat(40)}`, '{"name":"\\ud800"}']) {
      expect((await ask('POST', '/applications', body)).status, body).toBe(400)
    }
    const big = await ask('POST', '/applications', { name: 'x'.repeat(300_000) })
    expect(big.status).toBe(413)
    const form = await send('POST', '/applications', marketplace, {
      'content-type': 'application/x-www-form-urlencoded',
    })
    expect(form.status).toBe(415)
    expect(await snapshot()).toEqual(before)
  })

  it('is refused with everything that is wrong, at once', async () => {
    const answer = await ask('POST', '/applications', {
      name: 'A\u202e',
      client_id: 'a/b',
      client_secret: 'short',
      oauth: {
        redirect_uris: ['http://m.example/cb', 'https://m.example/cb#x', 'javascript:alert(1)'],
        default_redirect_uri: 'https://elsewhere.example/',
        grant_types: ['authorization_code'],
        response_types: ['code', 'token', 'magic'],
        scope: 'openid offline_access',
        backchannel_logout_uri: 'http://m.example/bcl',
        frontchannel_logout_uri: 'https://elsewhere.example/fcl',
        request_adapter: [{ rule: 'parameter_set', name: 'redirect_uri', value: 'x' }],
      },
    })
    expect([answer.status, answer.body.code]).toEqual([400, 'invalid_registration'])
    const errors = answer.body.errors as { pointer: string; detail: string }[]
    expect(errors.map(({ pointer }) => pointer).toSorted()).toEqual([
      '#/client_id',
      '#/client_secret',
      '#/name',
      '#/oauth/backchannel_logout_uri',
      '#/oauth/default_redirect_uri',
      '#/oauth/frontchannel_logout_uri',
      '#/oauth/redirect_uris/0',
      '#/oauth/redirect_uris/1',
      '#/oauth/redirect_uris/2',
      '#/oauth/request_adapter/0',
      '#/oauth/response_types',
      '#/oauth/response_types/1',
      '#/oauth/scope',
    ])
    expect(JSON.stringify(errors)).not.toContain('short')
  })

  it('that nobody knows is not found, changed, ended or removed', async () => {
    const before = await snapshot()
    for (const [method, path, body] of [
      ['GET', ''],
      ['PUT', '', marketplace],
      ['PATCH', '', { name: 'B' }],
      ['DELETE', ''],
      ['POST', '/disable'],
      ['POST', '/enable'],
      ['POST', '/secrets'],
      ['GET', '/secrets'],
      ['GET', '/secrets/x'],
      ['DELETE', '/secrets/x'],
    ] as const) {
      for (const id of ['nobody', '..%2f..', '%00', "'"]) {
        const answer = await ask(method, `/applications/${id}${path}`, body)
        expect([answer.status, answer.body.code], `${method} ${id}${path}`).toEqual([
          404,
          'not_found',
        ])
      }
    }
    expect(await snapshot()).toEqual(before)
  })
})

describe('changing an application', () => {
  it('replaces all of it: what is left out has its default again', async () => {
    const { client_id: id, client_secret: secret } = await registered()
    const answer = await ask('PUT', `/applications/${id}`, {
      name: 'Market',
      oauth: { redirect_uris: ['https://n.example/cb'] },
    })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('etag')).toBe('"2"')
    expect(answer.body).toMatchObject({ name: 'Market', first_party: false, version: 2 })
    expect(answer.body.oauth).toMatchObject({ scope: 'openid', post_logout_redirect_uris: [] })
    expect(answer.body).not.toHaveProperty('client_secret')
    expect(answer.body.oauth).not.toHaveProperty('backchannel_logout_uri')
    expect(await isSecret(id, secret)).toBe(true)
  })

  it('takes a version back that was read, with what was changed in it', async () => {
    const { client_id: id } = await registered()
    const { status, created_at, updated_at, ...read } = (await ask('GET', `/applications/${id}`))
      .body
    expect([status, typeof created_at, typeof updated_at]).toEqual(['active', 'number', 'number'])
    const answer = await ask('PUT', `/applications/${id}`, { ...read, name: 'Renamed' })
    expect(answer.body).toMatchObject({ ...read, name: 'Renamed', version: 2 })
    const again = await ask('PUT', `/applications/${id}`, { ...read, name: 'Late' })
    expect([again.status, again.body.code]).toEqual([412, 'changed_meanwhile'])
  })

  it.each(['PUT', 'PATCH', 'DELETE'])(
    'by %s of a version that is not there any more does nothing',
    async (method) => {
      const { client_id: id } = await registered()
      await ask('PATCH', `/applications/${id}`, { name: 'Second' })
      const before = await snapshot()
      const body = method === 'DELETE' ? undefined : marketplace
      for (const tag of ['"1"', '"3"', 'W/"2"', '2', '', '"1", "3"']) {
        const answer = await send(method, `/applications/${id}`, body, { 'if-match': tag })
        expect([answer.status, answer.body.code], tag).toEqual([412, 'changed_meanwhile'])
      }
      expect(await snapshot()).toEqual(before)
      const answer = await send(method, `/applications/${id}`, body, { 'if-match': '"1", "2"' })
      expect([200, 204]).toContain(answer.status)
    },
  )

  it.each(['disable', 'enable'])(
    'to %s one that another operator has changed does nothing',
    async (what) => {
      const { client_id: id } = await registered()
      await ask('PATCH', `/applications/${id}`, { name: 'Second' })
      const before = await snapshot()
      const path = `/applications/${id}/${what}`
      const stale = await send('POST', path, undefined, { 'if-match': '"1"' })
      expect([stale.status, stale.body.code]).toEqual([412, 'changed_meanwhile'])
      expect(await snapshot()).toEqual(before)
      expect((await send('POST', path, undefined, { 'if-match': '"2"' })).status).toBe(200)
    },
  )

  it('by two at once from one version is done by one', async () => {
    const { client_id: id } = await registered()
    const answers = await Promise.all(
      ['A', 'B', 'C', 'D'].map((name) => ask('PATCH', `/applications/${id}`, { name, version: 1 })),
    )
    expect(answers.map(({ status }) => String(status)).toSorted()).toEqual([
      '200',
      '412',
      '412',
      '412',
    ])
  })

  it('by a patch leaves the rest, and null means the default', async () => {
    const { client_id: id } = await registered()
    const answer = await ask('PATCH', `/applications/${id}`, {
      oauth: {
        scope: 'openid',
        backchannel_logout_uri: null,
        backchannel_logout_session_required: null,
      },
    })
    expect(answer.body).toMatchObject({
      name: 'Marketplace',
      first_party: true,
      oauth: { scope: 'openid', frontchannel_logout_uri: 'https://m.example/fcl' },
    })
    expect(answer.body.oauth).not.toHaveProperty('backchannel_logout_uri')
    const bare = await ask('PATCH', `/applications/${id}`, { first_party: null, oauth: null })
    expect(bare.body).not.toHaveProperty('oauth')
    expect(bare.body.first_party).toBe(false)
  })

  it('to something that cannot work is refused and changes nothing', async () => {
    const { client_id: id } = await registered()
    const before = await snapshot()
    const patched = await ask('PATCH', `/applications/${id}`, { oauth: { redirect_uris: [] } })
    expect([patched.status, patched.body.code]).toEqual([400, 'invalid_registration'])
    const put = await ask('PUT', `/applications/${id}`, { name: '' })
    expect(put.status).toBe(400)
    const other = await ask('PUT', `/applications/${id}`, { ...marketplace, client_id: 'other' })
    expect(other.status).toBe(400)
    expect(await snapshot()).toEqual(before)
  })

  it('to another way of proving who it is ends its secrets, and back makes a new one', async () => {
    const { client_id: id, client_secret: old } = await registered()
    const method = (name: string) =>
      ask('PATCH', `/applications/${id}`, {
        oauth: { token_endpoint_auth_method: name, require_pkce: null },
      })
    expect((await method('none')).body).not.toHaveProperty('client_secret')
    expect(await isSecret(id, old)).toBe(false)
    const { client_secret: fresh } = (await method('client_secret_post')).body
    expect(fresh).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect([await isSecret(id, old), await isSecret(id, fresh as string)]).toEqual([false, true])
  })
})

describe('client secrets', () => {
  it('are rotated with an overlap, and listed without themselves', async () => {
    const { client_id: id, client_secret: old } = await registered()
    const rotated = await ask('POST', `/applications/${id}/secrets`, { overlap_seconds: 60 })
    expect(rotated.status).toBe(201)
    const fresh = rotated.body.client_secret as string
    expect([await isSecret(id, old), await isSecret(id, fresh)]).toEqual([true, true])
    const { body } = await ask('GET', `/applications/${id}/secrets`)
    const [first, second] = body.secrets as { id: string; expires_at: number | null }[]
    expect([first?.id, first?.expires_at]).toEqual([rotated.body.id, null])
    expect(second?.expires_at).toBeGreaterThan(0)
    expect(JSON.stringify(body)).not.toMatch(/hash|client_secret/)
    expect((await ask('GET', `/applications/${id}/secrets/${second!.id}`)).body).toEqual(second)
    expect((await ask('DELETE', `/applications/${id}/secrets/${second!.id}`)).status).toBe(204)
    expect([await isSecret(id, old), await isSecret(id, fresh)]).toEqual([false, true])
    expect(log.text()).not.toContain(fresh.slice(0, 8))
  })

  it('are kept for a day where nothing else is said, and end at once with 0', async () => {
    const { client_id: id, client_secret: old } = await registered()
    await ask('POST', `/applications/${id}/secrets`)
    expect(await isSecret(id, old)).toBe(true)
    await ask('POST', `/applications/${id}/secrets`, { overlap_seconds: 0 })
    expect(await isSecret(id, old)).toBe(false)
  })

  it.each([-1, 1.5, '60', 2_592_001, null])(
    'are not rotated with an overlap of %j',
    async (overlap) => {
      const { client_id: id } = await registered()
      const before = await snapshot()
      const answer = await ask('POST', `/applications/${id}/secrets`, { overlap_seconds: overlap })
      expect([answer.status, answer.body.code]).toEqual([400, 'invalid_request'])
      expect(await snapshot()).toEqual(before)
    },
  )

  it('of one application are not another one’s, and the last one stays', async () => {
    const a = await registered()
    const b = await registered()
    const { body } = await ask('GET', `/applications/${b.client_id}/secrets`)
    const [own] = body.secrets as { id: string }[]
    const before = await snapshot()
    const foreign = `/applications/${a.client_id}/secrets/${own!.id}`
    expect((await ask('GET', foreign)).status).toBe(404)
    expect((await ask('DELETE', foreign)).status).toBe(404)
    const last = await ask('DELETE', `/applications/${b.client_id}/secrets/${own!.id}`)
    expect([last.status, last.body.code]).toEqual([409, 'last_secret'])
    expect(await snapshot()).toEqual(before)
  })
})

describe('ending an application', () => {
  it('by disabling it issues nothing more, until it is enabled', async () => {
    const { client_id: id } = await registered()
    const disabled = await ask('POST', `/applications/${id}/disable`)
    expect([disabled.status, disabled.body.status, disabled.body.version]).toEqual([
      200,
      'disabled',
      2,
    ])
    expect((await applications().findOAuthClient(id)).ok).toBe(false)
    const again = await ask('POST', `/applications/${id}/disable`)
    expect(again.body.version).toBe(2)
    const enabled = await ask('POST', `/applications/${id}/enable`)
    expect([enabled.status, enabled.body.status]).toEqual([200, 'active'])
    expect((await applications().findOAuthClient(id)).ok).toBe(true)
  })

  it('is answered 503 while nothing can be cut off: it gets no more, and is ended when asked again', async () => {
    const { client_id: id } = await registered()
    const away = createOperator({ KEY_RING: unreachable() })
    for (const [method, path] of [
      ['POST', '/disable'],
      ['DELETE', ''],
    ] as const) {
      const answer = await away.ask(method, `/applications/${id}${path}`)
      expect([answer.status, answer.body.code]).toEqual([503, 'end_pending'])
      expect(answer.headers.get('retry-after')).toBe('5')
      expect((await applications().find(id)).ok).toBe(true)
      expect((await applications().findOAuthClient(id)).ok).toBe(false)
    }
    expect((await ask('DELETE', `/applications/${id}`)).status).toBe(204)
  })

  it('leaves a line for each change of it, also where nothing can be cut off', async () => {
    const { client_id: id } = await registered()
    const away = createOperator({ KEY_RING: unreachable() })
    await away.ask('POST', `/applications/${id}/disable`)
    await away.ask('DELETE', `/applications/${id}`)
    await ask('POST', `/applications/${id}/enable`)
    await ask('DELETE', `/applications/${id}`)
    const { results } = await env.DIRECTORY.prepare(
      'SELECT event, actor FROM audit_events ORDER BY id',
    ).all<{ event: string; actor: string }>()
    expect(results.map(({ event }) => event)).toEqual([
      'application.registered',
      'application.disabled',
      'application.enabled',
      'application.disabled',
      'sessions.cut_off',
      'application.removed',
    ])
    expect(new Set(results.map(({ actor }) => actor))).toEqual(new Set(['operator']))
  })

  it('is asked again as the answer says, by who has named the version that they saw', async () => {
    const { client_id: id } = await registered()
    const { ADMIN_API_KEY } = settings
    const removal = (operator: ReturnType<typeof createOperator>, ifMatch: string) =>
      operator.send('DELETE', `/admin/api/applications/${id}`, {
        headers: { authorization: `Bearer ${ADMIN_API_KEY}`, 'if-match': ifMatch },
      })
    const pending = await removal(createOperator({ KEY_RING: unreachable() }), '"1"')
    expect([pending.status, pending.body.code]).toEqual([503, 'end_pending'])
    const again = await removal(createOperator(), String(pending.headers.get('etag')))
    expect(again.status).toBe(204)
  })

  it('is one write that every check holds with it, and progress that can be read', async () => {
    const { client_id: id } = await registered()
    const cutOffs = async () => {
      const read = await createOperator().gateway.core!.keys.cutOffs(systemClock())
      return read.ok ? read.value.map((cutOff) => [cutOff.scope, cutOff.id, cutOff.cause]) : []
    }
    const asked = { scope: 'application', id, reason: 'operator' }
    const cut = await ask('POST', '/cut-offs', asked)
    expect([cut.status, cut.body.scope_id]).toEqual([202, id])
    expect(cut.body.effective_within_seconds).toBe(60)
    expect(await cutOffs()).toEqual([['application', id, 'operator']])
    expect((await ask('GET', `/cut-offs/${cut.body.id as string}`)).status).toBe(200)
    await ask('POST', `/applications/${id}/disable`)
    expect(await cutOffs()).toContainEqual(['application', id, 'application_removed'])
    const nobody = await ask('POST', '/cut-offs', { ...asked, id: 'nobody' })
    expect(nobody.status).toBe(404)
  })

  it('is not finished by removing what another operator has let in again in between', async () => {
    const stepped = steppedBindings()
    const watched = createOperator(stepped.bindings)
    const outcomes: (readonly [number, number])[] = []
    for (let step = 1; ; step += 1) {
      const { client_id: id } = await registered()
      const { value, wasInterrupted } = await stepped.interrupt(
        step,
        () => ask('POST', `/applications/${id}/enable`),
        () => watched.ask('DELETE', `/applications/${id}`),
      )
      if (!wasInterrupted) break
      const left = await ask('GET', `/applications/${id}`)
      outcomes.push([value.status, left.status])
      if (left.status === 200) expect(left.body.status, `step ${step}`).toBe('active')
    }
    expect(outcomes).toContainEqual([412, 200])
    for (const outcome of outcomes)
      expect([
        [204, 404],
        [412, 200],
      ]).toContainEqual(outcome)
  })

  it('is not undone by who has seen it before, at whichever moment they say so', async () => {
    const stepped = steppedBindings()
    const watched = createOperator(stepped.bindings)
    const headers = { authorization: `Bearer ${settings.ADMIN_API_KEY}`, 'if-match': '"1"' }
    const statuses: number[] = []
    for (let step = 1; ; step += 1) {
      const { client_id: id } = await registered()
      const { value, wasInterrupted } = await stepped.interrupt(
        step,
        () => ask('POST', `/applications/${id}/disable`),
        () => watched.send('POST', `/admin/api/applications/${id}/enable`, { headers }),
      )
      if (!wasInterrupted) break
      statuses.push(value.status)
      const left = await ask('GET', `/applications/${id}`)
      expect(left.body.status, `step ${step}`).toBe('disabled')
    }
    expect(statuses).toEqual([412, 412])
  })

  it('by removing it while it is being changed leaves nothing of it either', async () => {
    const stepped = steppedBindings()
    const watched = createOperator(stepped.bindings)
    const more = { handoff: {}, widget: {}, shared_sessions: { subdomain: 'shop' } }
    const statuses = new Set<number>()
    for (let step = 1; ; step += 1) {
      const { client_id: id } = await registered()
      const { value, wasInterrupted } = await stepped.interrupt(
        step,
        () => ask('DELETE', `/applications/${id}`),
        () => watched.ask('PATCH', `/applications/${id}`, more),
      )
      if (!wasInterrupted) break
      statuses.add(value.status)
      expect((await ask('GET', `/applications/${id}`)).status, `step ${step}`).toBe(404)
    }
    expect(statuses).toEqual(new Set([200, 404]))
  })

  it('by removing it leaves nothing of it', async () => {
    const { client_id: id, client_secret: secret } = await registered()
    expect((await ask('DELETE', `/applications/${id}`)).status).toBe(204)
    expect((await ask('GET', `/applications/${id}`)).status).toBe(404)
    expect((await ask('DELETE', `/applications/${id}`)).status).toBe(404)
    expect(await isSecret(id, secret)).toBe(false)
  })
})
