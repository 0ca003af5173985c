import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config.ts'
import { settings } from '../world/settings.ts'

type Settings = Record<string, unknown>

const [portal] = settings.HANDOFF_HOSTS as Settings[] as [Settings]

const parse = (changes: Settings, others: Settings = {}) =>
  parseConfig({
    ...(env as unknown as Settings),
    ...settings,
    HANDOFF_HOSTS: [{ ...portal, ...changes }],
    ...others,
  })

function problemsOf(changes: Settings, others: Settings = {}): readonly string[] {
  const parsed = parse(changes, others)
  return parsed.ok ? [] : parsed.problems
}

describe('a host that hands people over to us', () => {
  it('needs an id, a name, an issuer and our key there', () => {
    const parsed = parse({})
    expect(parsed.ok && parsed.config.handoffHosts).toEqual([
      {
        id: 'portal',
        name: 'Portal',
        issuer: 'https://portal.example',
        apiUrl: 'https://portal.example/api/v1',
        apiKey: settings.PORTAL_API_KEY,
        linkByVerifiedEmail: false,
        authoritativeEmailDomains: [],
        allowedEmailDomains: [],
        allowInsecureHttp: false,
      },
    ])
  })

  it('is none at all, unless one is configured', () => {
    const parsed = parse({}, { HANDOFF_HOSTS: undefined, PORTAL_API_KEY: undefined })
    expect(parsed.ok && parsed.config.handoffHosts).toEqual([])
  })

  it.each<[Settings, string]>([
    [{ id: 'otrotl' }, 'HANDOFF_HOSTS[0].id: "otrotl" is an identity provider\'s already'],
    [{ id: 'local' }, 'HANDOFF_HOSTS[0].id: "local" is a word of our own'],
    [{ id: 'login' }, 'HANDOFF_HOSTS[0].id: "login" is a word of our own'],
    [{ id: 'Portal' }, 'HANDOFF_HOSTS[0].id'],
    [{ id: 'admin' }, 'HANDOFF_HOSTS[0].id: "admin" is a word of our own'],
    [{ name: '' }, 'HANDOFF_HOSTS[0].name: is empty'],
    [{ issuer: 'http://portal.example' }, 'HANDOFF_HOSTS[0].issuer'],
    [{ issuer: settings.ISSUER }, 'HANDOFF_HOSTS[0].issuer'],
    [{ api_url: 'https://10.0.0.1/api' }, 'HANDOFF_HOSTS[0].api_url'],
    [{ api_url: 'https://portal.example/api/' }, 'HANDOFF_HOSTS[0].api_url: ends with a slash'],
    [{ api_url: `${settings.ISSUER}/api/v1` }, 'HANDOFF_HOSTS[0].api_url'],
    [{ link_by_verified_email: true }, 'HANDOFF_HOSTS[0].authoritative_email_domains'],
    [{ allow_insecure_http: true }, 'HANDOFF_HOSTS[0].allow_insecure_http'],
    [{ login_url: 'x' }, 'HANDOFF_HOSTS[0].login_url: is not a setting'],
    [{ api_key: 'x' }, 'wrangler secret put PORTAL_API_KEY --env production'],
  ])('is refused with %j', (changes, problem) => {
    expect(problemsOf(changes).join('\n')).toContain(problem)
  })

  it.each([undefined, '', 'short', 'with a blank in the middle of it', settings.HANDLE_KEY])(
    'is refused with the key %j, which no problem shows',
    (key) => {
      const problems = problemsOf({}, { PORTAL_API_KEY: key })
      expect(problems).toHaveLength(1)
      if (key) expect(problems.join()).not.toContain(key)
    },
  )

  it('is one of its name and issuer', () => {
    const twice = [portal, { ...portal, issuer: 'https://portal.example/' }]
    expect(problemsOf({}, { HANDOFF_HOSTS: twice })).toHaveLength(2)
  })
})
