/**
 * Passwords, kept so that whoever reads the store has to pay for each guess: scrypt (RFC 7914) with a salt of
 * its own each, and its parameters beside it, so that they can be raised later. What goes into scrypt is the
 * password's SHA-512: the HMAC in it pads a short key with zeros and hashes a long one, so that `a` and `a\0`
 * would be one password.
 */
import { base64url } from 'jose'
import { randomBytes } from './random.ts'

interface Parameters {
  readonly N: number
  readonly r: number
  readonly p: number
}

/** 32 MiB and about 0.3 s of CPU a try: a choice that OWASP's Password Storage Cheat Sheet recommends. */
const PARAMETERS: Parameters = { N: 2 ** 15, r: 8, p: 3 }

const HASH =
  /^scrypt-sha512\$(\d{1,8})\$(\d{1,2})\$(\d{1,2})\$([A-Za-z0-9_-]{22})\$([A-Za-z0-9_-]{43})$/

/** C8: counted before any work is done. */
const LONGEST_PASSWORD_BYTES = 1024

/**
 * The bytes that stand for a password: UTF-8 of its NFC form (as RFC 8265 §4.2.2 has it), so that one keyboard
 * and another give the same. Undefined for an empty one, one of more than 1024 bytes, and text that is not
 * Unicode. No other character is changed, and none is left out.
 */
export function passwordBytes(password: string): Uint8Array<ArrayBuffer> | undefined {
  const utf8 = new TextEncoder()
  const isUsable =
    password !== '' &&
    password.isWellFormed() &&
    utf8.encode(password).length <= LONGEST_PASSWORD_BYTES
  if (!isUsable) return undefined
  return new Uint8Array(utf8.encode(password.normalize('NFC')))
}

/** What is kept of a password: `scrypt-sha512$N$r$p$salt$hash`. */
export async function hashPassword(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const salt = randomBytes(16)
  const hash = await derive(bytes, salt, PARAMETERS)
  const { N, r, p } = PARAMETERS
  return ['scrypt-sha512', N, r, p, base64url.encode(salt), base64url.encode(hash)].join('$')
}

/**
 * Whether this is the password that was kept. Without one, the same work is done for nothing, so that the time
 * does not tell whether there is one.
 */
export async function isPassword(
  bytes: Uint8Array<ArrayBuffer>,
  kept: string | undefined,
): Promise<boolean> {
  const [, N, r, p, salt = '', hash = ''] = HASH.exec(kept ?? '') ?? []
  if (N === undefined) {
    await derive(bytes, randomBytes(16), PARAMETERS)
    return false
  }
  const parameters = { N: Number(N), r: Number(r), p: Number(p) }
  const derived = await derive(bytes, base64url.decode(salt), parameters)
  return crypto.subtle.timingSafeEqual(derived, base64url.decode(hash))
}

async function derive(
  bytes: Uint8Array<ArrayBuffer>,
  salt: Uint8Array,
  { N, r, p }: Parameters,
): Promise<Uint8Array> {
  // When it is first needed: the module costs every start several milliseconds, and few gateways have passwords.
  const { scrypt } = process.getBuiltinModule('node:crypto')
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-512', bytes))
  return new Promise((resolve, reject) => {
    scrypt(digest, salt, 32, { N, r, p, maxmem: 256 * N * r }, (error, derived) =>
      error === null ? resolve(new Uint8Array(derived)) : reject(error),
    )
  })
}
