import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hostKind } from '../../src/platform/host-kind.ts'

/** As it is asked in the code: of a URL's host, after parsing. */
const kindOf = (host: string) => hostKind(new URL(`https://${host}/`).hostname)

describe('hosts', () => {
  it.each([
    'localhost',
    'LOCALHOST',
    'localhost.',
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f.1',
    '[::1]',
  ])('%s is this machine', (host) => expect(kindOf(host)).toBe('loopback'))

  it.each([
    '127.0.0.2',
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '100.127.255.255',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.8',
    '192.168.0.1',
    '198.19.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '0xa9fea9fe',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:10.0.0.1]',
    '[::127.0.0.1]',
    '[64:ff9b::10.0.0.1]',
    '[64:ff9b:1:7f00:0:100:808:808]',
    '[3fff::1]',
    '[fc00::1]',
    '[fd12:3456::1]',
    '[fe80::1]',
    '[ff02::1]',
    '[2001:db8::1]',
    '[2002:7f00:1::]',
    '[2001::1]',
    '[2001:1ff::1]',
    '[64:ff9b::1:808:808]',
    'intranet',
    'x.internal',
    'x.internal.',
    'printer.local',
    'localhost.localdomain',
    'app.localhost',
    'router.lan',
    '1.0.0.127.in-addr.arpa',
  ])('%s is private', (host) => expect(kindOf(host)).toBe('private'))

  it.each([
    'otrotl.example',
    'localhost.example.com',
    '10.example.com',
    '8.8.8.8',
    '100.63.255.255',
    '100.128.0.1',
    '172.15.0.1',
    '172.32.0.1',
    '192.169.0.1',
    '223.255.255.255',
    '[2606:4700::1111]',
    '[::ffff:8.8.8.8]',
    '[64:ff9b::8.8.8.8]',
  ])('%s is public', (host) => expect(kindOf(host)).toBe('public'))

  it('no address in a private range is public, in whatever notation it is written', () => {
    const octet = fc.integer({ min: 0, max: 255 })
    fc.assert(
      fc.property(fc.constantFrom(0, 10, 127), octet, octet, octet, (a, b, c, d) => {
        const number = ((a * 256 + b) * 256 + c) * 256 + d
        for (const host of [`${a}.${b}.${c}.${d}`, String(number), `0x${number.toString(16)}`]) {
          expect(kindOf(host)).not.toBe('public')
        }
      }),
    )
  })
})
