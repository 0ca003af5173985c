import type { Handler } from './internet.ts'

/** Ways in which an endpoint can answer other than it should. */
export const misanswers = {
  html: () =>
    new Response('<!doctype html><title>Welcome</title>', {
      headers: { 'content-type': 'text/html' },
    }),
  empty: () => new Response('', { headers: { 'content-type': 'application/json' } }),
  brokenJson: () => new Response('{"keys":[', { headers: { 'content-type': 'application/json' } }),
  jsonNull: () => Response.json(null),
  jsonArray: () => Response.json([]),
  notFound: () => new Response('not found', { status: 404 }),
  serverError: () => new Response('oops', { status: 500 }),
  redirect: () =>
    new Response(null, { status: 302, headers: { location: 'https://elsewhere.example/' } }),
  permanentRedirect: () =>
    new Response(null, { status: 308, headers: { location: 'https://elsewhere.example/' } }),
  /** 1 MB in one piece, with an honest Content-Length. */
  huge: () => new Response(' '.repeat(1024 * 1024)),
  /** Bytes without end and as fast as they are read. */
  endless: () =>
    new Response(
      new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(16 * 1024)) }),
    ),
  /** Headers at once, then a byte now and then. */
  dripping: () =>
    new Response(
      new ReadableStream({
        async pull(controller) {
          await scheduler.wait(200)
          controller.enqueue(new Uint8Array([32]))
        },
      }),
    ),
  /** Takes the request and never says a word. */
  silent: () => new Promise<Response>(() => {}),
  unreachable: () => Promise.reject(new TypeError('connection refused')),
} as const satisfies Record<string, Handler>

export type Misanswer = keyof typeof misanswers
