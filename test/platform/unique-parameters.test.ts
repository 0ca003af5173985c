import fc from 'fast-check'
import { expect, it } from 'vitest'
import { uniqueParameters } from '../../src/platform/unique-parameters.ts'

it('reads what stands once and leaves out what is absent', () => {
  const parameters = new URLSearchParams('state=s&code=&other=1&other=2')
  expect(uniqueParameters(parameters, ['state', 'code', 'iss'])).toEqual({
    ok: true,
    value: { state: 's', code: '' },
  })
})

it('refuses a name that stands twice, even with the same value', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (first, second) => {
      const parameters = new URLSearchParams([
        ['state', first],
        ['code', 'c'],
        ['state', second],
      ])
      expect(uniqueParameters(parameters, ['code', 'state'])).toEqual({
        ok: false,
        refusal: { code: 'duplicate_parameter', facts: { parameter: 'state' } },
      })
    }),
  )
})

it('an encoded name is the same name', () => {
  const parameters = new URLSearchParams('code=1&%63ode=2')
  expect(uniqueParameters(parameters, ['code']).ok).toBe(false)
})
