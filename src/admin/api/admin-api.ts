import { OpenAPIHono } from '@hono/zod-openapi'
import { readJson } from '../../platform/read-json.ts'
import type { RequestFacts, RequestVariables } from '../../platform/request-facts.ts'
import { answerProblem } from '../problem.ts'
import type { ProblemError } from '../problem.ts'
import { ADMIN_PATH } from '../admin-parts.ts'

/** The facts come from the gateway, which has met the request before. */
export interface AdminEnv {
  Bindings: { readonly facts: RequestFacts }
  Variables: RequestVariables
}

export type AdminApi = OpenAPIHono<AdminEnv>

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

/** An API without operations: what every operation of it does first, and how it says no. */
export function createEmptyApi(): AdminApi {
  const api = new OpenAPIHono<AdminEnv>({
    // Routes and their descriptions alike begin after the path that all of them share.
    getPath: (request) => new URL(request.url).pathname.slice(ADMIN_PATH.length),
    defaultHook: (result, c) =>
      result.success
        ? undefined
        : answerProblem(c, 'invalid_request', errorsOf(result.error.issues, result.target)),
  })

  api.use(async function takeFacts(c, next) {
    c.set('facts', c.env.facts)
    // Hono would answer it by GET, and nobody needs that here.
    return c.req.method === 'HEAD' ? c.notFound() : next()
  })

  api.use(async function readStrictly(c, next) {
    if (c.req.raw.body === null || !METHODS.includes(c.req.method)) return next()
    const body = await readJson(c.req.raw)
    if (!body.ok) {
      const { code } = body.refusal
      return answerProblem(c, code === 'invalid_body' ? 'invalid_request' : code)
    }
    // From here the validators take it, instead of from the request.
    c.req.bodyCache.json = Promise.resolve(body.value)
    return next()
  })

  api.notFound((c) => {
    const { path } = c.req
    const allowed = METHODS.filter((method) =>
      api.router.match(method, path)[0].some(([[, route]]) => route.method === method),
    )
    if (allowed.length === 0) return answerProblem(c, 'not_found')
    const problem = answerProblem(c, 'method_not_allowed')
    problem.headers.set('Allow', allowed.join(', '))
    return problem
  })

  // A bug, or a store that does not answer: the gateway logs it.
  api.onError((thrown) => {
    throw thrown
  })

  return api
}

interface Issue {
  readonly path: readonly PropertyKey[]
  readonly message: string
  readonly keys?: readonly string[]
}

/** What the schema said no to: every member or parameter that is wrong, unknown or missing. */
export const errorsOf = (issues: readonly Issue[], target: string): readonly ProblemError[] =>
  issues.flatMap(({ path, message, keys }) =>
    keys === undefined
      ? [errorAt(path, message, target)]
      : keys.map((key) => errorAt([...path, key], 'is unknown', target)),
  )

const errorAt = (path: readonly PropertyKey[], detail: string, target: string): ProblemError =>
  target === 'json'
    ? { pointer: `#${path.map((name) => `/${escape(String(name))}`).join('')}`, detail }
    : { parameter: String(path[0] ?? ''), detail }

/** RFC 6901 §3. */
const escape = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1')
