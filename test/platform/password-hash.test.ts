import { createHash, scrypt } from 'node:crypto'
import { base64url } from 'jose'
import { describe, expect, it, vi } from 'vitest'
import { hashPassword, isPassword, passwordBytes } from '../../src/platform/password-hash.ts'

const bytes = (text: string) => passwordBytes(text)!

describe('a password (O19)', () => {
  it.each([
    ['of 0 bytes', false, ''],
    ['of 1 byte', true, 'x'],
    ['of 72 bytes', true, 'x'.repeat(72)],
    ['of 73 bytes', true, 'x'.repeat(73)],
    ['of 1024 bytes', true, 'x'.repeat(1024)],
    ['of 1025 bytes', false, 'x'.repeat(1025)],
    ['of 1024 bytes in 512 characters', true, 'ü'.repeat(512)],
    ['of 1026 bytes in 513 characters', false, 'ü'.repeat(513)],
    ['with NUL in it', true, 'a\0b'],
    ['that is half a surrogate pair', false, '\ud800'],
  ])('%s is taken: %s', (_, isTaken, text) => {
    expect(passwordBytes(text) !== undefined).toBe(isTaken)
  })

  it('is compared in its NFC form, and no further', () => {
    expect(bytes('caf\u0065\u0301')).toEqual(bytes('caf\u00e9'))
    expect(bytes('\ufb01')).not.toEqual(bytes('fi'))
    expect(bytes('Password')).not.toEqual(bytes('password'))
    expect(bytes('password ')).not.toEqual(bytes('password'))
  })

  it('is kept as scrypt with a salt of its own, as others compute it', async () => {
    const [one, two] = [
      await hashPassword(bytes('correct horse')),
      await hashPassword(bytes('correct horse')),
    ]
    expect(one).not.toBe(two)
    const [name, N, r, p, salt, hash] = one.split('$')
    expect([name, N, r, p]).toEqual(['scrypt-sha512', '32768', '8', '3'])
    const digest = createHash('sha512').update('correct horse').digest()
    const expected = await new Promise((resolve) =>
      scrypt(
        digest,
        base64url.decode(salt!),
        32,
        { N: 32768, r: 8, p: 3, maxmem: 2 ** 27 },
        (_, derived) => resolve(base64url.encode(derived)),
      ),
    )
    expect(hash).toBe(expected)
  })

  it.each([
    ['x'.repeat(72), 'x'.repeat(73)],
    ['a\0b', 'a\0c'],
    ['a', 'a\0'],
    ['x'.repeat(64), `${'x'.repeat(64)}\0`],
  ])('is compared whole: %j is not %j', async (one, other) => {
    const kept = await hashPassword(bytes(one))
    expect(await isPassword(bytes(one), kept)).toBe(true)
    expect(await isPassword(bytes(other), kept)).toBe(false)
  })

  it('is checked with the parameters that it was kept with', async () => {
    const salt = 'AAAAAAAAAAAAAAAAAAAAAA'
    const hash = await new Promise((resolve) =>
      scrypt(
        createHash('sha512').update('password').digest(),
        base64url.decode(salt),
        32,
        { N: 1024, r: 8, p: 1, maxmem: 2 ** 25 },
        (_, key) => resolve(base64url.encode(key)),
      ),
    )
    expect(
      await isPassword(bytes('password'), `scrypt-sha512$1024$8$1$${salt}$${hash as string}`),
    ).toBe(true)
  })

  it.each([undefined, '', 'x', 'scrypt-sha512$0$8$1$$', 'plain$password'])(
    'that is kept as %j is nobody’s',
    async (kept) => {
      expect(await isPassword(bytes(kept === undefined || kept === '' ? 'x' : kept), kept)).toBe(
        false,
      )
    },
  )

  it('never tells by a comparison that stops early', async () => {
    const compare = vi.spyOn(crypto.subtle, 'timingSafeEqual')
    const kept = await hashPassword(bytes('correct horse'))
    await isPassword(bytes('wrong'), kept)
    expect(compare).toHaveBeenCalledTimes(1)
  })
})
