import { isJsonObject } from '../platform/json-object.ts'

/** Says what is wrong with a value, as the end of a sentence; undefined when nothing is. */
export type Rule<Value> = (value: Value) => string | undefined

/**
 * Reads one table of settings and collects everything that is wrong with it, in words for the operator:
 * `SESSION.idle_seconds: 30 is less than 60`. A setting that cannot be read gives an empty value so that
 * reading goes on; whoever made the table looks at `problems` before using anything.
 */
export class SettingsTable {
  readonly #values: Readonly<Record<string, unknown>>
  readonly #path: string
  readonly #problems: string[]
  readonly #known = new Set<string>()

  constructor(values: Readonly<Record<string, unknown>>, problems: string[], path = '') {
    this.#values = values
    this.#problems = problems
    this.#path = path
  }

  /** Adds a problem about one setting of this table. */
  refuse(key: string, problem: string): void {
    this.#problems.push(`${this.nameOf(key)}: ${problem}`)
  }

  /** The setting's name as it stands in wrangler.toml. */
  nameOf(key: string): string {
    return this.#path === '' ? key : `${this.#path}.${key}`
  }

  /** A text that is not empty. Without a fallback the setting is required. */
  text(key: string, rule?: Rule<string>, fallback?: string): string {
    const value = this.#take(key)
    if (value === undefined) return fallback ?? this.#blank(key, 'is missing', '')
    if (typeof value !== 'string') return this.#blank(key, `${quote(value)} is not a text`, '')
    if (value === '') return this.#blank(key, 'is empty', '')
    const problem = rule?.(value)
    return problem === undefined ? value : this.#blank(key, problem, '')
  }

  /** As `text`, but a problem never shows the value, whatever it is; the rule has to keep to that too. */
  secret(key: string, rule: Rule<string>): string {
    const value = this.#take(key)
    if (value === undefined || value === '') {
      return this.#blank(key, `is missing; ${howToSet(key)}`, '')
    }
    const problem = typeof value === 'string' ? rule(value) : 'is not a text'
    return problem === undefined ? (value as string) : this.#blank(key, problem, '')
  }

  oneOf<Option extends string>(key: string, options: readonly Option[], fallback: Option): Option {
    const value = this.#take(key) ?? fallback
    const option = options.find((known) => known === value)
    if (option !== undefined) return option
    return this.#blank(key, `${quote(value)} is not one of ${options.join(', ')}`, fallback)
  }

  wholeNumber(key: string, range: { min: number; max: number; fallback: number }): number {
    const value = this.#take(key) ?? range.fallback
    if (typeof value !== 'number' || !Number.isInteger(value)) {
      return this.#blank(key, `${quote(value)} is not a whole number`, range.fallback)
    }
    if (value < range.min)
      return this.#blank(key, `${value} is less than ${range.min}`, range.fallback)
    if (value > range.max)
      return this.#blank(key, `${value} is more than ${range.max}`, range.fallback)
    return value
  }

  /** `false` unless spelled out. */
  flag(key: string): boolean {
    const value = this.#take(key) ?? false
    if (typeof value === 'boolean') return value
    return this.#blank(key, `${quote(value)} is not true or false`, false)
  }

  /** A list of texts, each once; empty unless given. */
  texts(key: string, rule: Rule<string>): readonly string[] {
    const values = this.#list(key)
    values.forEach((value, i) => {
      const problem = typeof value === 'string' ? rule(value) : `${quote(value)} is not a text`
      if (problem !== undefined) this.refuse(`${key}[${i}]`, problem)
    })
    return [...new Set(values.filter((value) => typeof value === 'string'))]
  }

  /** A table in this table; an absent one is empty. */
  table(key: string): SettingsTable {
    const value = this.#structured(key) ?? {}
    if (isJsonObject(value)) return new SettingsTable(value, this.#problems, this.nameOf(key))
    return this.#blank(key, `is ${kindOf(value)}, not a table`, new SettingsTable({}, []))
  }

  /** A list of tables; an absent one is empty. */
  tables(key: string): readonly SettingsTable[] {
    return this.#list(key).flatMap((value, i) => {
      const name = `${key}[${i}]`
      if (isJsonObject(value)) return [new SettingsTable(value, this.#problems, this.nameOf(name))]
      return this.#blank(name, `is ${kindOf(value)}, not a table`, [])
    })
  }

  /**
   * Every setting that nobody has asked for is a problem: a misspelt one would silently not apply.
   * A hint says more about a key that is likely to be put here by mistake.
   */
  refuseUnknown(hints: Readonly<Record<string, string>> = {}): void {
    for (const key of Object.keys(this.#values)) {
      if (this.#known.has(key)) continue
      const hint = Object.hasOwn(hints, key) ? hints[key] : undefined
      this.refuse(
        cut(key),
        hint ?? `is not a setting; known here are ${[...this.#known].join(', ')}`,
      )
    }
  }

  #list(key: string): readonly unknown[] {
    const value = this.#structured(key) ?? []
    return Array.isArray(value) ? value : this.#blank(key, `is ${kindOf(value)}, not a list`, [])
  }

  /** The dashboard edits lists and tables as JSON text. */
  #structured(key: string): unknown {
    const value = this.#take(key)
    if (typeof value !== 'string') return value
    try {
      return JSON.parse(value) as unknown
    } catch {
      return value
    }
  }

  #take(key: string): unknown {
    this.#known.add(key)
    return Object.hasOwn(this.#values, key) ? (this.#values[key] ?? undefined) : undefined
  }

  #blank<Value>(key: string, problem: string, value: Value): Value {
    this.refuse(key, problem)
    return value
  }
}

/** What an operator does about a secret: another Worker has it without the environment's name. */
export const howToSet = (secret: string): string =>
  `set it with "npx wrangler secret put ${secret} --env production", for development in .dev.vars`

/** What stands where a list or a table belongs is not shown: a provider's secret may be in it by mistake. */
const kindOf = (value: unknown): string => {
  if (Array.isArray(value)) return 'a list'
  return isJsonObject(value) ? 'a table' : `a ${typeof value}`
}

/** A value as it may be shown in a problem: quoted and cut. Never for a secret. */
export const quote = (value: unknown): string => cut(JSON.stringify(value) ?? typeof value)

const cut = (text: string): string => (text.length > 100 ? `${text.slice(0, 100)}…` : text)
