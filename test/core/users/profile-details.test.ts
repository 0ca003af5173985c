import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseProfileDetails } from '../../../src/core/users/profile-details.ts'

describe('the details of a person', () => {
  it('are taken under our own names', () => {
    const said = {
      given_name: 'Alice',
      family_name: ' Archer ',
      preferred_username: 'alice',
      locale: 'en-GB',
      zoneinfo: 'Europe/London',
      phone_number: '+1 (604) 555-1234;ext=5678',
      phone_number_verified: true,
      address: { formatted: '1 Bow Lane\r\nLondon', country: 'GB', planet: 'Earth' },
    }
    expect(parseProfileDetails(said)).toEqual({
      givenName: 'Alice',
      familyName: 'Archer',
      preferredUsername: 'alice',
      locale: 'en-GB',
      zoneinfo: 'Europe/London',
      phoneNumber: '+1 (604) 555-1234;ext=5678',
      phoneNumberVerified: true,
      address: { formatted: '1 Bow Lane\nLondon', country: 'GB' },
    })
  })

  it.each([
    { locale: 'en-GB<script>' },
    { locale: 'x'.repeat(40) },
    { zoneinfo: '../../etc/passwd' },
    { zoneinfo: 'Europe/London\n' },
    { phone_number: '<b>1</b>' },
    { phone_number: 'one' },
    { phone_number: 5551234 },
    { phone_number_verified: true },
    { address: 'London' },
    { address: ['London'] },
    { address: {} },
    { address: { formatted: 1, country: '\u202e' } },
    { given_name: '\0' },
  ])('are not %j', (claims) => {
    expect(parseProfileDetails(claims)).toEqual({})
  })

  it.each(['true', 1, 'yes', undefined, null, [true]])(
    'have a verified number only by the boolean true, not by %j',
    (phone_number_verified) => {
      const details = parseProfileDetails({ phone_number: '+1 604', phone_number_verified })
      expect(details).toEqual({ phoneNumber: '+1 604', phoneNumberVerified: false })
    },
  )

  it('never have a control character, a bidi mark, or more than 200 characters, whatever is said', () => {
    const names = ['given_name', 'family_name', 'locale', 'zoneinfo', 'phone_number'] as const
    const said = fc.record(
      Object.fromEntries([
        ...names.map((name) => [name, fc.anything()]),
        [
          'address',
          fc.dictionary(
            fc.constantFrom('formatted', 'country', 'x'),
            fc.string({ unit: 'binary' }),
          ),
        ],
      ]),
    )
    fc.assert(
      fc.property(said, (claims) => {
        const { address, ...rest } = parseProfileDetails(claims)
        for (const text of [...Object.values(rest), ...Object.values(address ?? {})]) {
          if (typeof text !== 'string') continue
          expect(text.isWellFormed()).toBe(true)
          expect(text).not.toMatch(/[^\P{Cc}\n]|\p{Bidi_Control}/u)
          expect(Array.from(text).length).toBeLessThanOrEqual(200)
        }
      }),
    )
  })
})
