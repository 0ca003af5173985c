import { describe, expect, it } from 'vitest'
import { createAuthenticator, deriveBytes, memoise } from '../../src/platform/secrets.ts'

const NEW = 'a-newer-secret-0123456789-0123456789'
const OLD = 'an-older-secret-0123456789-0123456789'
const message = Uint8Array.from([1, 2, 3, 4])

describe('a code of authentication', () => {
  const authenticator = createAuthenticator([NEW, OLD], 'test')

  it('is made under the current secret, and good under an older one', async () => {
    const code = await authenticator.sign(message)
    expect(code.length).toBe(32)
    expect(await createAuthenticator([NEW], 'test').verify(message, code)).toBe(true)
    const older = await createAuthenticator([OLD], 'test').sign(message)
    expect(older).not.toEqual(code)
    expect(await authenticator.verify(message, older)).toBe(true)
  })

  it('is good for its message and its purpose alone', async () => {
    const code = await authenticator.sign(message)
    expect(await authenticator.verify(message.slice(1), code)).toBe(false)
    expect(await createAuthenticator([NEW, OLD], 'other').verify(message, code)).toBe(false)
  })

  it.each([
    { length: 32, isGood: true },
    { length: 16, isGood: true },
    { length: 15, isGood: false },
    { length: 0, isGood: false },
  ])('that was cut to $length bytes is good: $isGood', async ({ length, isGood }) => {
    const code = await authenticator.sign(message)
    expect(await authenticator.verify(message, code.slice(0, length))).toBe(isGood)
  })

  it('with anything behind it is not good', async () => {
    const longer = new Uint8Array([...(await authenticator.sign(message)), 0])
    expect(await authenticator.verify(message, longer)).toBe(false)
  })
})

describe('what is derived from a secret', () => {
  it('is 32 bytes, the same each time, and others for another purpose or secret', async () => {
    const bytes = await deriveBytes(NEW, 'test')
    expect(bytes.length).toBe(32)
    expect(await deriveBytes(NEW, 'test')).toEqual(bytes)
    expect(await deriveBytes(NEW, 'other')).not.toEqual(bytes)
    expect(await deriveBytes(OLD, 'test')).not.toEqual(bytes)
  })
})

describe('what is made once', () => {
  it('is made again after a failure, and then no more', async () => {
    let tries = 0
    const made = memoise(async () => {
      tries += 1
      if (tries === 1) throw new Error('failed')
      return tries
    })
    await expect(made()).rejects.toThrow('failed')
    expect([await made(), await made()]).toEqual([2, 2])
  })
})
