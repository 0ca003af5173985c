import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clientKeyOf } from '../../src/platform/client-key.ts'

const keyOf = (address: string) => clientKeyOf(new Headers({ 'cf-connecting-ip': address }))

const group = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16))
const groups = (length: number) => fc.array(group, { minLength: length, maxLength: length })

describe('an IPv4 address', () => {
  it('is counted whole', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect(keyOf(address)).toBe(address)
      }),
    )
  })

  it('is the same written inside IPv6', () => {
    for (const address of ['::ffff:192.0.2.7', '::FFFF:c000:0207', '0:0:0:0:0:ffff:192.0.2.7']) {
      expect(keyOf(address)).toBe('192.0.2.7')
    }
  })
})

describe('an IPv6 address', () => {
  it('is counted by its /64, whatever the last 64 bits are', () => {
    fc.assert(
      fc.property(groups(4), groups(4), groups(4), (network, one, other) => {
        fc.pre(network.some((value) => value !== '0'))
        const key = keyOf([...network, ...one].join(':'))
        expect(key).toBe(`${network.join(':')}::/64`)
        expect(keyOf([...network, ...other].join(':'))).toBe(key)
      }),
    )
  })

  it('is counted apart from another /64', () => {
    fc.assert(
      fc.property(groups(4), groups(4), groups(4), (network, other, host) => {
        fc.pre(network.join(':') !== other.join(':'))
        fc.pre([network, other].every((start) => start.some((value) => value !== '0')))
        expect(keyOf([...network, ...host].join(':'))).not.toBe(
          keyOf([...other, ...host].join(':')),
        )
      }),
    )
  })

  it('is the same in every spelling', () => {
    const spellings = [
      '2001:db8::1',
      '2001:DB8::1',
      '2001:0db8:0000:0000:0000:0000:0000:0001',
      '2001:db8:0:0::1',
      '2001:db8::0.0.0.1',
      '[2001:db8::1]',
    ]
    expect(new Set(spellings.map(keyOf))).toEqual(new Set(['2001:db8:0:0::/64']))
    expect(keyOf('::1')).toBe('0:0:0:0::/64')
    expect(keyOf('fe80::')).toBe('fe80:0:0:0::/64')
  })
})

describe('anything else', () => {
  it.each([
    '',
    'unknown',
    '192.0.2',
    '192.0.2.256',
    '192.0.2.01',
    '0xc0.0.2.7',
    '3221225991',
    '192.0.2.7, 198.51.100.1',
    '192.0.2.7:80',
    '2001:db8::1%eth0',
    '2001:db8:::1',
    '2001:db8::1::2',
    '1:2:3:4:5:6:7:8:9',
    '2001:db8::/64',
    'x]:y[',
    '2001:db8::g',
    ':'.repeat(5000),
  ])('%j is counted as unknown', (address) => expect(keyOf(address)).toBe('unknown'))

  it('never throws', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-f:.[\]%/ ]{0,50}$/), (text) => {
        expect(keyOf(text)).toMatch(/^(unknown|[0-9.]+|[0-9a-f:]+::\/64)$/)
      }),
    )
  })

  it('no header that a client may write is read', () => {
    const headers = new Headers({
      'x-forwarded-for': '192.0.2.7',
      forwarded: 'for=192.0.2.7',
      'true-client-ip': '192.0.2.7',
      'x-real-ip': '192.0.2.7',
      'cf-connecting-ipv6': '2001:db8::1',
      cf_connecting_ip: '192.0.2.7',
    })
    expect(clientKeyOf(headers)).toBe('unknown')
  })
})
