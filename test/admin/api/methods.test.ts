import { describe, expect, it } from 'vitest'
import { createOperator } from '../operator.ts'

const { ask, send } = createOperator()

const registered = async () =>
  (await ask('POST', '/applications', { name: 'Shop' })).body as { client_id: string }

describe('a path of the management API', () => {
  it('is answered with its methods where it has not the one that was used, and to OPTIONS', async () => {
    const { client_id: id } = await registered()
    const allow = 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS'
    const wrong = await ask('POST', `/applications/${id}`)
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, allow])
    const options = await ask('OPTIONS', `/applications/${id}`)
    expect([options.status, options.headers.get('allow')]).toEqual([204, allow])
    expect(options.headers.get('access-control-allow-origin')).toBeNull()
    const disable = await ask('HEAD', `/applications/${id}/disable`)
    expect([disable.status, disable.headers.get('allow')]).toEqual([405, 'POST, OPTIONS'])
    expect((await ask('OPTIONS', '/nothing')).status).toBe(404)
    expect((await send('OPTIONS', `/admin/api/applications/${id}`)).status).toBe(401)
  })

  it('answers HEAD as it answers GET, without the body', async () => {
    const { client_id: id } = await registered()
    const got = await ask('GET', `/applications/${id}`)
    const head = await ask('HEAD', `/applications/${id}`)
    expect([head.status, head.body]).toEqual([200, {}])
    for (const name of ['etag', 'content-type', 'cache-control']) {
      expect(head.headers.get(name), name).toBe(got.headers.get(name))
    }
    expect((await ask('HEAD', '/applications/nobody')).status).toBe(404)
  })
})
