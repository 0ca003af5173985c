import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { UNTOUCHABLE_PARAMETERS } from '../../../src/core/applications/adapter-rules.ts'
import { adaptRequest } from '../../../src/core/applications/adapt-request.ts'
import type { AdapterRule } from '../../../src/core/applications/request-adapter.ts'

const adapt = (rules: readonly AdapterRule[], query: string | Record<string, string>) => {
  const { parameters, requestedScope } = adaptRequest(rules, new URLSearchParams(query))
  return { parameters: Object.fromEntries(parameters), requestedScope }
}

const GOOGLE = 'https://www.googleapis.com/auth/userinfo.'

describe('the rules of a request adapter', () => {
  it('map, drop and add scope values, in their order, each value once', () => {
    const rules: AdapterRule[] = [
      { rule: 'scope_map', from: `${GOOGLE}profile`, to: ['profile'] },
      { rule: 'scope_map', from: `${GOOGLE}email`, to: ['email', 'profile'] },
      { rule: 'scope_drop', scope: 'https://www.googleapis.com/auth/plus.login' },
      { rule: 'scope_add', scope: 'openid' },
    ]
    const scope = `https://www.googleapis.com/auth/plus.login ${GOOGLE}profile ${GOOGLE}email`
    expect(adapt(rules, { scope })).toEqual({
      parameters: { scope: 'profile email openid' },
      requestedScope: scope,
    })
  })

  it('rename, set and drop parameters', () => {
    const rules: AdapterRule[] = [
      { rule: 'parameter_rename', from: 'lang', to: 'ui_locales' },
      { rule: 'parameter_set', name: 'prompt', value: 'login' },
      { rule: 'parameter_drop', name: 'access_type' },
    ]
    expect(adapt(rules, { lang: 'fi', prompt: 'none', access_type: 'offline' }).parameters).toEqual(
      { ui_locales: 'fi', prompt: 'login' },
    )
  })

  it('let a standard name stand that is there already', () => {
    const rule: AdapterRule = { rule: 'parameter_rename', from: 'scopes', to: 'scope' }
    expect(adapt([rule], { scopes: 'a', scope: 'b' }).parameters).toEqual({
      scopes: 'a',
      scope: 'b',
    })
    expect(adapt([rule], { scopes: 'a' }).parameters).toEqual({ scope: 'a' })
  })

  it('know a grant by another name, and that name only', () => {
    const rule: AdapterRule = {
      rule: 'grant_alias',
      from: 'openid_code',
      to: 'authorization_code',
    }
    const grantOf = (grant_type: string) => adapt([rule], { grant_type }).parameters.grant_type
    expect(grantOf('openid_code')).toBe('authorization_code')
    expect(grantOf('password')).toBe('password')
  })

  it('say nothing of the scope as it was sent, where they have not changed it', () => {
    const rule: AdapterRule = { rule: 'scope_drop', scope: 'other' }
    expect(adapt([rule], { scope: 'openid' }).requestedScope).toBeUndefined()
    expect(adapt([{ rule: 'scope_add', scope: 'a' }], {}).requestedScope).toBeUndefined()
  })

  it('add no scope to a refresh that names none, by whatever name it is called', () => {
    const rules: AdapterRule[] = [
      { rule: 'grant_alias', from: 'again', to: 'refresh_token' },
      { rule: 'scope_drop', scope: 'legacy' },
      { rule: 'scope_add', scope: 'openid' },
    ]
    const scopeOf = (query: Record<string, string>) => adapt(rules, query).parameters.scope
    for (const grant_type of ['refresh_token', 'again']) {
      expect(scopeOf({ grant_type })).toBeUndefined()
      expect(scopeOf({ grant_type, scope: 'email' })).toBe('email openid')
      expect(scopeOf({ grant_type, scope: 'legacy' })).toBe('openid')
    }
    expect(scopeOf({ grant_type: 'password' })).toBe('openid')
  })

  it('come out as nothing, where they leave nothing', () => {
    expect(adapt([{ rule: 'scope_drop', scope: 'a' }], { scope: 'a' })).toEqual({
      parameters: {},
      requestedScope: 'a',
    })
  })
})

describe('whatever the rules and whatever the request', () => {
  const name = fc.oneof(
    fc.constantFrom(...UNTOUCHABLE_PARAMETERS, 'scope', 'prompt', 'x', '__proto__', 'constructor'),
    fc.string({ maxLength: 8 }),
  )
  const value = fc.oneof(fc.constantFrom('a', 'b', 'openid', 'a b'), fc.string({ maxLength: 20 }))
  const rule: fc.Arbitrary<AdapterRule> = fc.oneof(
    fc.record({
      rule: fc.constant('scope_map' as const),
      from: value,
      to: fc.array(value, { maxLength: 4 }),
    }),
    fc.record({ rule: fc.constant('scope_drop' as const), scope: value }),
    fc.record({ rule: fc.constant('scope_add' as const), scope: value }),
    fc.record({ rule: fc.constant('parameter_rename' as const), from: name, to: name }),
    fc.record({ rule: fc.constant('parameter_set' as const), name, value }),
    fc.record({ rule: fc.constant('parameter_drop' as const), name }),
    fc.record({ rule: fc.constant('grant_alias' as const), from: value, to: value }),
  )
  const request = fc
    .array(fc.tuple(name, value), { maxLength: 20 })
    .map((pairs) => new URLSearchParams(pairs))

  it('what ties an answer to its request, and every proof, comes out as it went in', () => {
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 30, size: 'max' }), request, (rules, sent) => {
        const { parameters } = adaptRequest(rules, sent)
        for (const kept of UNTOUCHABLE_PARAMETERS.filter((n) => n !== 'grant_type')) {
          expect(parameters.getAll(kept)).toEqual(sent.getAll(kept))
        }
      }),
      { numRuns: 500 },
    )
  })

  it('what was sent is not changed by it', () => {
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 30, size: 'max' }), request, (rules, sent) => {
        const before = sent.toString()
        adaptRequest(rules, sent)
        expect(sent.toString()).toBe(before)
      }),
    )
  })

  it('nothing grows without end', () => {
    const rules = Array.from({ length: 1000 }, (_, place): AdapterRule => ({
      rule: 'scope_map',
      from: `v${place}`,
      to: [`v${place + 1}`, `w${place}`, `v${place + 1}`],
    }))
    const scope = adapt(rules, { scope: 'v0' }).parameters.scope ?? ''
    expect(scope.split(' ').length).toBeLessThanOrEqual(200)
  })
})
