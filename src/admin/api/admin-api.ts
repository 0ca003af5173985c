import { Hono } from 'hono'
import type { Context, TypedResponse } from 'hono'
import type { StatusCode } from 'hono/utils/http-status'
import type { JSONParsed } from 'hono/utils/types'
import { getPath } from 'hono/utils/url'
import { readJson } from '../../platform/read-json.ts'
import type { RequestFacts, RequestVariables } from '../../platform/request-facts.ts'
import { ADMIN_PATH } from '../admin-parts.ts'
import { answerProblem, inFragment } from '../problem.ts'
import type { ProblemAnswer, ProblemError } from '../problem.ts'
import { MERGE_PATCH } from './operation.ts'
import type { Operation } from './operation.ts'
import { object } from './schema.ts'
import type { Fault, Path, Schema, ValueOf } from './schema.ts'

/** The facts come from the gateway, which has met the request before. */
export interface AdminEnv {
  Bindings: { readonly facts: RequestFacts }
  Variables: RequestVariables & {
    /** As it was sent, `{}` where nothing was. */
    readonly body: unknown
  }
}

/** What each part of a request says, as the operation's schemas took it. */
type Input<Request> = {
  readonly [Part in keyof Request]: Request[Part] extends { readonly schema: infer Given }
    ? ValueOf<Given>
    : ValueOf<Request[Part]>
}

/** The answers that an operation is described with; problems fit in the place of each. */
type Answer<Responses> = {
  [Status in keyof Responses]: number extends Status
    ? never
    : Responses[Status] extends { readonly schema: Schema<infer Value> }
      ? Response & TypedResponse<JSONParsed<Value>, Status & StatusCode, 'json'>
      : Response & TypedResponse<null, Status & StatusCode, 'body'>
}[keyof Responses]

export interface AdminApi {
  readonly app: Hono<AdminEnv>
  readonly operations: readonly Operation[]
  /** `handle` is only asked when the whole request is as described; else everything that is not is answered. */
  readonly serve: <const Served extends Operation>(
    operation: Served,
    handle: (
      c: Context<AdminEnv>,
      input: Input<NonNullable<Served['request']>>,
    ) => Promise<Answer<Served['responses']> | ProblemAnswer>,
  ) => void
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

/** An API without operations: what every operation of it does first, and how it says no. */
export function createEmptyApi(): AdminApi {
  const app = new Hono<AdminEnv>({
    // Routes and their descriptions alike begin after the path that all of them share.
    getPath: (request) => getPath(request).slice(ADMIN_PATH.length) || '/',
  })

  app.use(async function takeFacts(c, next) {
    c.set('facts', c.env.facts)
    return next()
  })

  app.use(async function readStrictly(c, next) {
    c.set('body', {})
    // `fetch` says of a body that it does not send how long it is, and the runtime then makes an empty one of it.
    const isWithout = c.req.raw.body === null || c.req.header('content-length') === '0'
    if (isWithout || !METHODS.includes(c.req.method)) return next()
    const isMergePatch =
      c.req.method === 'PATCH' &&
      c.req.header('content-type')?.toLowerCase().startsWith(MERGE_PATCH)
    const body = await readJson(c.req.raw, isMergePatch ? MERGE_PATCH : undefined)
    if (!body.ok) {
      const { code } = body.refusal
      return answerProblem(c, code === 'invalid_body' ? 'invalid_request' : code)
    }
    c.set('body', body.value)
    return next()
  })

  app.notFound((c) => {
    const { path, method: asked } = c.req
    const served = METHODS.filter((method) =>
      app.router.match(method, path)[0].some(([[, route]]) => route.method === method),
    )
    if (served.length === 0) return answerProblem(c, 'not_found')
    const answer = asked === 'OPTIONS' ? c.body(null, 204) : answerProblem(c, 'method_not_allowed')
    // RFC 9110 §9.1: whatever is got may be asked after by HEAD, which Hono answers by GET.
    const allowed = served.flatMap((method) => (method === 'GET' ? [method, 'HEAD'] : method))
    answer.headers.set('Allow', [...allowed, 'OPTIONS'].join(', '))
    return answer
  })

  // A bug, or a store that does not answer: the gateway logs it.
  app.onError((thrown) => {
    throw thrown
  })

  const operations: Operation[] = []
  return {
    app,
    operations,
    serve(operation, handle) {
      operations.push(operation)
      const path = operation.path.replaceAll(/\{(\w+)\}/g, ':$1')
      app.on(operation.method.toUpperCase(), path, async (c) => {
        const { input, errors } = takeInput(operation, c)
        if (errors.length > 0) return answerProblem(c, 'invalid_request', errors)
        return handle(c, input as Parameters<typeof handle>[1])
      })
    },
  }
}

/** Of an operation that takes no query, or no body: what restricts nothing must not seem to. */
const nothing = object({})

function takeInput({ request = {} }: Operation, c: Context<AdminEnv>) {
  const errors: ProblemError[] = []
  function take(
    schema: Schema<unknown> | undefined,
    given: unknown,
    errorOf: (fault: Fault) => ProblemError,
  ): unknown {
    const faults: Fault[] = []
    const value = schema?.take(given, [], faults)
    errors.push(...faults.map(errorOf))
    return value
  }
  const input = {
    params: take(request.params, c.req.param(), inParameter),
    query: take(request.query ?? nothing, queryOf(c), inParameter),
    headers: take(request.headers, c.req.header(), inParameter),
    body: take(request.body?.schema ?? nothing, c.get('body'), inBody),
  }
  return { input, errors }
}

/** A parameter that is repeated is a list, and no schema takes that. */
const queryOf = (c: Context<AdminEnv>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(c.req.queries()).map(([name, values]) => [
      name,
      values.length === 1 ? values[0] : values,
    ]),
  )

const inParameter = ({ path, detail }: Fault): ProblemError => ({
  parameter: String(path[0] ?? ''),
  detail,
})

const inBody = ({ path, detail }: Fault): ProblemError => ({ pointer: pointerTo(path), detail })

/** RFC 6901 §3. */
const pointerTo = (path: Path): string =>
  inFragment(
    path.map((name) => `/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''),
  )
