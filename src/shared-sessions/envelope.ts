/**
 * What OneAll wraps every answer in. Clients read `response.request.status` and `response.result.data`, never
 * anything else, and some of them cannot read an answer that is not JSON: so errors come in it too, without a
 * `result`.
 */
import type { EpochSeconds } from '../platform/clock.ts'

/** Plugins branch on these, exactly. */
export type AnswerCode = 200 | 201 | 400 | 401 | 403 | 404 | 405 | 409 | 413 | 429 | 501 | 503

/** What a resource answers; below 400 it is a success. */
export interface Answer {
  readonly code: AnswerCode
  readonly info?: string
  readonly data?: Readonly<Record<string, unknown>>
  /** The outcome of what the answer tells of, apart from that of the request. */
  readonly outcome?: { readonly code: number; readonly info: string }
  readonly headers?: Readonly<Record<string, string>>
}

const INFO: Readonly<Record<AnswerCode, string>> = {
  200: 'Your request has been processed successfully',
  201: 'Your request has been processed successfully, the resource has been created',
  400: 'Your request is not well-formed',
  401: 'The API keys are missing or wrong',
  403: 'This is not permitted for your site',
  404: 'The requested resource does not exist',
  405: 'This resource does not take that method',
  409: 'The request is correct, but cannot be carried out',
  413: 'The request is too large',
  429: 'Too many requests',
  501: 'This is not offered here',
  503: 'The service cannot be reached now; try again in a moment',
}

export const done = (data?: Answer['data'], info?: string): Answer => ({
  code: 200,
  ...(data && { data }),
  ...(info !== undefined && { info }),
})

export const created = (data: NonNullable<Answer['data']>): Answer => ({ code: 201, data })

export const failed = (code: AnswerCode, info?: string): Answer => ({
  code,
  ...(info !== undefined && { info }),
})

/** Dates as OneAll writes them (RFC 2822). */
export const dateText = (at: EpochSeconds): string =>
  new Date(at * 1000).toUTCString().replace('GMT', '+0000')

/** `resource`: path and query as they were asked for, below the site. */
export function envelope(answer: Answer, resource: string, now: EpochSeconds): string {
  const { code, info = INFO[code], data, outcome } = answer
  const request = { date: dateText(now), resource, status: { flag: flagOf(code), code, info } }
  const result = {
    ...(outcome && { status: { flag: flagOf(outcome.code), ...outcome } }),
    ...(data && { data }),
  }
  const isWithResult = code < 400 && (data !== undefined || outcome !== undefined)
  return JSON.stringify({ response: { request, ...(isWithResult && { result }) } })
}

const flagOf = (code: number): 'success' | 'error' => (code < 400 ? 'success' : 'error')

export const answerHeaders = ({ code, headers }: Answer): Readonly<Record<string, string>> => ({
  'Content-Type': 'application/json; charset=utf-8',
  'Cache-Control': 'no-store',
  ...(code === 401 && { 'WWW-Authenticate': 'Basic realm="API keys of the site"' }),
  ...(code === 503 && { 'Retry-After': '1' }),
  ...headers,
})
