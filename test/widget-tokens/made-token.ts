import { base64url } from 'jose'

const utf8 = new TextEncoder()

const part = (value: unknown) =>
  base64url.encode(typeof value === 'string' ? value : JSON.stringify(value))

/** HMAC over a token's first two parts, as any library does it. Nothing of it is from the gateway. */
export async function signAs(
  input: string,
  secret: string | Uint8Array<ArrayBuffer>,
  hash = 'SHA-256',
): Promise<string> {
  const bytes = typeof secret === 'string' ? utf8.encode(secret) : secret
  const key = await crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash }, false, ['sign'])
  return base64url.encode(new Uint8Array(await crypto.subtle.sign('HMAC', key, utf8.encode(input))))
}

/** A widget token as somebody else's server makes it; `header` and `claims` may be any text, too. */
export async function makeToken(
  secret: string | Uint8Array<ArrayBuffer>,
  claims: unknown,
  header: unknown = { typ: 'JWT', alg: 'HS256' },
): Promise<string> {
  const input = `${part(header)}.${part(claims)}`
  return `${input}.${await signAs(input, secret)}`
}
