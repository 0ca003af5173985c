import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  CLAIMS_OF_SCOPE,
  claimsAbout,
  personalClaims,
  rebelMouseNames,
} from '../../src/openid-provider/claims.ts'
import type { Profile } from '../../src/core/sessions/session.ts'
import { adaProfile } from './made-up-application.ts'

const by = (...scope: string[]) => claimsAbout(adaProfile, { scope, names: [] })

describe('the claims of scope values (OpenID Connect Core 1.0 §5.4)', () => {
  it('are those of the profile, of the e-mail, the address and the phone', () => {
    expect(by('openid')).toEqual({})
    expect(by('profile')).toEqual({
      name: 'Ada Lovelace',
      given_name: 'Ada',
      family_name: 'Lovelace',
      preferred_username: 'ada',
      picture: 'https://pictures.example/ada.png',
      zoneinfo: 'Europe/London',
      locale: 'en-GB',
      updated_at: 1_700_000_000,
    })
    expect(by('email')).toEqual({ email: 'ada@example.com', email_verified: true })
    expect(by('address')).toEqual({ address: { locality: 'London', country: 'GB' } })
    expect(by('phone')).toEqual({
      phone_number: '+44 20 7946 0000',
      phone_number_verified: false,
    })
  })

  it('never go beyond what was granted, whatever is known', () => {
    fc.assert(
      fc.property(
        fc.subarray(['openid', 'profile', 'email', 'address', 'phone', 'offline_access', 'x']),
        fc.subarray([...personalClaims]),
        fc.subarray(Object.keys(adaProfile) as (keyof Profile)[]),
        (scope, names, known) => {
          const profile = Object.fromEntries(known.map((name) => [name, adaProfile[name]]))
          const told = Object.keys(claimsAbout(profile, { scope, names }))
          const allowed = Object.entries(CLAIMS_OF_SCOPE).flatMap(([value, claims]) =>
            scope.includes(value) ? [...claims] : [],
          )
          for (const name of told) expect([...allowed, ...names]).toContain(name)
          for (const value of Object.values(claimsAbout(profile, { scope, names }))) {
            expect(value).toBeDefined()
          }
        },
      ),
    )
  })
})

describe('a claim about the person', () => {
  const all = { scope: ['profile', 'email', 'address', 'phone'], names: [] }

  it('that is not known is left out, and nothing is made up', () => {
    expect(claimsAbout({}, all)).toEqual({})
    expect(claimsAbout({ name: 'Ada Lovelace' }, all)).toEqual({ name: 'Ada Lovelace' })
    expect(claimsAbout({ givenName: 'Ada' }, all)).toEqual({ given_name: 'Ada' })
    expect(claimsAbout({ address: {} }, all)).toEqual({})
  })

  it('is the full name where both of its parts are known', () => {
    expect(claimsAbout({ givenName: 'Ada', familyName: 'Lovelace' }, all).name).toBe('Ada Lovelace')
  })

  it('that says whether something is verified is a boolean, and there only with what it is of', () => {
    expect(claimsAbout({ email: 'a@b.example' }, all).email_verified).toBe(false)
    expect(claimsAbout({ emailVerified: true }, all)).toEqual({})
    expect(claimsAbout({ phoneNumber: '+1' }, all).phone_number_verified).toBe(false)
    expect(claimsAbout({ phoneNumberVerified: true }, all)).toEqual({})
  })

  it('may be asked for by name', () => {
    expect(claimsAbout(adaProfile, { scope: ['openid'], names: ['email', 'constructor'] })).toEqual(
      {
        email: 'ada@example.com',
      },
    )
  })
})

it('RebelMouse’s names say the same as the standard ones, and no more', () => {
  expect(rebelMouseNames({ sub: '7', given_name: 'Ada', family_name: 'Lovelace' })).toEqual({
    id: '7',
    first_name: 'Ada',
    last_name: 'Lovelace',
  })
  expect(rebelMouseNames({ sub: '7', name: 'Ada Lovelace' })).toEqual({ id: '7' })
})
