import { createExecutionContext } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { gatewayFor } from '../../../src/gateway.ts'
import { providerMetadata } from '../../../src/openid-provider/metadata/provider-metadata.ts'
import { registerApplication } from '../../world/applications.ts'
import { settings } from '../../world/settings.ts'

const PATHS = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server']

const get = async (path: string, init: RequestInit = {}) =>
  exports.default.fetch(settings.ISSUER + path, init)

const read = async () => (await get(PATHS[0]!)).json<Record<string, unknown>>()

describe.each(PATHS)('GET %s', (path) => {
  it('is one document for everybody, cached for minutes', async () => {
    const answer = await get(path, { headers: { origin: 'https://anywhere.example' } })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toContain('application/json')
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300')
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull()
    expect(await answer.json()).toEqual(await read())
  })

  it('may be asked for by HEAD and OPTIONS, and by nothing else', async () => {
    expect((await get(path, { method: 'HEAD' })).status).toBe(200)
    const preflight = await get(path, { method: 'OPTIONS' })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*')
    const posted = await get(path, { method: 'POST' })
    expect(posted.status).toBe(405)
    expect(posted.headers.get('allow')).toContain('GET')
  })

  it('says the same under a forged host', async () => {
    const answer = await exports.default.fetch(`https://evil.example${path}`, {
      headers: {
        'x-forwarded-host': 'evil.example',
        'x-forwarded-proto': 'http',
        forwarded: 'host=evil.example',
      },
    })
    expect(await answer.json()).toEqual(await read())
  })
})

describe('the metadata', () => {
  it('names implicit and password only while an active application is registered for them', async () => {
    const exceptional = async () => {
      const { grant_types_supported: grants, response_types_supported: types } = await read()
      return {
        grants: (grants as string[]).filter((name) => /implicit|password/.test(name)),
        types,
      }
    }
    const off = { grants: [], types: ['code'] }
    expect(await exceptional()).toEqual(off)
    const app = await registerApplication({
      oauth: {
        grantTypes: ['implicit', 'password'],
        scope: ['openid'],
        responseTypes: ['token', 'id_token', 'id_token token'],
      },
    })
    expect(await exceptional()).toEqual({
      grants: ['implicit', 'password'],
      types: ['code', 'token', 'id_token', 'id_token token'],
    })
    await env.DIRECTORY.prepare(`UPDATE applications SET status = 'disabled' WHERE id = ?`)
      .bind(app.id)
      .run()
    expect(await exceptional()).toEqual(off)
  })

  it('leaves the exceptions out where the directory is away, and nobody remembers that', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const away = () => {
      throw new Error('away')
    }
    const DIRECTORY = { prepare: away, batch: away } as unknown as D1Database
    const there = { ...env, DIRECTORY }
    const request = new Request(settings.ISSUER + PATHS[0]!)
    const answer = await gatewayFor(there).fetch(request, there, createExecutionContext())
    expect(answer.status).toBe(200)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect((await answer.json<Record<string, unknown>>())['response_types_supported']).toEqual([
      'code',
    ])
  })

  it('names the issuer that stands in every token and answer, and https URLs below it', async () => {
    const { issuer, ...members } = await read()
    expect(issuer).toBe(settings.ISSUER)
    const urls = Object.entries(members).filter(([name]) => /_endpoint$|_uri$/.test(name))
    expect(urls.length).toBeGreaterThan(6)
    for (const [name, url] of urls) expect(String(url), name).toMatch(/^https:\/\/login\.example\//)
  })

  it('names only endpoints that are routed, and none of the provider’s is left out', async () => {
    const members = await read()
    const named = Object.entries(members)
      .filter(([name]) => /_endpoint$|_uri$/.test(name))
      .map(([, url]) => new URL(String(url)).pathname)
    const routed = new Set(gatewayFor(env).routes.map(({ path }) => path))
    for (const path of named) expect(routed, path).toContain(path)
    // Where a person types a code: the device says where, when it has one.
    const pages = ['/oauth/device']
    const own = [...routed].filter((path) => /^\/oauth\/[a-z_]+$/.test(path))
    expect(own.filter((path) => !named.includes(path) && !pages.includes(path))).toEqual([])
  })

  it('promises nothing of an endpoint that is not there', () => {
    const bare = providerMetadata({ issuer: 'https://a.example' }, [], ['implicit'])
    for (const name of Object.keys(bare)) expect(name).not.toMatch(/_endpoint|logout|jwks/)
    expect(bare.grant_types_supported).toEqual([])
    const posted = [{ method: 'POST', path: '/oauth/authorize' }]
    expect(providerMetadata({ issuer: 'https://a.example' }, posted, [])).not.toHaveProperty(
      'authorization_endpoint',
    )
  })

  it('says what is refused here', async () => {
    expect(await read()).toMatchObject({
      code_challenge_methods_supported: ['S256'],
      request_parameter_supported: false,
      request_uri_parameter_supported: false,
      claims_parameter_supported: true,
      authorization_response_iss_parameter_supported: true,
      response_types_supported: ['code'],
      response_modes_supported: ['query', 'fragment', 'form_post'],
      subject_types_supported: ['public', 'pairwise'],
      pushed_authorization_request_endpoint: 'https://login.example/oauth/par',
      end_session_endpoint: 'https://login.example/oauth/logout',
      backchannel_logout_session_supported: true,
      frontchannel_logout_session_supported: true,
    })
    const algorithms = JSON.stringify(
      Object.entries(await read()).filter(([name]) => name.includes('_alg_')),
    )
    expect(algorithms).toContain('RS256')
    expect(algorithms).not.toMatch(/none|HS256/)
  })
})
