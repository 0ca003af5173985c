/** The parts that the operations of the management API are described with; the same schemas check the input. */
import { PROBLEMS } from '../problem.ts'
import type { ProblemCode } from '../problem.ts'
import {
  described,
  integer,
  integerBetween,
  openObject,
  text,
  textMatching,
  textOfLength,
  withDefault,
} from './schema.ts'
import type { Members, ObjectSchema, Schema } from './schema.ts'

export interface Operation {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  /** After `/admin/api`; `{id}` stands for a value. */
  readonly path: string
  readonly summary: string
  readonly request?: {
    readonly params?: ObjectSchema<Members>
    readonly query?: ObjectSchema<Members>
    readonly headers?: ObjectSchema<Members>
    readonly body?: Body
  }
  /** By status. */
  readonly responses: Readonly<Record<number, Content | Problems>>
}

/** What a PATCH is (RFC 7396 §4); whoever sends one may also call it plain JSON. */
export const MERGE_PATCH = 'application/merge-patch+json'

interface Body {
  readonly required: boolean
  readonly schema: Schema<unknown>
}

interface Content {
  readonly description: string
  readonly schema?: Schema<unknown>
}

/** Those that have one status. */
interface Problems {
  readonly problems: readonly ProblemCode[]
}

const ALWAYS = ['invalid_request', 'unauthorized', 'rate_limited', 'unavailable'] as const

/** The problems that an operation may answer, besides those that every one may; those of a body's form are added. */
export const problems = (...codes: readonly ProblemCode[]): Readonly<Record<number, Problems>> =>
  byStatus([...ALWAYS, ...codes])

export function byStatus(codes: readonly ProblemCode[]): Readonly<Record<number, Problems>> {
  const found = Map.groupBy(codes, (code) => PROBLEMS[code].status)
  return Object.fromEntries([...found].map(([status, problems]) => [status, { problems }]))
}

export const json = <Given extends Schema<unknown>>(schema: Given, description = 'Done') => ({
  description,
  schema,
})

export const jsonBody = <Given extends Schema<unknown>>(schema: Given) => ({
  required: true,
  schema,
})

/** A body that may be left out: it then says nothing, as `{}` does. */
export const optionalBody = <Given extends Schema<unknown>>(schema: Given) => ({
  required: false,
  schema,
})

/** An id in the path is any text: one that nobody has is answered 404, whatever is wrong with it (C35). */
export const idInPath = openObject({ id: text })

/** A value of a query: an operator who mistypes a restriction must not get what it was to exclude. */
export const queryText = textOfLength(1, 1024)

const digits = textMatching(/^(?:[1-9][0-9]?|100)$/, 'is not a number from 1 to 100')

const limit: Schema<number> = {
  describe: integerBetween(1, 100).describe,
  take: (given, path, faults) => Number(digits.take(given, path, faults)),
}

/** How long a page is; where it begins, is each list's own `cursor`. */
export const inPages = { limit: withDefault(limit, 50) }

/** The cursor of a list whose newest entries have the highest numbers: what comes before it, or all. */
export const place = textMatching(/^[0-9]{1,15}$/, 'is no cursor of this list')
export const placeOf = (cursor: string | undefined): number =>
  cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(cursor)

export const seconds = described(integer, { description: 'Epoch seconds' })
