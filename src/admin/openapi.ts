import { CUT_OFF_REASONS } from './cut-off-request.ts'
import { PROBLEMS } from './problem.ts'
import type { ProblemCode } from './problem.ts'

interface Operation {
  readonly summary: string
  readonly query?: readonly string[]
  readonly body?: object
  readonly status?: 200 | 202
  /** Besides those that every operation may answer. */
  readonly problems?: readonly ProblemCode[]
}

const PAGED = ['cursor', 'limit']
const ALWAYS: readonly ProblemCode[] = ['unauthorized', 'rate_limited', 'unavailable']

const CUT_OFF_BODY = {
  type: 'object',
  additionalProperties: false,
  required: ['scope', 'reason'],
  properties: {
    scope: { enum: ['everyone', 'provider'] },
    id: { type: 'string', description: 'The provider; only with scope "provider".' },
    reason: { enum: CUT_OFF_REASONS },
  },
}

/** Every operation, as `METHOD path`. A test holds this against the routes. */
const OPERATIONS: Readonly<Record<string, Operation>> = {
  'GET /openapi.json': { summary: 'This document' },
  'GET /users': {
    summary:
      'Users by id or beginning of e-mail address (query), or by issuer and subject; in order of id',
    query: ['query', 'issuer', 'subject', ...PAGED],
    problems: ['invalid_request'],
  },
  'GET /users/{id}': { summary: 'A user and their identities', problems: ['not_found'] },
  'POST /users/{id}/disable': {
    summary: 'Ends every session of a user and lets none open',
    problems: ['not_found', 'disable_pending'],
  },
  'POST /users/{id}/enable': {
    summary: 'Lets a user sign in again; no session comes back',
    problems: ['not_found'],
  },
  'GET /users/{id}/sessions': {
    summary: "A user's live sessions, newest first",
    problems: ['not_found'],
  },
  'DELETE /users/{id}/sessions': {
    summary: 'Ends all sessions of a user',
    problems: ['not_found'],
  },
  'DELETE /users/{id}/sessions/{sid}': {
    summary: 'Ends one live session',
    problems: ['not_found'],
  },
  'GET /keys': { summary: 'Every signing key there ever was, oldest first' },
  'POST /keys/rotate': {
    summary: 'The announced keys begin to sign now',
    problems: ['announced_too_recently'],
  },
  'POST /keys/{kid}/compromise': {
    summary: 'Withdraws a key, and every token that it signed',
    problems: ['not_found'],
  },
  'GET /cut-offs': {
    summary: 'Mass cut-offs, newest first',
    query: ['limit'],
    problems: ['invalid_request'],
  },
  'POST /cut-offs': {
    summary: 'Ends all sessions of everyone or of one provider, with one write',
    body: CUT_OFF_BODY,
    status: 202,
    problems: ['invalid_request', 'not_found', 'body_too_large', 'unsupported_media_type'],
  },
  'GET /cut-offs/{id}': {
    summary: "What has become of a cut-off on its way through the users' sessions",
    problems: ['not_found'],
  },
  'GET /audit': {
    summary: 'Stored audit events, newest first: all, or those that concern one user',
    query: ['user', ...PAGED],
    problems: ['invalid_request'],
  },
  'GET /canary': {
    summary:
      'How long each level kept accepting the token of an ended session, measured from the one location in which the cron ran; newest first',
  },
}

const problemReference = (code: ProblemCode) =>
  [String(PROBLEMS[code].status), { $ref: `#/components/responses/${code}` }] as const

function describe(
  path: string,
  { summary, query = [], body, status = 200, problems = [] }: Operation,
) {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  const inQuery = query.map((name) => ({ name, in: 'query', schema: { type: 'string' } }))
  const done = { description: 'Done', content: { 'application/json': {} } }
  return {
    summary,
    parameters: [...inPath, ...inQuery],
    ...(body !== undefined && {
      requestBody: { required: true, content: { 'application/json': { schema: body } } },
    }),
    responses: {
      [status]: done,
      ...Object.fromEntries([...ALWAYS, ...problems].map(problemReference)),
    },
  }
}

/** The description of the management API (OpenAPI 3.1). */
export function openApiDocument(issuer: string) {
  const paths: Record<string, Record<string, object>> = {}
  for (const [name, operation] of Object.entries(OPERATIONS)) {
    const [method = '', path = ''] = name.split(' ')
    paths[path] = { ...paths[path], [method.toLowerCase()]: describe(path, operation) }
  }
  const responses = Object.entries(PROBLEMS).map(([code, { title, detail }]) => [
    code,
    {
      description: `${title}. ${detail}`,
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    },
  ])
  return {
    openapi: '3.1.0',
    info: { title: 'Drawbridge management API', version: '1' },
    servers: [{ url: `${issuer}/admin/api` }],
    security: [{ key: [] }],
    paths,
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
      schemas: {
        Problem: {
          type: 'object',
          required: ['type', 'title', 'status', 'detail', 'instance', 'code'],
          properties: {
            type: { type: 'string' },
            title: { type: 'string' },
            status: { type: 'integer' },
            detail: { type: 'string' },
            instance: { type: 'string', description: 'The id of the request.' },
            code: { enum: Object.keys(PROBLEMS) },
          },
        },
      },
      responses: Object.fromEntries(responses) as Record<string, object>,
    },
  }
}
