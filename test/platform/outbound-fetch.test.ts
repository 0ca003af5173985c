import fc from 'fast-check'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createOutboundFetch, parseOutboundUrl } from '../../src/platform/outbound-fetch.ts'
import type { OutboundRequest } from '../../src/platform/outbound-fetch.ts'
import { createInternet } from '../world/internet.ts'
import type { Internet } from '../world/internet.ts'
import { misanswers } from '../world/misanswers.ts'
import type { Misanswer } from '../world/misanswers.ts'

const OWN = 'https://login.example'
const STRICT = { allowInsecureHttp: false }
const DEVELOPMENT = { allowInsecureHttp: true }
const QUICK = { timeoutMilliseconds: 300, bodyBytes: 512 * 1024 }

const outboundFetch = createOutboundFetch({ ownOrigin: OWN }, QUICK)

const codeOf = (result: { ok: boolean; refusal?: { code: string } }) =>
  result.ok ? 'ok' : result.refusal?.code

const judge = (url: string, rules = STRICT, own = OWN) => codeOf(parseOutboundUrl(url, own, rules))

let internet: Internet
beforeEach(() => {
  internet = createInternet()
})

describe('the URL of an outgoing request', () => {
  it.each(['https://otrotl.example/', 'https://otrotl.example:8443/a?b=c', 'https://8.8.8.8/'])(
    '%s is allowed',
    (url) => expect(judge(url)).toBe('ok'),
  )

  it.each([
    'http://otrotl.example/',
    'ftp://otrotl.example/',
    'file:///etc/passwd',
    'data:application/json,{}',
    'javascript:0',
    'blob:https://otrotl.example/0',
    'https://user@otrotl.example/',
    'https://user:secret@otrotl.example/',
    'https://otrotl.example/#',
    'https://otrotl.example/#x',
    'not a url',
    '',
    '//otrotl.example/',
    'https://',
  ])('%s is refused for its form', (url) => expect(judge(url)).toBe('url_not_allowed'))

  it.each([
    'https://127.0.0.1/',
    'https://127.1/',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://0177.0.0.1/',
    'https://0x7f000001/',
    'https://１２７.0.0.1/',
    'https://127.0.0.1./',
    'https://[::1]/',
    'https://[::]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://[0:0:0:0:0:ffff:a9fe:a9fe]/',
    'https://[::127.0.0.1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[2002:7f00:1::]/',
    'https://[2001:0:7f00:1::]/',
    'https://[2001:db8::1]/',
    'https://[fc00::1]/',
    'https://[fd12:3456::1]/',
    'https://[fe80::1]/',
    'https://[ff02::1]/',
    'https://10.0.0.1/',
    'https://172.16.0.1/',
    'https://172.31.255.255/',
    'https://192.168.1.1/',
    'https://169.254.169.254/latest/meta-data/',
    'https://100.64.0.1/',
    'https://0.0.0.0/',
    'https://0/',
    'https://224.0.0.1/',
    'https://255.255.255.255/',
    'https://localhost/',
    'https://LOCALHOST/',
    'https://localhost./',
    'https://x.localhost/',
    'https://x.internal/',
    'https://metadata.google.internal/',
    'https://printer.local/',
    'https://intranet/',
    'https://otrotl.example./',
  ])('%s is refused, being no public host', (url) => expect(judge(url)).toBe('url_not_allowed'))

  it('no spelling of a private IPv4 address is allowed', () => {
    const privateAddress = fc.oneof(
      ...[
        [10, 8],
        [127, 8],
        [172 * 256 + 16, 12],
        [192 * 256 + 168, 16],
        [169 * 256 + 254, 16],
      ].map(([prefix, bits]) =>
        fc
          .integer({ min: 0, max: 2 ** (32 - bits!) - 1 })
          .map((rest) => prefix! * 2 ** (bits! > 8 ? 16 : 24) + rest),
      ),
    )
    const spelling = fc.constantFrom<(value: number) => string>(
      (value) => String(value),
      (value) => `0x${value.toString(16)}`,
      (value) => `0${value.toString(8)}`,
      (value) => [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.'),
      (value) => `${Math.floor(value / 2 ** 24)}.${value % 2 ** 24}`,
      (value) =>
        `[::ffff:${Math.floor(value / 65536).toString(16)}:${(value % 65536).toString(16)}]`,
    )
    fc.assert(
      fc.property(privateAddress, spelling, (value, spell) => {
        expect(judge(`https://${spell(value)}/`)).toBe('url_not_allowed')
      }),
    )
  })

  it('only global unicast IPv6 addresses are allowed', () => {
    const group = fc.integer({ min: 0, max: 0xffff })
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const verdict = judge(`https://[${groups.map((each) => each.toString(16)).join(':')}]/`)
        if (verdict === 'ok') expect(groups[0]! >> 13).toBe(0b001)
        if (groups[0]! >> 13 !== 0b001) expect(verdict).toBe('url_not_allowed')
      }),
    )
  })

  it('whatever is allowed is an https URL of another host, without user info and fragment', () => {
    const piece = fc.constantFrom(
      'https:',
      'http:',
      '//',
      '/',
      '@',
      ':',
      '#',
      '?',
      '\\',
      '.',
      'login.example',
      'otrotl.example',
      '127.0.0.1',
      'localhost',
      '%2e',
      '443',
      '[::1]',
      'x',
      ' ',
      '\t',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const parsed = parseOutboundUrl(pieces.join(''), OWN, STRICT)
        if (!parsed.ok) return
        expect(parsed.value.protocol).toBe('https:')
        expect(parsed.value.username + parsed.value.password + parsed.value.hash).toBe('')
        expect(['login.example', '127.0.0.1', '[::1]', 'localhost']).not.toContain(
          parsed.value.hostname,
        )
      }),
      { numRuns: 1000 },
    )
  })

  it.each([
    'https://login.example/',
    'https://LOGIN.example:8443/x',
    'https://login.example.:443/',
  ])('%s is refused, being our own host', (url) => expect(judge(url)).toBe('url_not_allowed'))

  it('http and loopback hosts are allowed when that is spelled out, other private hosts are not', () => {
    const own = 'http://localhost:8787'
    expect(judge('http://127.0.0.1:9080/', DEVELOPMENT, own)).toBe('ok')
    expect(judge('http://localhost:9080/', DEVELOPMENT, own)).toBe('ok')
    expect(judge('http://[::1]:9080/', DEVELOPMENT, own)).toBe('ok')
    expect(judge('http://otrotl.example/', DEVELOPMENT, own)).toBe('url_not_allowed')
    expect(judge('http://10.0.0.1/', DEVELOPMENT, own)).toBe('url_not_allowed')
    expect(judge('https://10.0.0.1/', DEVELOPMENT, own)).toBe('url_not_allowed')
    expect(judge('http://127.0.0.1:8787/', DEVELOPMENT, own)).toBe('url_not_allowed')
  })

  it('a refused URL is never requested', async () => {
    expect(codeOf(await outboundFetch('https://169.254.169.254/', {}, STRICT))).toBe(
      'url_not_allowed',
    )
    expect(internet.requests).toEqual([])
  })
})

