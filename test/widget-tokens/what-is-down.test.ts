import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/platform/clock.ts'
import { switchedBindings } from '../world/switched-bindings.ts'
import { makeToken } from './made-token.ts'
import { SITE, ask, cookieOf, registerWidget, signedInPerson } from './widget-site.ts'

const down = (statements: string): Partial<Env> => {
  const { outage, bindings } = switchedBindings()
  outage.statements = statements
  return bindings
}

describe('where the directory cannot be asked', () => {
  it.each([
    ['the secrets', 'FROM widget_secrets'],
    ['the roles', 'FROM user_roles'],
  ])(
    'for %s, nobody gets a token, and nobody is taken for a stranger',
    async (_what, statements) => {
      const site = await registerWidget()
      const { cookie } = await signedInPerson()
      const headers = { ...cookieOf(cookie), Origin: SITE }
      const asked = await ask(site.tokenUrl, { headers }, down(statements))
      expect([asked.status, asked.headers.get('retry-after')]).toEqual([503, '5'])
      expect(asked.body.token).toBeUndefined()
      expect((await ask(site.tokenUrl, { headers })).body.token).toMatch(/^eyJ/)
    },
  )

  it('for the secrets, no token is taken for a wrong one', async () => {
    const site = await registerWidget()
    const exp = systemClock() + 600
    const token = await makeToken(site.secret, { iss: site.id, jti: '7', name: 'Ada', exp })
    const call = {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ token }),
    }
    const judged = await ask(site.authUrl, call, down('FROM widget_secrets'))
    expect([judged.status, judged.body.error]).toEqual([503, 'unavailable'])
    expect((await ask(site.authUrl, call)).status).toBe(200)
  })
})
