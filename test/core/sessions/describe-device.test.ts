import fc from 'fast-check'
import { expect, it } from 'vitest'
import { describeDevice } from '../../../src/core/sessions/describe-device.ts'

it.each([
  [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0',
    'Firefox on Windows',
  ],
  [
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15',
    'Safari on macOS',
  ],
  [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1',
    'Chrome on iPhone',
  ],
  [
    'Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0 Mobile Safari/537.36',
    'Samsung Internet on Android',
  ],
  [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0',
    'Edge on Windows',
  ],
  [
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 OPR/120.0',
    'Opera on Linux',
  ],
  ['curl/8.9.0', 'A browser on an unknown device'],
  [undefined, 'A browser on an unknown device'],
])('names the device of %s', (userAgent, label) => {
  expect(describeDevice(userAgent)).toBe(label)
})

it('shows nothing of the header itself', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(describeDevice(`${text}<script>Firefox/1 ${text}`)).toMatch(
        /^[A-Z][A-Za-z ]+ on [A-Za-z ]+$/,
      )
    }),
  )
})
