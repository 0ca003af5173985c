/**
 * What a value from outside must be, said once: `take` checks it, and `describe` tells of it in the OpenAPI
 * document (JSON Schema 2020-12). Everything that is wrong is named, not only the first; no fault repeats what
 * was sent, which may be a secret. Only values of JSON are known here: an array is no object.
 */
import { isJsonObject } from '../../platform/json-object.ts'

export type JsonSchema = Readonly<Record<string, unknown>>

/** Member names and indices, from the outermost value on. */
export type Path = readonly (string | number)[]

export interface Fault {
  readonly path: Path
  readonly detail: string
}

export interface Schema<Value> {
  readonly describe: () => JsonSchema
  /** The value as it is used. What is wrong with it is added to `faults`; then what is returned means nothing. */
  readonly take: (given: unknown, path: Path, faults: Fault[]) => Value | undefined
  /** What stands for a member that was left out. */
  readonly fallback?: Value
}

/** A member that may be left out. */
export interface OptionalSchema<Value> extends Schema<Value> {
  readonly isOptional: true
}

export type Members = Readonly<Record<string, Schema<unknown>>>

export interface ObjectSchema<Shape extends Members> extends Schema<ValuesOf<Shape>> {
  readonly members: Shape
}

export type ValueOf<Given> = Given extends Schema<infer Value> ? Value : never

type OptionalNames<Shape> = {
  [Name in keyof Shape]: Shape[Name] extends { readonly isOptional: true } ? Name : never
}[keyof Shape]

type Joined<Value> = { [Name in keyof Value]: Value[Name] }

export type ValuesOf<Shape> = Joined<
  { [Name in Exclude<keyof Shape, OptionalNames<Shape>>]: ValueOf<Shape[Name]> } & {
    [Name in OptionalNames<Shape>]?: ValueOf<Shape[Name]> | undefined
  }
>

const one = <Value>(
  json: JsonSchema,
  detail: string,
  is: (given: unknown) => given is Value,
): Schema<Value> => ({
  describe: () => json,
  take(given, path, faults) {
    if (is(given)) return given
    faults.push({ path, detail })
    return undefined
  },
})

const isText = (given: unknown): given is string => typeof given === 'string'
const isInteger = (given: unknown): given is number => Number.isSafeInteger(given)

export const text = one({ type: 'string' }, 'is not a text', isText)
export const uri = described(text, { format: 'uri' })
export const flag = one(
  { type: 'boolean' },
  'is not true or false',
  (given) => typeof given === 'boolean',
)
export const integer = one({ type: 'integer' }, 'is not a whole number', isInteger)
export const anything: Schema<unknown> = { describe: () => ({}), take: (given) => given }

/** `pattern` holds for the whole of a text, so it has its anchors. */
export const textMatching = (pattern: RegExp, detail: string): Schema<string> =>
  one(
    { type: 'string', pattern: pattern.source },
    detail,
    (given): given is string => isText(given) && pattern.test(given),
  )

export const textOfLength = (minLength: number, maxLength: number): Schema<string> =>
  one(
    { type: 'string', minLength, maxLength },
    `is not a text of ${minLength} to ${maxLength} characters`,
    (given): given is string =>
      isText(given) && given.length >= minLength && given.length <= maxLength,
  )

export const integerBetween = (minimum: number, maximum: number): Schema<number> =>
  one(
    { type: 'integer', minimum, maximum },
    `is not a whole number from ${minimum} to ${maximum}`,
    (given): given is number => isInteger(given) && given >= minimum && given <= maximum,
  )

export const oneOf = <const Value extends string>(values: readonly Value[]): Schema<Value> =>
  one(
    { type: 'string', enum: values },
    `is not one of ${values.join(', ')}`,
    (given): given is Value => values.some((value) => value === given),
  )

export const list = <Value>(
  of: Schema<Value>,
  { maxItems = Infinity }: { readonly maxItems?: number } = {},
): Schema<readonly Value[]> => ({
  describe: () => ({
    type: 'array',
    items: of.describe(),
    ...(maxItems < Infinity && { maxItems }),
  }),
  take(given, path, faults) {
    if (!Array.isArray(given)) faults.push({ path, detail: 'is not an array' })
    else if (given.length > maxItems)
      faults.push({ path, detail: `has more than ${maxItems} items` })
    else return given.map((item, at) => of.take(item, [...path, at], faults)) as Value[]
    return undefined
  },
})

type JsonObject = Readonly<Record<string, unknown>>

function takeObject(given: unknown, path: Path, faults: Fault[]): JsonObject | undefined {
  if (isJsonObject(given)) return given
  faults.push({ path, detail: 'is not an object' })
  return undefined
}

/** Any names, each with a value of one kind. */
export const record = <Value>(of: Schema<Value>): Schema<Record<string, Value>> => ({
  describe: () => ({ type: 'object', additionalProperties: of.describe() }),
  take(value, path, faults) {
    const given = takeObject(value, path, faults)
    if (given === undefined) return undefined
    const taken = Object.entries(given).map(
      ([name, member]) => [name, of.take(member, [...path, name], faults)] as const,
    )
    return Object.fromEntries(taken) as Record<string, Value>
  },
})

