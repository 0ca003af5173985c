/**
 * Handles: opaque references to something in a user's Durable Object, as they stand in cookies, codes and
 * tokens. A handle says which object and which row, carries a secret, and is authenticated as a whole:
 *
 *   <kind>_<base64url((user id 16 | reference 16) xor mask 32 | secret 32 | HMAC-SHA-256 32)>
 *
 * So a forged or foreign handle is refused without touching any object, and no index is needed to find
 * the object of a good one. The mask is an HMAC of the handle's own secret: nobody but us can see that two
 * handles are of one user, or of one session. 96 bytes are exactly 128 base64url characters: no character
 * has spare bits, and a handle has exactly one spelling.
 */
import { base64url } from 'jose'
import { sha256Base64url } from '../../platform/digest.ts'
import { fromHex, randomBytes, toHex } from '../../platform/random.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { createAuthenticator } from '../../platform/secrets.ts'
import type { Authenticator, RotatingSecret } from '../../platform/secrets.ts'
import type { UserId } from './session.ts'

/** Session cookie, authorization code, refresh token, device code, hand-off ticket, connection. */
export type HandleKind = 's' | 'c' | 'r' | 'd' | 't' | 'n'

/** What a handle points at. */
export interface HandleTarget {
  readonly userId: UserId
  /** The row in the user's object, e.g. a session's id: 32 lower-case hexadecimal digits. */
  readonly reference: string
}

export interface ParsedHandle extends HandleTarget {
  /** SHA-256 of the secret, 43 base64url characters: what the row must hold. */
  readonly secretHash: string
}

const ID_LENGTH = 16
const SECRET_LENGTH = 32
const MAC_LENGTH = 32
const SECRET_START = 2 * ID_LENGTH
const MAC_START = SECRET_START + SECRET_LENGTH
const TEXT = /^[a-z]_[A-Za-z0-9_-]{128}$/

/** How handles are made, and recognised as ours. */
export interface HandleAuthenticator {
  /** One for each value of the key: handles are made under the first, and accepted under any. */
  readonly keys: readonly [HandleKeys, ...HandleKeys[]]
}

interface HandleKeys {
  readonly codes: Authenticator
  readonly masks: Authenticator
}

export function createHandleAuthenticator(handleKey: RotatingSecret): HandleAuthenticator {
  const keysOf = (value: string): HandleKeys => ({
    codes: createAuthenticator([value], 'handle-code'),
    masks: createAuthenticator([value], 'handle-mask'),
  })
  const [current, ...older] = handleKey
  return { keys: [keysOf(current), ...older.map(keysOf)] }
}

/** A new handle with a secret of 256 bits. `handle` is the only copy of the secret; the row keeps `secretHash`. */
export async function mintHandle(
  { keys: [current] }: HandleAuthenticator,
  kind: HandleKind,
  { userId, reference }: HandleTarget,
): Promise<{ readonly handle: string; readonly secretHash: string }> {
  const body = new Uint8Array(MAC_START + MAC_LENGTH)
  body.set(idBytes(userId), 0)
  body.set(idBytes(reference), ID_LENGTH)
  body.set(randomBytes(SECRET_LENGTH), SECRET_START)
  await turnMask(current, kind, body)
  body.set(await current.codes.sign(authenticatedBytes(kind, body)), MAC_START)
  return {
    handle: `${kind}_${base64url.encode(body)}`,
    secretHash: await sha256Base64url(body.slice(SECRET_START, MAC_START)),
  }
}

/**
 * What a handle of this kind points at. Refuses whatever was not minted by us as this kind: `malformed`
 * is not the shape of one, `forged` does not carry our authentication code.
 */
export async function parseHandle(
  { keys }: HandleAuthenticator,
  kind: HandleKind,
  text: string,
): Promise<Result<ParsedHandle, 'malformed' | 'forged'>> {
  if (!TEXT.test(text) || !text.startsWith(`${kind}_`)) return refuse('malformed')
  const body = new Uint8Array(base64url.decode(text.slice(kind.length + 1)))
  for (const key of keys) {
    if (!(await key.codes.verify(authenticatedBytes(kind, body), body.slice(MAC_START)))) continue
    await turnMask(key, kind, body)
    return ok({
      userId: toHex(body.slice(0, ID_LENGTH)) as UserId,
      reference: toHex(body.slice(ID_LENGTH, SECRET_START)),
      secretHash: await sha256Base64url(body.slice(SECRET_START, MAC_START)),
    })
  }
  return refuse('forged')
}

/** Puts the mask over user and reference, or takes it off again. */
async function turnMask({ masks }: HandleKeys, kind: HandleKind, body: Uint8Array): Promise<void> {
  const secret = new Uint8Array(1 + SECRET_LENGTH)
  secret[0] = kind.charCodeAt(0)
  secret.set(body.subarray(SECRET_START, MAC_START), 1)
  const mask = await masks.sign(secret)
  for (const [at, byte] of mask.entries()) body[at]! ^= byte
}

/** Unambiguous because the kind is one letter and everything after it has a fixed length. */
function authenticatedBytes(kind: HandleKind, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(1 + MAC_START)
  message[0] = kind.charCodeAt(0)
  message.set(body.subarray(0, MAC_START), 1)
  return message
}

function idBytes(id: string): Uint8Array {
  const bytes = fromHex(id)
  if (bytes?.length !== ID_LENGTH) throw new TypeError('an id is 32 lower-case hexadecimal digits')
  return bytes
}
