import { beforeEach, describe, expect, it } from 'vitest'
import { createInternet } from '../../world/internet.ts'
import type { Internet } from '../../world/internet.ts'
import { createProvider } from '../../world/provider.ts'
import type { Provider } from '../../world/provider.ts'
import { freshIsolate, signIn } from '../../world/upstream-sign-in.ts'

let internet: Internet
let otrotl: Provider
beforeEach(async () => {
  internet = createInternet()
  otrotl = await createProvider(internet)
})

const otrotlIn = (isolate = freshIsolate()) => isolate.find('otrotl')!

/** The parameters of the one request to the token endpoint. */

describe('e-mail claims', () => {
  const claimsOf = async () => {
    const signedIn = await signIn(otrotlIn(), otrotl)
    return signedIn.ok ? signedIn.value.claims : undefined
  }

  it('of UserInfo do not verify another address of the ID token', async () => {
    otrotl.behaviour.idTokenClaims = { email: 'victim@example.org' }
    otrotl.behaviour.userInfo = { email: 'mallory@example.org', email_verified: true }
    expect(await claimsOf()).toMatchObject({
      email: 'victim@example.org',
      email_verified: undefined,
    })
  })

  it('of the ID token do not verify an address of UserInfo', async () => {
    otrotl.behaviour.idTokenClaims = { email_verified: true }
    otrotl.behaviour.userInfo = { email: 'victim@example.org', email_verified: undefined }
    expect(await claimsOf()).toMatchObject({
      email: 'victim@example.org',
      email_verified: undefined,
    })
  })

  it('of UserInfo complete the same address of the ID token, unless that says no', async () => {
    otrotl.behaviour.idTokenClaims = { email: 'alice@example.org' }
    expect(await claimsOf()).toMatchObject({ email_verified: true })
    otrotl.behaviour.idTokenClaims = { email: 'alice@example.org', email_verified: false }
    expect(await claimsOf()).toMatchObject({ email_verified: false })
  })
})
