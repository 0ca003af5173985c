import { base64url, CompactEncrypt, compactDecrypt } from 'jose'
import { describe, expect, it } from 'vitest'
import { createSeal } from '../../src/platform/seal.ts'
import { deriveBytes } from '../../src/platform/secrets.ts'

const secret = 'a-secret-of-the-tests-0123456789-0123456789'
const older = 'an-older-one-of-them-0123456789-0123456789'
const value = { text: 'Ünïcode', list: [1, null, true] }
const ours = createSeal([secret], 'test')
const seal = (said: unknown) => ours.seal(said)
const unseal = (sealed: string) => ours.unseal(sealed)

/** A JWE that somebody else makes, under our key unless said. */
const encrypted = async (header: object, plaintext: Uint8Array, under = secret) =>
  new CompactEncrypt(plaintext)
    .setProtectedHeader(header as { alg: string; enc: string })
    .encrypt(await deriveBytes(under, 'seal/test'))

const bytesOf = (said: unknown) => new TextEncoder().encode(JSON.stringify(said))

describe('RFC 7516, a sealed value', () => {
  it('is a compact JWE that any other implementation opens', async () => {
    const key = await deriveBytes(secret, 'seal/test')
    const { plaintext, protectedHeader } = await compactDecrypt(await seal(value), key)
    expect(JSON.parse(new TextDecoder().decode(plaintext))).toEqual(value)
    expect(protectedHeader).toEqual({ alg: 'dir', enc: 'A256GCM' })
  })

  it('may have been made by any other', async () => {
    for (const said of [value, '', 'x', 'ab', 'abc', {}, null, 'y'.repeat(5000)]) {
      const made = await encrypted({ alg: 'dir', enc: 'A256GCM' }, bytesOf(said))
      expect(await unseal(made)).toEqual(said)
      expect(await unseal(await seal(said))).toEqual(said)
    }
  })

  it('never repeats a vector', async () => {
    const made = await Promise.all(Array.from({ length: 200 }, () => seal(value)))
    expect(new Set(made.map((sealed) => sealed.split('.')[2])).size).toBe(200)
  })
})

describe('what is not opened', () => {
  it('is anything in which one character is another', async () => {
    const sealed = await seal(value)
    for (const [at, character] of sealed.split('').entries()) {
      // The last character of a part may have bits that say nothing.
      if ('.'.includes(sealed[at + 1] ?? '.')) continue
      const other = character === 'A' ? 'B' : 'A'
      const changed = `${sealed.slice(0, at)}${other}${sealed.slice(at + 1)}`
      expect(await unseal(changed), `${at}`).toBeUndefined()
    }
  })

  it('is what was made for another purpose, or under another secret', async () => {
    const sealed = await seal(value)
    expect(await createSeal([secret], 'other').unseal(sealed)).toBeUndefined()
    expect(await createSeal([older], 'test').unseal(sealed)).toBeUndefined()
    expect(await createSeal([older, secret], 'test').unseal(sealed)).toEqual(value)
  })

  it('is what another algorithm made', async () => {
    const wrapped = await encrypted({ alg: 'A256KW', enc: 'A256GCM' }, bytesOf(value))
    expect(await unseal(wrapped)).toBeUndefined()
  })

  it.each([
    ['nothing', () => ''],
    ['four parts', (sealed: string) => sealed.slice(0, sealed.lastIndexOf('.'))],
    ['six parts', (sealed: string) => `${sealed}.`],
    ['an encrypted key', (sealed: string) => sealed.replace('..', '.AAAA.')],
    [
      'a part in another alphabet',
      (sealed: string) => sealed.replace(/\.[^.]+$/, `.${'+'.repeat(22)}`),
    ],
    ['a blank behind', (sealed: string) => `${sealed} `],
    ['a line behind', (sealed: string) => `${sealed}\n`],
    ['padding', (sealed: string) => `${sealed}==`],
  ])('is %s', async (_, change) => {
    expect(await unseal(change(await seal(value)))).toBeUndefined()
  })

  it('is a tag that is shorter, or whose bytes stand elsewhere', async () => {
    const [header, , iv, ciphertext = '', tag = ''] = (await seal(value)).split('.')
    const [body, mark] = [base64url.decode(ciphertext), base64url.decode(tag)]
    const write = (...parts: readonly Uint8Array[]) =>
      `${header}..${iv}.${parts.map((part) => base64url.encode(part)).join('.')}`
    const moved = new Uint8Array([...body, ...mark.slice(0, 4)])
    for (const made of [
      write(body, mark.slice(0, 4)),
      write(body, mark.slice(0, 12)),
      write(moved, mark.slice(4)),
      write(body.slice(0, -4), new Uint8Array([...body.slice(-4), ...mark])),
      write(new Uint8Array(0), mark),
      `${header}..${iv}.${ciphertext}A.${tag}`,
      `${header}..${iv}.A.${tag}`,
    ]) {
      expect(await unseal(made)).toBeUndefined()
    }
  })
})
