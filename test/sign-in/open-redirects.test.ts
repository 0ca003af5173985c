import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Browser } from '../world/browser.ts'
import { captureLog } from '../world/log-lines.ts'
import { createWorld, signIn } from '../world/sign-in.ts'
import { payloads } from './open-redirect-payloads.ts'

const START = 'https://login.example/auth/sso/login'
const ALLOWED = ['https://login.example', 'https://app.example']
const encode = (text: string) => encodeURIComponent(text.toWellFormed())

async function signedIn() {
  captureLog()
  const world = await createWorld()
  const browser = world.newBrowser()
  await signIn(browser, world.otrotl)
  return { world, browser }
}

/** `query` stands in the URL as it is. Every request comes from an address of its own. */
async function expectAtHome(browser: Browser, query: string, i: number) {
  const headers = { 'cf-connecting-ip': `10.9.${(i >> 8) & 255}.${i & 255}` }
  const url = `${START}?return_to=${query}`
  const answer = await browser.request(url, { headers })
  if (url.length > 8192) return expect(answer.status, query).toBe(414)
  expect([303, 400], query).toContain(answer.status)
  if (answer.status === 400) return expect(answer.headers.get('location'), query).toBeNull()
  const location = answer.headers.get('location')!
  // As a browser resolves it, against the page that it was on.
  expect(ALLOWED, query).toContain(new URL(location, url).origin)
  expect(location, query).toMatch(/^https:\/\/[\x21-\x5b\x5d-\x7e]+$/)
  expect(answer.headers.getSetCookie(), query).toEqual([])
}

describe('return_to of a sign-in that goes straight on', () => {
  it(
    'never leads away: every payload raw, percent-encoded once and twice',
    { timeout: 60_000 },
    async () => {
      const { browser } = await signedIn()
      let i = 0
      for (const payload of payloads) {
        for (const query of [payload.toWellFormed(), encode(payload), encode(encode(payload))]) {
          await expectAtHome(browser, query, (i += 1))
        }
      }
    },
  )

  it(
    'never leads away, whatever it is put together from, and never fails',
    { timeout: 60_000 },
    async () => {
      const { browser } = await signedIn()
      const piece = fc.constantFrom(
        ...'/ // \\ : @ . .. ? # ; & = % + %2f %5c %09 %0d%0a %00 %2e%2e %40 https: javascript:'.split(
          ' ',
        ),
        ...'login.example app.example evil.example https://app.example auth [::1] 。 ／'.split(' '),
      )
      let i = 0
      await fc.assert(
        fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) =>
          expectAtHome(browser, pieces.join(''), (i += 1)),
        ),
        { numRuns: 400 },
      )
    },
  )
})

describe('return_to of a sign-in that goes through the provider', () => {
  it.each([
    [
      '/a/b?x=1&y=//evil.example#//evil.example',
      'https://login.example/a/b?x=1&y=//evil.example#//evil.example',
    ],
    ['/ünï', 'https://login.example/%C3%BCn%C3%AF'],
    ['/a%2Fb', 'https://login.example/a%2Fb'],
    ['https://app.example/deep?link#here', 'https://app.example/deep?link#here'],
  ])('%s is kept', async (returnTo, url) => {
    const world = await createWorld()
    expect((await signIn(world.newBrowser(), world.otrotl, { returnTo })).url.href).toBe(url)
  })

  it.each([
    '//evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    'https:evil.example',
    'https://login.example@evil.example/',
    'https://app.example.evil.example',
    'https://evil.example\\@login.example/',
    'javascript:alert(1)',
    'https://login.example:8443/',
    '/ok\r\nSet-Cookie: x=1',
    '/\ud800',
    '/auth/sso/login',
    'x'.repeat(5000),
  ])('%j leads to the default page', async (returnTo) => {
    const world = await createWorld()
    const page = await signIn(world.newBrowser(), world.otrotl, { returnTo })
    expect(page.url.href).toBe('https://login.example/dashboard')
  })
})
