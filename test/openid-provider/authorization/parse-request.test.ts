import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AdapterRule } from '../../../src/core/applications/request-adapter.ts'
import {
  findApplicationId,
  findTarget,
} from '../../../src/openid-provider/authorization/find-target.ts'
import { parseRequest } from '../../../src/openid-provider/authorization/parse-request.ts'
import { registerApplication } from '../../world/applications.ts'
import { CALLBACK } from './asking.ts'

const word = fc.constantFrom(
  'openid',
  'profile',
  'email',
  'phone',
  'address',
  'offline_access',
  'admin',
  'x',
  '',
  '__proto__',
)
const scope = fc.array(word, { maxLength: 6 }).map((words) => words.join(' '))
const name = fc.constantFrom(
  'scope',
  'redirect_uri',
  'client_id',
  'response_type',
  'response_mode',
  'prompt',
  'state',
  'nonce',
  'resource',
  'claims',
  'request_uri',
  'request',
  'code_challenge',
  'code_challenge_method',
  'extra',
)
const value = fc.oneof(
  scope,
  fc.constantFrom(
    'code',
    'none',
    'login',
    CALLBACK,
    'https://evil.example/',
    'query',
    'S256',
    '{}',
  ),
  fc.string({ maxLength: 10 }),
)
const rule: fc.Arbitrary<AdapterRule> = fc.oneof(
  fc.record({
    rule: fc.constant('scope_map' as const),
    from: word,
    to: fc.array(word, { maxLength: 3 }),
  }),
  fc.record({ rule: fc.constant('scope_drop' as const), scope: word }),
  fc.record({ rule: fc.constant('scope_add' as const), scope: word }),
  fc.record({ rule: fc.constant('parameter_rename' as const), from: name, to: name }),
  fc.record({ rule: fc.constant('parameter_set' as const), name, value }),
  fc.record({ rule: fc.constant('parameter_drop' as const), name }),
)

describe('whatever is registered as an adapter, and whatever is sent,', () => {
  it('no more is granted than is registered, and the answer goes where it always went', async () => {
    const registered = (await registerApplication({ isFirstParty: true })).application
    let accepted = 0
    fc.assert(
      fc.property(
        fc.array(rule, { maxLength: 12 }),
        fc.array(fc.tuple(name, value), { maxLength: 8 }),
        fc.boolean(),
        (requestAdapter, pairs, isPlain) => {
          const application = { ...registered, oauth: { ...registered.oauth, requestAdapter } }
          const sent = new URLSearchParams([
            ['client_id', registered.id],
            ['redirect_uri', CALLBACK],
            ['response_type', 'code'],
            ...(isPlain ? pairs.filter(([n]) => n === 'scope' || n === 'extra') : pairs),
          ])
          const asked = sent.get('redirect_uri')
          if (!findApplicationId(sent).ok) return
          const target = findTarget({ application, secrets: [], asOf: 0 }, sent)
          if (!target.ok) return
          expect(target.value.redirectUri).toBe(asked)
          const request = parseRequest(target.value, sent, { isPushed: false })
          if (!request.ok) return
          accepted += 1
          expect(request.value.target.redirectUri).toBe(CALLBACK)
          expect(request.value.target.application.id).toBe(registered.id)
          for (const granted of request.value.scope)
            expect(registered.oauth.scope).toContain(granted)
          expect(request.value.responseType).toBe('code')
          expect(request.value.resource).toBeUndefined()
        },
      ),
      { numRuns: 2000 },
    )
    expect(accepted).toBeGreaterThan(100)
  })
})
