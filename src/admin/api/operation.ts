/** The parts that the operations of the management API are described with; the same schemas check the input. */
import { z } from '@hono/zod-openapi'
import { PROBLEMS } from '../problem.ts'
import type { ProblemCode } from '../problem.ts'

const ALWAYS: readonly ProblemCode[] = ['unauthorized', 'rate_limited', 'unavailable']

const problemReference = (code: ProblemCode) =>
  [PROBLEMS[code].status, { $ref: `#/components/responses/${code}` }] as const

/** The problems that an operation may answer, besides those that each may. */
export const problems = (...codes: readonly ProblemCode[]) =>
  Object.fromEntries([...ALWAYS, ...codes].map(problemReference)) as Record<
    number,
    { $ref: string }
  >

export const json = <Schema extends z.ZodType>(schema: Schema, description = 'Done') => ({
  description,
  content: { 'application/json': { schema } },
})

export const jsonBody = <Schema extends z.ZodType>(schema: Schema) => ({
  required: true,
  content: { 'application/json': { schema } },
})

/** An id in the path is any text: one that nobody has is answered 404, whatever is wrong with it (C35). */
export const idInPath = z.object({ id: z.string() })

/** A value of a query: an operator who mistypes a restriction must not get what it was to exclude. */
export const queryText = z.string().min(1).max(1024)

const limit = z
  .string()
  .regex(/^(?:[1-9][0-9]?|100)$/, 'is not a number from 1 to 100')
  .default('50')
  .transform(Number)
  .openapi({ type: 'integer', minimum: 1, maximum: 100, default: 50 })

/** How long a page is; where it begins, is each list's own `cursor`. */
export const inPages = { limit }

export const seconds = z.int().openapi({ description: 'Epoch seconds' })
