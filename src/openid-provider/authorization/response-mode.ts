/**
 * How an answer travels to the application: OAuth 2.0 Multiple Response Type Encoding Practices §2.1, OAuth
 * 2.0 Form Post Response Mode.
 */
import type { ResponseType } from '../../core/applications/application.ts'

export const responseModes = ['query', 'fragment', 'form_post'] as const
export type ResponseMode = (typeof responseModes)[number]

/** A response type with its words in the order of the registration; undefined for one that we do not have. */
export function parseResponseType(text: string): ResponseType | undefined {
  const words = text.split(' ').toSorted().join(' ')
  return (['code', 'token', 'id_token', 'id_token token'] as const).find((type) => type === words)
}

/**
 * By its words, also of a type that we do not have: whoever asks for tokens looks in the fragment for the refusal
 * as well (Multiple Response Types §5).
 */
export const defaultModeOf = (type: string): ResponseMode =>
  type.split(' ').some((word) => word === 'token' || word === 'id_token') ? 'fragment' : 'query'

/** Tokens never stand in a query, where logs and the next page's referrer would find them. */
export const mayTravel = (type: string, mode: ResponseMode): boolean =>
  mode !== 'query' || defaultModeOf(type) === 'query'

export const parseResponseMode = (text: string): ResponseMode | undefined =>
  responseModes.find((mode) => mode === text)

/**
 * The URI with the answer in it, for `query` and `fragment`. The URI itself stays as it was registered, its
 * own query included (RFC 6749 §3.1.2). Blanks are written `%20`, which readers of a form and of a URL both
 * understand.
 */
export function withAnswer(
  redirectUri: string,
  mode: 'query' | 'fragment',
  answer: AnswerParameters,
): string {
  const encoded = Object.entries(answer)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&')
  if (mode === 'fragment') return `${redirectUri}#${encoded}`
  const query = redirectUri.indexOf('?')
  if (query === -1) return `${redirectUri}?${encoded}`
  const isOpen = query === redirectUri.length - 1 || redirectUri.endsWith('&')
  return `${redirectUri}${isOpen ? '' : '&'}${encoded}`
}

/** Names as on the wire. */
export type AnswerParameters = Readonly<Record<string, string>>