/** Members that are not named here are refused, each. */
export const object = <const Shape extends Members>(members: Shape): ObjectSchema<Shape> => ({
  members,
  describe: () => ({ ...describeMembers(members), additionalProperties: false }),
  take(value, path, faults) {
    const given = takeObject(value, path, faults)
    if (given === undefined) return undefined
    for (const name of Object.keys(given)) {
      if (!Object.hasOwn(members, name))
        faults.push({ path: [...path, name], detail: 'is unknown' })
    }
    return takeMembers(members, given, path, faults)
  },
})

/** Members that are not named here are passed over: of what we answer, more may come. */
export const openObject = <const Shape extends Members>(members: Shape): ObjectSchema<Shape> => ({
  members,
  describe: () => describeMembers(members),
  take(value, path, faults) {
    const given = takeObject(value, path, faults)
    return given && takeMembers(members, given, path, faults)
  },
})

const isRequired = (schema: Schema<unknown>): boolean =>
  !('isOptional' in schema) && schema.fallback === undefined

function describeMembers(members: Members): JsonSchema {
  const entries = Object.entries(members)
  const required = entries.filter(([, schema]) => isRequired(schema)).map(([name]) => name)
  return {
    type: 'object',
    properties: Object.fromEntries(entries.map(([name, schema]) => [name, schema.describe()])),
    ...(required.length > 0 && { required }),
  }
}

function takeMembers<Shape extends Members>(
  members: Shape,
  given: JsonObject,
  path: Path,
  faults: Fault[],
): ValuesOf<Shape> {
  const taken: Record<string, unknown> = {}
  for (const [name, schema] of Object.entries(members)) {
    const at = [...path, name]
    if (Object.hasOwn(given, name)) taken[name] = schema.take(given[name], at, faults)
    else if (schema.fallback !== undefined) taken[name] = schema.fallback
    else if (isRequired(schema)) faults.push({ path: at, detail: 'is missing' })
  }
  return taken as ValuesOf<Shape>
}

type Variant<Name extends string, Kinds> = {
  [Kind in keyof Kinds]: ValuesOf<Kinds[Kind] & { readonly [Its in Name]: Schema<Kind> }>
}[keyof Kinds]

/** One of several objects: the member `name` says which kind, and each kind has its own members besides. */
export function variants<
  const Name extends string,
  const Kinds extends Readonly<Record<string, Members>>,
>(name: Name, kinds: Kinds): Schema<Variant<Name, Kinds>> {
  const options = new Map(
    Object.entries(kinds).map(([kind, members]) => [
      kind,
      object({ [name]: oneOf([kind]), ...members }),
    ]),
  )
  const isKind = oneOf([...options.keys()])
  return {
    describe: () => ({ oneOf: [...options.values()].map((option) => option.describe()) }),
    take(value, path, faults) {
      const given = takeObject(value, path, faults)
      const kind = given && isKind.take(given[name], [...path, name], faults)
      if (kind === undefined) return undefined
      return options.get(kind)?.take(given, path, faults) as Variant<Name, Kinds> | undefined
    },
  }
}

export const optional = <Value>({ describe, take }: Schema<Value>): OptionalSchema<Value> => ({
  describe,
  take,
  isOptional: true,
})

export const withDefault = <Value>(schema: Schema<Value>, fallback: Value): Schema<Value> => ({
  describe: () => ({ ...schema.describe(), default: fallback }),
  take: schema.take,
  fallback,
})

export const nullable = <Value>({ describe, take }: Schema<Value>): Schema<Value | null> => ({
  describe: () => ({ anyOf: [describe(), { type: 'null' }] }),
  take: (given, path, faults) => (given === null ? null : take(given, path, faults)),
})

/** Members of which each may be left out. */
export const allOptional = <Shape extends Members>(members: Shape) =>
  mapMembers(members, optional) as {
    readonly [Name in keyof Shape]: OptionalSchema<ValueOf<Shape[Name]>>
  }

/** Members of a merge patch (RFC 7396): each may be left out, or null. */
export const allPatchable = <Shape extends Members>(members: Shape) =>
  mapMembers(members, (schema) => optional(nullable(schema))) as {
    readonly [Name in keyof Shape]: OptionalSchema<ValueOf<Shape[Name]> | null>
  }

const mapMembers = (members: Members, map: (schema: Schema<unknown>) => Schema<unknown>): Members =>
  Object.fromEntries(Object.entries(members).map(([name, schema]) => [name, map(schema)]))

/** The same with one more check, of a value in which nothing else is wrong; its paths begin at the value. */
export const refined = <Given extends Schema<unknown>>(
  schema: Given,
  check: (value: ValueOf<Given>) => readonly Fault[],
): Given => ({
  ...schema,
  take(given, path, faults) {
    const before = faults.length
    const value = schema.take(given, path, faults) as ValueOf<Given>
    if (faults.length > before) return undefined
    for (const fault of check(value)) faults.push({ ...fault, path: [...path, ...fault.path] })
    return value
  },
})

/** The same with more in its description. */
export function described<Given extends Schema<unknown>>(schema: Given, json: JsonSchema): Given {
  return { ...schema, describe: () => ({ ...schema.describe(), ...json }) }
}

/** Under this key, the name that the document writes a schema under, once. */
export const COMPONENT = '$component'

export const named = <Given extends Schema<unknown>>(name: string, schema: Given): Given =>
  described(schema, { [COMPONENT]: name })
