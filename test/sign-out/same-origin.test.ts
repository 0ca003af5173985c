import { expect, it } from 'vitest'
import { isFromOwnPage } from '../../src/sign-out/same-origin.ts'

const own = 'https://login.example'

it.each([
  [own, 'same-origin', true],
  [own, null, true],
  ['null', 'same-origin', true],
  [null, 'same-origin', true],
  [own, 'cross-site', false],
  [own, 'same-site', false],
  [own, 'none', false],
  ['https://evil.example', 'same-origin', false],
  ['https://evil.example', null, false],
  ['https://login.example.evil.example', null, false],
  ['http://login.example', null, false],
  [`${own}:8443`, null, false],
  ['null', 'cross-site', false],
  ['null', 'none', false],
  ['null', null, false],
  [null, 'none', false],
  [null, null, false],
])('with Origin %s and Sec-Fetch-Site %s a page of our own has sent it: %s', (origin, site, is) => {
  const headers = new Headers()
  if (origin !== null) headers.set('origin', origin)
  if (site !== null) headers.set('sec-fetch-site', site)
  expect(isFromOwnPage(headers, own)).toBe(is)
})
