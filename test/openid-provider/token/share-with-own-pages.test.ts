import { beforeEach, describe, expect, it } from 'vitest'
import { VERIFIER, challengeOf, REDIRECT_URI, registerShop, tokenWorld } from './token-world.ts'
import type { Answer, TokenWorld } from './token-world.ts'

const OWN = new URL(REDIRECT_URI).origin

let world: TokenWorld

beforeEach(async () => {
  world = await tokenWorld()
})

/** An application whose code runs in its pages, and a code for it. */
async function inBrowser(oauth: NonNullable<Parameters<typeof registerShop>[0]>['oauth'] = {}) {
  const page = await registerShop({
    oauth: { tokenEndpointAuthMethod: 'none', ...oauth },
  })
  const { session } = await world.person()
  const binding = { codeChallenge: await challengeOf(VERIFIER) }
  const code = await world.mint(session, page, { binding })
  return { page, code }
}

const expectShared = ({ headers }: Answer, origin: string): void => {
  expect(headers.get('access-control-allow-origin')).toBe(origin)
  expect(headers.get('access-control-allow-credentials')).toBeNull()
  expect(headers.get('vary')).toContain('Origin')
  expect(headers.get('cache-control')).toBe('no-store')
}

const expectKept = ({ headers }: Answer): void =>
  expect(headers.get('access-control-allow-origin')).toBeNull()

describe('a public client’s own page', () => {
  it('reads its tokens, its refusals, and that they were withdrawn', async () => {
    const { page, code } = await inBrowser()
    const from = { origin: OWN }
    const wrong = await world.exchange(page, 'c.wrong', { code_verifier: VERIFIER }, from)
    expect(wrong.body).toMatchObject({ error: 'invalid_grant' })
    expectShared(wrong, OWN)
    const given = await world.exchange(page, code, { code_verifier: VERIFIER }, from)
    expect(given.status).toBe(200)
    expectShared(given, OWN)
    const renewed = await world.refresh(page, given.body.refresh_token, {}, from)
    expect(renewed.status).toBe(200)
    expectShared(renewed, OWN)
    const form = { token: renewed.body.refresh_token }
    const revoked = await world.asClient('/oauth/revoke', page, form, from)
    expect(revoked.status).toBe(200)
    expectShared(revoked, OWN)
  })
})

describe('everybody else’s page', () => {
  it.each([
    'https://evil.example',
    `${OWN}.evil.example`,
    OWN.replace('https', 'http'),
    `${OWN}:8443`,
    'null',
    '',
  ])('reads nothing: %s', async (origin) => {
    const { page, code } = await inBrowser({
      applicationType: 'native',
      redirectUris: [REDIRECT_URI, 'com.example.app:/cb'],
    })
    const form = { code_verifier: VERIFIER }
    expectKept(await world.exchange(page, code, form, origin === '' ? {} : { origin }))
  })

  it('reads nothing of a confidential client, also if it is its own', async () => {
    const shop = await registerShop()
    const { session } = await world.person()
    const from = { origin: OWN }
    expectKept(await world.exchange(shop, await world.mint(session, shop), {}, from))
    expectKept(await world.asClient('/oauth/introspect', shop, { token: 'x' }, from))
  })

  it('reads nothing where nobody has been recognized', async () => {
    const nobody = { id: crypto.randomUUID(), secret: '' }
    const answer = await world.exchange(nobody, 'c.wrong', {}, { origin: OWN })
    expect(answer.status).toBe(401)
    expectKept(answer)
  })

  it('and no page at all takes a password (RFC 9700 §2.4)', async () => {
    const { page } = await inBrowser()
    const form = { grant_type: 'password', username: 'ada', password: 'x' }
    expectKept(await world.asClient('/oauth/token', page, form, { origin: OWN }))
  })
})
