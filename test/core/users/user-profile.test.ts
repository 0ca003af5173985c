import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import type { UntrustedClaims } from '../../../src/core/users/profile-claims.ts'
import { profileOf } from '../../../src/core/users/user-profile.ts'
import { createUsers } from '../../../src/core/users/users.ts'
import { NOON } from '../../world/clock.ts'
import { otrotlConfig as provider } from '../../world/config.ts'
import { createWorld, liveSession, signIn } from '../../world/sign-in.ts'
import { people } from '../../world/people.ts'

async function profileAfter(claims: UntrustedClaims, now = NOON) {
  const { issuer } = provider
  const users = createUsers(env.DIRECTORY)
  const signedIn = await users.signIn({ provider, issuer, subject: '1', claims, now })
  if (!signedIn.ok) throw new Error(signedIn.refusal.code)
  expect(await users.find(signedIn.value.user.id)).toEqual(signedIn.value.user)
  return profileOf(signedIn.value.user)
}

const said = {
  name: 'Alice Archer',
  given_name: 'Alice',
  phone_number: '+1 604',
  phone_number_verified: true,
  address: { street_address: '1 Bow Lane', country: 'GB' },
}

describe('the profile of a user', () => {
  it('is what the provider said at the first sign-in', async () => {
    expect(await profileAfter(said)).toEqual({
      name: 'Alice Archer',
      givenName: 'Alice',
      phoneNumber: '+1 604',
      phoneNumberVerified: true,
      address: { street_address: '1 Bow Lane', country: 'GB' },
      updatedAt: NOON,
    })
  })

  it('stays where nothing is said, and is replaced member by member', async () => {
    const before = await profileAfter(said)
    expect(await profileAfter({}, NOON + 1)).toEqual(before)
    expect(await profileAfter({ given_name: 'Alicia' }, NOON + 2)).toEqual({
      ...before,
      givenName: 'Alicia',
      updatedAt: NOON + 2,
    })
  })

  it('takes a new address whole, and a new number without the word on the old one', async () => {
    await profileAfter(said)
    const after = await profileAfter({ phone_number: '+1 605', address: { locality: 'Bath' } })
    expect(after).toMatchObject({ phoneNumber: '+1 605', phoneNumberVerified: false })
    expect(after.address).toEqual({ locality: 'Bath' })
  })

  it('says when it changed, and not when the person only signed in again', async () => {
    const verified = { email: 'a@corp.test', email_verified: true }
    await profileAfter(verified)
    expect((await profileAfter(verified, NOON + 1)).updatedAt).toBe(NOON)
    const unverified = { email: 'a@corp.test', email_verified: false }
    expect((await profileAfter(unverified, NOON + 2)).updatedAt).toBe(NOON + 2)
    expect((await profileAfter({ picture: 'https://p.example/a' }, NOON + 3)).updatedAt).toBe(
      NOON + 3,
    )
  })

  it('reaches the session, from ID token and UserInfo', async () => {
    const world = await createWorld()
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    const { alice } = people
    expect((await liveSession(browser.session()))?.profile).toEqual({
      name: alice.name,
      givenName: alice.given_name,
      familyName: alice.family_name,
      preferredUsername: alice.preferred_username,
      locale: alice.locale,
      zoneinfo: alice.zoneinfo,
      email: alice.email,
      emailVerified: true,
      picture: alice.picture,
      phoneNumber: alice.phone_number,
      phoneNumberVerified: true,
      address: alice.address,
      updatedAt: expect.any(Number),
    })
  })
})