describe('an outgoing request', () => {
  it('gives status, headers and bytes', async () => {
    internet.serve(
      'https://otrotl.example',
      () => new Response('héllo', { status: 404, headers: { 'x-a': 'b' } }),
    )
    const answer = await outboundFetch('https://otrotl.example/x', {}, STRICT)
    expect(answer.ok && answer.value.status).toBe(404)
    expect(answer.ok && answer.value.headers.get('x-a')).toBe('b')
    expect(answer.ok && new TextDecoder().decode(answer.value.bytes)).toBe('héllo')
  })

  it('sends the headers it is given, and no cookie', async () => {
    internet.serve('https://otrotl.example', () => new Response(''))
    const request: OutboundRequest = {
      method: 'POST',
      headers: { accept: 'application/json', Cookie: 'a=b' },
      body: new URLSearchParams({ a: '1' }),
    }
    await outboundFetch('https://otrotl.example/x', request, STRICT)
    const [sent] = internet.requests
    expect(sent).toMatchObject({ method: 'POST', body: 'a=1' })
    expect(sent?.headers).toHaveProperty('accept', 'application/json')
    expect(sent?.headers).not.toHaveProperty('cookie')
  })

  it.each<[Misanswer, string]>([
    ['redirect', 'redirected'],
    ['permanentRedirect', 'redirected'],
    ['huge', 'too_large'],
    ['endless', 'too_large'],
    ['silent', 'timeout'],
    ['dripping', 'timeout'],
    ['unreachable', 'unreachable'],
  ])('an answer that is %s is refused as %s', async (misanswer, code) => {
    internet.serve('https://otrotl.example', misanswers[misanswer])
    internet.serve('https://elsewhere.example', () => new Response('here'))
    expect(codeOf(await outboundFetch('https://otrotl.example/x', {}, STRICT))).toBe(code)
    expect(internet.requests).toHaveLength(1)
  })

  it('reads no further once its time is over', async () => {
    let isCancelled = false
    const drops = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await scheduler.wait(20)
        controller.enqueue(new Uint8Array(1))
      },
      cancel: () => void (isCancelled = true),
    })
    internet.serve('https://otrotl.example', () => new Response(drops))
    expect(codeOf(await outboundFetch('https://otrotl.example/x', {}, STRICT))).toBe('timeout')
    await vi.waitFor(() => expect(isCancelled).toBe(true))
  })

  it('reads nothing of an answer that says itself that it is too large', async () => {
    let isRead = false
    const body = new ReadableStream<Uint8Array>(
      { pull: () => void (isRead = true) },
      { highWaterMark: 0 },
    )
    const headers = { 'content-length': String(QUICK.bodyBytes + 1) }
    internet.serve('https://otrotl.example', () => new Response(body, { headers }))
    expect(codeOf(await outboundFetch('https://otrotl.example/x', {}, STRICT))).toBe('too_large')
    expect(isRead).toBe(false)
  })

  it('takes no answer that a cache has kept: a key that is taken back must not come again', async () => {
    internet.serve('https://otrotl.example', () => new Response(''))
    await outboundFetch('https://otrotl.example/keys', {}, STRICT)
    expect(vi.mocked(fetch).mock.lastCall?.[1]).toMatchObject({ cache: 'no-store' })
  })

  it('to a host that does not exist is refused as unreachable', async () => {
    const answer = await outboundFetch('https://nowhere.example/?secret=1', {}, STRICT)
    expect(codeOf(answer)).toBe('unreachable')
    expect(JSON.stringify(answer)).not.toContain('secret')
  })

  it('takes exactly as many bytes as the limit and not one more', async () => {
    const small = createOutboundFetch({ ownOrigin: OWN }, { ...QUICK, bodyBytes: 10 })
    for (const [length, code] of [
      [10, 'ok'],
      [11, 'too_large'],
    ] as const) {
      internet.serve(
        'https://otrotl.example',
        () => new Response(new Blob(['x'.repeat(length)]).stream()),
      )
      expect(codeOf(await small('https://otrotl.example/', {}, STRICT))).toBe(code)
    }
  })
})
