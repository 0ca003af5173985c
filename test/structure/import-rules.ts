import { posix } from 'node:path'
import type { Finding, Source } from './sources.ts'

/** One import or re-export, as written. */
export interface Import {
  readonly target: string
  readonly isTypeOnly: boolean
}

const STATEMENT = /^(?:import|export)\s+(type\s)?(?:[^'"`;]*?\sfrom\s+)?'([^']+)'/gm
const EXPRESSION = /\b(typeof\s+)?import\('([^']+)'\)/g

export function importsOf(source: Source): readonly Import[] {
  const statements = [...source.text.matchAll(STATEMENT)].map(([, type, target = '']) => ({
    target,
    isTypeOnly: type !== undefined,
  }))
  // In a type position or not: nothing here loads code late, so an expression counts as a real import.
  const expressions = [...source.text.matchAll(EXPRESSION)].map(([, , target = '']) => ({
    target,
    isTypeOnly: false,
  }))
  return [...statements, ...expressions]
}

/** The part of the house that a file belongs to: `core/users`, `sign-in`, `platform`. */
export function partOf(path: string): string {
  const [, ...names] = path.split('/')
  const [first = '', second = ''] = names
  if (!path.startsWith('src/')) return 'outside'
  if (names.length === 1) {
    if (first === 'worker.ts') return 'worker'
    return first === 'config.ts' ? 'config' : 'gateway'
  }
  if (first === 'settings') return 'config'
  return first === 'core' ? `core/${second}` : first
}

/** What each part may import besides itself, from the top of the house to its ground. */
const GROUND = ['protocol', 'platform']
const LOWER: Readonly<Record<string, readonly string[]>> = {
  platform: [],
  protocol: ['platform'],
  pages: GROUND,
  browser: [],
  config: GROUND,
}

/**
 * Types that one noun of the core may take from another: the words of a contract, never its code.
 * Every line here is a decision.
 */
const CORE_TYPES: readonly (readonly [from: string, to: string])[] = [
  // A user's id is the same word in both.
  ['core/users', 'core/sessions'],
  ['core/sessions', 'core/tokens'],
  // Where the session is that a service knows by a name of its own.
  ['core/applications', 'core/sessions'],
]

export const FEATURES = [
  'sign-in',
  'sign-out',
  'token-bridge',
  'openid-provider',
  'service-handoff',
  'shared-sessions',
  'widget-tokens',
  'account',
  'admin',
]

/** DESIGN: worker → gateway → feature → core → protocol, platform, pages. */
export function mayImport(from: string, to: string, isTypeOnly: boolean): boolean {
  if (from === to) return true
  if (to === 'outside' || to === 'worker' || to === 'browser') return false
  const lower = LOWER[from]
  if (lower !== undefined) return lower.includes(to)
  const isCore = (part: string) => part.startsWith('core/')
  if (isCore(from)) {
    if (!isCore(to)) return [...GROUND, 'config'].includes(to)
    if (to === 'core/audit' || from === 'core/revocation') return true
    return isTypeOnly && CORE_TYPES.some(([a, b]) => a === from && b === to)
  }
  if (FEATURES.includes(from)) return isCore(to) || [...GROUND, 'config', 'pages'].includes(to)
  if (from === 'gateway') return true
  return from === 'worker' && (to === 'gateway' || isCore(to))
}

/** Imports that go up, sideways, or out of the house. */
export const findWrongImports = (sources: readonly Source[]): readonly Finding[] =>
  sources.flatMap((source) =>
    importsOf(source).flatMap(({ target, isTypeOnly }) => {
      if (!target.startsWith('.')) return []
      const path = posix.join(posix.dirname(source.path), target)
      const [from, to] = [partOf(source.path), partOf(path)]
      if (mayImport(from, to, isTypeOnly)) return []
      return [{ path: source.path, problem: `${from} imports ${to} (${target})` }]
    }),
  )

/** Folders that no rule speaks of would be outside all of them. */
export const findUnknownParts = (sources: readonly Source[]): readonly Finding[] =>
  sources.flatMap(({ path }) => {
    const part = partOf(path)
    const isKnown =
      ['worker', 'gateway', ...FEATURES, ...Object.keys(LOWER)].includes(part) ||
      part.startsWith('core/')
    return isKnown ? [] : [{ path, problem: `${part} is no part that import-rules.ts knows` }]
  })

const RUNTIME_FREE =
  /^src\/(gateway\.ts|entrance\.tsx|admin\/api\/admin-api\.ts|core\/revocation\/require-user\.ts|.*\/routes\.ts|.*\.tsx)$/

/** Hono stands only where requests are met and pages are drawn. */
export const findHono = (sources: readonly Source[]): readonly Finding[] =>
  sources
    .filter(({ path }) => path.startsWith('src/') && !RUNTIME_FREE.test(path))
    .filter((source) => importsOf(source).some(({ target }) => /^hono(\/|$)/.test(target)))
    .map(({ path }) => ({ path, problem: 'imports Hono' }))

/** Relative imports name the file with its extension, and no folder stands for a file in it. */
export const findImportsWithoutExtension = (sources: readonly Source[]): readonly Finding[] =>
  sources.flatMap((source) =>
    importsOf(source)
      .filter(
        ({ target }) => target.startsWith('.') && !/\.(tsx?|css|svg|json|txt\?raw)$/.test(target),
      )
      .map(({ target }) => ({ path: source.path, problem: `imports ${target}` })),
  )
