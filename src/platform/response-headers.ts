/**
 * Changes the headers of an answer that a handler has made. (Hono's own `c.header` would copy the whole response
 * at each call; only one whose headers cannot be changed, as that of a `fetch`, has to be copied.)
 */
export function changeHeaders(c: { res: Response }, change: (headers: Headers) => void): void {
  try {
    change(c.res.headers)
  } catch (thrown) {
    if (!(thrown instanceof TypeError)) throw thrown
    c.res = new Response(c.res.body, c.res)
    change(c.res.headers)
  }
}
