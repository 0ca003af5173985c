import { PROBLEMS } from '../problem.ts'
import type { ProblemCode } from '../problem.ts'
import { byStatus, MERGE_PATCH } from './operation.ts'
import type { Operation } from './operation.ts'
import {
  COMPONENT,
  described,
  integer,
  list,
  named,
  oneOf,
  openObject,
  optional,
  text,
} from './schema.ts'
import type { JsonSchema, Members, ObjectSchema, Schema } from './schema.ts'

const problemSchema = named(
  'Problem',
  openObject({
    type: text,
    title: text,
    status: integer,
    detail: text,
    instance: described(text, { description: 'The id of the request' }),
    code: oneOf(Object.keys(PROBLEMS)),
    errors: optional(
      list(
        openObject({
          detail: text,
          pointer: optional(described(text, { description: 'A JSON Pointer into the body' })),
          parameter: optional(text),
        }),
      ),
    ),
  }),
)

/** The description of the management API (OpenAPI 3.1), from the schemas that its input is checked with. */
export function documentOf(operations: readonly Operation[], issuer: string): object {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const operation of operations) {
    paths[operation.path] = {
      ...paths[operation.path],
      [operation.method]: describeOperation(operation),
    }
  }
  const codes = Object.keys(PROBLEMS) as ProblemCode[]
  const responses = codes.map((code) => [code, describeProblems([code])])
  const components = {
    securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
    responses: Object.fromEntries(responses) as object,
  }
  const schemas: Record<string, unknown> = {}
  const written = withReferences({ paths, components }, schemas) as { components: object }
  return {
    openapi: '3.1.0',
    info: { title: 'Drawbridge management API', version: '1' },
    servers: [{ url: `${issuer}/admin/api` }],
    security: [{ key: [] }],
    ...written,
    components: { ...written.components, schemas },
  }
}

const describeProblems = (codes: readonly ProblemCode[]): object => ({
  description: codes.map((code) => `${PROBLEMS[code].title}. ${PROBLEMS[code].detail}`).join(' — '),
  content: { 'application/problem+json': { schema: problemSchema.describe() } },
})

const describeResponse = (response: Operation['responses'][number]): object => {
  if (!('problems' in response)) {
    const { description, schema } = response
    return schema === undefined ? { description } : { description, content: contentOf(schema) }
  }
  const [code, ...more] = response.problems
  return more.length > 0
    ? describeProblems(response.problems)
    : { $ref: `#/components/responses/${code}` }
}

const OF_ITS_FORM = byStatus(['body_too_large', 'unsupported_media_type'])

const describeOperation = ({ method, summary, request = {}, responses }: Operation): object => ({
  summary,
  parameters: [
    ...parametersIn('path', request.params),
    ...parametersIn('query', request.query),
    ...parametersIn('header', request.headers),
  ],
  ...(request.body && {
    requestBody: {
      required: request.body.required,
      content: {
        ...contentOf(request.body.schema),
        ...(method === 'patch' && contentOf(request.body.schema, MERGE_PATCH)),
      },
    },
  }),
  responses: Object.fromEntries(
    Object.entries({ ...responses, ...(request.body && OF_ITS_FORM) }).map(([status, response]) => [
      status,
      describeResponse(response),
    ]),
  ),
})

const contentOf = (schema: Schema<unknown>, mediaType = 'application/json') => ({
  [mediaType]: { schema: schema.describe() },
})

function parametersIn(where: string, schema: ObjectSchema<Members> | undefined): readonly object[] {
  const { properties = {}, required = [] } = (schema?.describe() ?? {}) as {
    readonly properties?: Readonly<Record<string, JsonSchema>>
    readonly required?: readonly string[]
  }
  return Object.entries(properties).map(([name, json]) => ({
    name,
    in: where,
    required: required.includes(name),
    schema: json,
  }))
}

/** The same with each named schema replaced by a reference, and written to `schemas` under its name. */
function withReferences(value: unknown, schemas: Record<string, unknown>): unknown {
  if (Array.isArray(value)) return value.map((each) => withReferences(each, schemas))
  if (typeof value !== 'object' || value === null) return value
  const { [COMPONENT]: name, ...members } = value as Readonly<Record<string, unknown>>
  const written = Object.fromEntries(
    Object.entries(members).map(([each, member]) => [each, withReferences(member, schemas)]),
  )
  if (typeof name !== 'string') return written
  schemas[name] = written
  return { $ref: `#/components/schemas/${name}` }
}
