import { ok, refuse } from './refusal.ts'
import type { Result } from './refusal.ts'

/** `body_too_large` is answered 413, `unsupported_media_type` 415, `invalid_body` 400. */
export type BodyRefusal = 'body_too_large' | 'unsupported_media_type' | 'invalid_body'

/**
 * The whole body as text, once its declared type is the expected one and its bytes are UTF-8. Bytes are
 * counted as they arrive, so that neither a missing nor a lying Content-Length makes us hold more than
 * `maxBytes`; a body that is as long as declared is whole, and its end is not waited for. A byte order mark
 * stays in the text. Never throws.
 */
export async function readBody(
  request: Request,
  {
    mediaType,
    maxBytes,
  }: {
    /** `ignored` takes a body of clients that declare anything or nothing. */
    readonly mediaType: string
    readonly maxBytes: number
  },
): Promise<Result<string, BodyRefusal>> {
  if (mediaType !== 'ignored' && !hasMediaType(request.headers, mediaType)) {
    return refuse('unsupported_media_type')
  }
  const declaredBytes = Number(request.headers.get('content-length') ?? NaN)
  if (declaredBytes > maxBytes) return refuse('body_too_large')
  if (request.body === null) return ok('')
  if (request.bodyUsed || request.body.locked)
    return refuse('invalid_body', { check: 'already_read' })
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const reader = request.body.getReader() as ReadableStreamDefaultReader<Uint8Array>
  let text = ''
  let bytes = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return ok(text + decoder.decode())
      bytes += value.length
      if (bytes > maxBytes) return refuse('body_too_large')
      const isWhole = bytes === declaredBytes
      text += decoder.decode(value, { stream: !isWhole })
      if (isWhole) return ok(text)
    }
  } catch {
    // Either not UTF-8, or the client went away while it was sending.
    return refuse('invalid_body', { check: 'encoding' })
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

/**
 * Whether the body is declared to be exactly of this type (RFC 9110 §8.3.1), in no other character
 * encoding than UTF-8 and with no content coding, which nobody here would undo.
 */
function hasMediaType(headers: Headers, mediaType: string): boolean {
  const [essence = '', ...parameters] = (headers.get('content-type') ?? '').toLowerCase().split(';')
  const isUtf8 = parameters.every((parameter) => {
    const [name = '', value = ''] = parameter.trim().split('=')
    return name !== 'charset' || ['utf-8', '"utf-8"', 'utf8', '"utf8"'].includes(value)
  })
  const coding = headers.get('content-encoding') ?? 'identity'
  return essence.trim() === mediaType && isUtf8 && coding.toLowerCase() === 'identity'
}
