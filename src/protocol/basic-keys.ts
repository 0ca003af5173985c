/** A key pair as it is presented. */
export interface BasicKeys {
  readonly publicKey: string
  readonly privateKey: string
}

const LONGEST = 1024

/**
 * A key pair in an `Authorization` header of the scheme Basic (RFC 7617 §2), as plain text: unlike the
 * credentials of OAuth clients nothing in it is form-encoded. Undefined where there is none.
 */
export function parseBasicKeys(header: string | undefined): BasicKeys | undefined {
  const [, encoded] = /^basic[ \t]+([A-Za-z0-9+/]+={0,2})$/i.exec(header?.trim() ?? '') ?? []
  if (encoded === undefined || encoded.length > LONGEST) return undefined
  try {
    const text = atob(encoded)
    const colon = text.indexOf(':')
    if (colon < 0) return undefined
    return { publicKey: text.slice(0, colon), privateKey: text.slice(colon + 1) }
  } catch {
    return undefined
  }
}
