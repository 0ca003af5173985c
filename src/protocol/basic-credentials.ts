/** What a client says of itself in a Basic header. */
export interface BasicCredentials {
  readonly id: string
  readonly secret: string
}

const LONGEST_CREDENTIALS = 4096

/**
 * Client credentials in an `Authorization` header (RFC 6749 §2.3.1): id and secret each form-encoded, joined
 * by a colon, and the whole in base64 (RFC 7617 §2). `absent` where the header is not of the scheme Basic;
 * undefined where it is, and cannot be read.
 */
export function parseBasicCredentials(
  header: string | undefined,
): BasicCredentials | 'absent' | undefined {
  const [, scheme = '', rest = ''] = /^([^\s,]+)(?:[ \t]+(.*))?$/s.exec(header?.trim() ?? '') ?? []
  if (scheme.toLowerCase() !== 'basic') return 'absent'
  if (rest.length > LONGEST_CREDENTIALS) return undefined
  const text = decodeBase64(rest)
  const colon = text?.indexOf(':') ?? -1
  if (text === undefined || colon < 0) return undefined
  const id = decodeFormText(text.slice(0, colon))
  const secret = decodeFormText(text.slice(colon + 1))
  return id === undefined || secret === undefined ? undefined : { id, secret }
}

/** Base64 with its padding or without; not its URL-safe alphabet, and nothing around it. */
function decodeBase64(text: string): string | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined
  try {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** `application/x-www-form-urlencoded` (RFC 6749 appendix B). */
function decodeFormText(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}
