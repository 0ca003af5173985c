import { calculatePKCECodeChallenge } from 'oauth4webapi'
import { expect, it } from 'vitest'
import { createInternet } from './internet.ts'
import { createProvider } from './provider.ts'

it('the provider of the test world plays a whole sign-in', async () => {
  const internet = createInternet()
  const provider = await createProvider(internet)
  const verifier = 'v'.repeat(43)
  const url = new URL('https://otrotl.example/authorize')
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: 'tuberaker',
    redirect_uri: 'https://login.example/auth/sso/callback/otrotl',
    scope: 'openid profile email',
    state: 's'.repeat(43),
    nonce: 'n'.repeat(43),
    code_challenge: await calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }).toString()
  const back = await provider.authorize(url, { as: 'bob' })
  const answer = await fetch('https://otrotl.example/token', {
    method: 'POST',
    headers: { authorization: `Basic ${btoa('tuberaker:test-otrotl-client-secret-0123456789')}` },
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code: back.searchParams.get('code')!,
      redirect_uri: 'https://login.example/auth/sso/callback/otrotl',
      code_verifier: verifier,
    }),
  })
  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({ id_token: expect.any(String) as string })
  expect(internet.requests).toHaveLength(1)
  await expect(fetch('https://nowhere.example/')).rejects.toThrow('no such host')
})
