import { importsOf } from './import-rules.ts'
import { withoutComments } from './sources.ts'
import type { Finding, Source } from './sources.ts'

const MAX_LINES = 300

const BANNED_NAMES = [
  'common',
  'controllers',
  'handlers',
  'helpers',
  'index',
  'lib',
  'managers',
  'misc',
  'services',
  'shared',
  'types',
  'util',
  'utils',
]

/** Folders and files are named in kebab-case, for what they do. */
export const findBadNames = (sources: readonly Source[]): readonly Finding[] =>
  sources.flatMap(({ path }) =>
    path.split('/').flatMap((segment) => {
      const name = segment.replace(/(\.(test|d))?\.tsx?$/, '')
      if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name))
        return [{ path, problem: `${segment} is not kebab-case` }]
      return BANNED_NAMES.includes(name) ? [{ path, problem: `${segment} says nothing` }] : []
    }),
  )

/** Beyond this many lines a wall is missing. Tables of cases in tests may be longer. */
export const findLongFiles = (sources: readonly Source[]): readonly Finding[] =>
  sources.flatMap(({ path, text }) => {
    const lines = text.split('\n').length - 1
    const max = path.endsWith('.test.ts') || path.endsWith('.test.tsx') ? 2 * MAX_LINES : MAX_LINES
    return lines > max ? [{ path, problem: `has ${lines} lines` }] : []
  })

/** What differs from run to run comes from one place, so that a test can hold it. */
const IMPURE = [
  /\bDate\.now\b/,
  /\bnew Date\(\s*\)/,
  /\bperformance\.now\b/,
  /\bMath\.random\b/,
  /\bgetRandomValues\b/,
  /\brandomUUID\b/,
  // A call; the method of a Durable Object that is reached by requests is only declared.
  /(?<![.\w#]|override )fetch\(/,
  /\bglobalThis\.fetch\b/,
]

export const findImpurity = (sources: readonly Source[]): readonly Finding[] =>
  sources
    .filter(({ path }) => path.startsWith('src/') && !/^src\/(platform|browser)\//.test(path))
    .flatMap(({ path, text }) => {
      const code = withoutComments(text)
      return IMPURE.filter((pattern) => pattern.test(code)).map((pattern) => ({
        path,
        problem: `uses ${pattern.source}`,
      }))
    })

const ESCAPES = [
  /\bas any\b/,
  /[:<|&,]\s*any\b(?!\s*[(:?])/,
  /\bany\[\]/,
  /\benum\s+\w+\s*\{/,
  /\bnamespace\s+\w+\s*\{/,
]

/** Directives stand in comments, so these are looked for in the whole text. */
const DIRECTIVE = /@ts-(ignore|nocheck|expect-error)/

/** Ways around the type checker. Declarations are left out: they follow the form of what they declare. */
export const findTypeEscapes = (sources: readonly Source[]): readonly Finding[] =>
  sources
    .filter(({ path }) => !path.endsWith('.d.ts'))
    .flatMap(({ path, text }) => {
      const code = withoutTexts(withoutComments(text))
      const found = ESCAPES.filter((pattern) => pattern.test(code))
      return [...found, ...(DIRECTIVE.test(text) ? [DIRECTIVE] : [])].map((pattern) => ({
        path,
        problem: `has ${pattern.source}`,
      }))
    })

const withoutTexts = (code: string): string =>
  code.replace(/'(?:[^'\\\n]|\\.)*'/g, "''").replace(/`(?:[^`\\]|\\.)*`/g, '``')

const UNFINISHED =
  /\b(TODO|FIXME|XXX|HACK)\b|\bnot (there|implemented) yet\b|\bto be (implemented|completed) by\b/

/** Notes about what is still to be done. */
export const findUnfinished = (sources: readonly Source[]): readonly Finding[] =>
  sources.flatMap(({ path, text }) => {
    const [mark] = UNFINISHED.exec(text) ?? []
    return mark === undefined ? [] : [{ path, problem: `says "${mark}"` }]
  })

/** Module state is shared by all requests of an isolate: nothing in it may be replaced. */
export const findModuleState = (sources: readonly Source[]): readonly Finding[] =>
  sources
    .filter(({ path }) => path.startsWith('src/') && !path.startsWith('src/browser/'))
    .filter(({ text }) => /^(export )?(let|var) /m.test(withoutComments(text)))
    .map(({ path }) => ({ path, problem: 'has a variable in module scope' }))

/** A regular expression with `g` or `y` remembers where it stopped: as a yes/no question it answers every other time. */
export const findStatefulTests = (sources: readonly Source[]): readonly Finding[] =>
  sources.flatMap(({ path, text }) => {
    const code = withoutComments(text)
    const names = [...code.matchAll(/const (\w+)(?::[^=\n]*)? =\s*\/.*\/[a-z]*[gy][a-z]*$/gm)]
    return names
      .filter(([, name]) => new RegExp(`\\b${name}\\.(test|exec)\\(`).test(code))
      .map(([, name]) => ({ path, problem: `asks ${name}, which is stateful` }))
      .concat(
        /\/[a-z]*[gy][a-z]*\.(test|exec)\(/.test(code)
          ? [{ path, problem: 'asks a stateful regular expression' }]
          : [],
      )
  })

/** A file that only passes on what others export; the runtime needs one, nobody else does. */
export const findBarrels = (sources: readonly Source[]): readonly Finding[] =>
  sources
    .filter(({ path }) => path !== 'src/worker.ts')
    .filter(({ text }) => {
      const rest = withoutComments(text).replace(
        /^export (type )?(\*|\{[^}]*\})[^\n]* from '[^']+'$/gm,
        '',
      )
      return rest.trim() === '' && text.includes('export')
    })
    .map(({ path }) => ({ path, problem: 'is a barrel' }))

const STATEMENT = /\b(?:FROM|JOIN|INTO|UPDATE(?: OR \w+)?)\s+([a-z_]+)\b/g

/** The tables that the SQL of a file reads or writes. Statements are written in capitals. */
export const tablesOf = (source: Source): readonly string[] => {
  const code = withoutComments(source.text)
  if (!/\b(SELECT|INSERT|UPDATE|DELETE)\b/.test(code)) return []
  return [...new Set([...code.matchAll(STATEMENT)].map(([, table = '']) => table))]
}

/** SQL stands in the core, and each table is read and written by one file only. */
export function findSharedTables(sources: readonly Source[]): readonly Finding[] {
  const owners = new Map<string, string>()
  const findings: Finding[] = []
  for (const source of sources.filter(({ path }) => path.startsWith('src/'))) {
    for (const table of tablesOf(source)) {
      // Two objects may each have a table of one name; a noun is the reach of a name.
      const name = `${source.path.split('/').slice(0, 3).join('/')}/${table}`
      const owner = owners.get(name)
      if (!source.path.startsWith('src/core/')) {
        findings.push({ path: source.path, problem: `has SQL for ${table} outside the core` })
      } else if (owner !== undefined) {
        findings.push({ path: source.path, problem: `has SQL for ${table}, which ${owner} owns` })
      }
      owners.set(name, owner ?? source.path)
    }
  }
  return findings
}

/** Tables of the directory are named once among all nouns. */
export function findForeignTables(
  sources: readonly Source[],
  directoryTables: readonly string[],
): readonly Finding[] {
  const owners = new Map<string, string>()
  const findings: Finding[] = []
  for (const source of sources.filter(({ path }) => path.startsWith('src/core/'))) {
    for (const table of tablesOf(source).filter((name) => directoryTables.includes(name))) {
      const owner = owners.get(table) ?? source.path
      if (owner !== source.path) {
        findings.push({ path: source.path, problem: `has SQL for ${table}, which ${owner} owns` })
      }
      owners.set(table, owner)
    }
  }
  return findings
}

/** Folders of test/ that are no mirror of src/. */
const OF_ITS_OWN = /^test\/(world|browser|clients|bench|structure)\//
/** Tests of the whole gateway, which have no single subject. */
const OF_THE_WHOLE = [
  'test/route-table.test.ts',
  'test/robustness.test.ts',
  'test/costs.test.ts',
  'test/cold-isolate.test.ts',
  'test/every-cause.test.ts',
  'test/whole-life.test.ts',
]

/** test/ mirrors src/: a test stands in its subject's folder and begins with its subject's name. */
export function findStrayTests(sources: readonly Source[]): readonly Finding[] {
  const subjects = new Set(sources.map(({ path }) => path.replace(/\.tsx?$/, '')))
  const folders = new Set([...subjects].map((path) => path.split('/').slice(0, -1).join('/')))
  return sources
    .filter(({ path }) => /^test\/.*\.test\.tsx?$/.test(path))
    .filter(({ path }) => !OF_ITS_OWN.test(path) && !OF_THE_WHOLE.includes(path))
    .flatMap(({ path }) => {
      // The folder test/browser is taken by what runs in a real one.
      const mirrored = path
        .replace(/^test\/(browser-script\/)?/, (_, script) => (script ? 'src/browser/' : 'src/'))
        .replace(/\.test\.tsx?$/, '')
      const folder = mirrored.split('/').slice(0, -1).join('/')
      if (!folders.has(folder)) return [{ path, problem: `has no folder ${folder} to mirror` }]
      // In a folder of src, a test may also be about what its files do together.
      const isAlone = folder === 'src' || folder === 'src/platform' || folder === 'src/protocol'
      return isAlone && !subjects.has(mirrored)
        ? [{ path, problem: `has no subject ${mirrored}` }]
        : []
    })
}

/** A title says what is, not what should be. */
export const findWishes = (sources: readonly Source[]): readonly Finding[] =>
  sources
    .filter(({ path }) => /\.test\.tsx?$/.test(path))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/\b(?:it|test|describe)(?:\.\w+)*(?:\([^]*?\))??\(\s*(['"`])(.*?)\1/g)]
        .filter(([, , title = '']) => /\bshould\b/i.test(title))
        .map(([, , title]) => ({ path, problem: `"${title}"` })),
    )

/** A test that runs alone, or not at all, hides the others or itself. */
export const findSwitchedTests = (sources: readonly Source[]): readonly Finding[] =>
  sources
    .filter(({ path }) => /\.test\.tsx?$/.test(path))
    .filter(({ text }) => /\b(it|test|describe)\.(only|skip|todo)\b/.test(withoutComments(text)))
    .map(({ path }) => ({ path, problem: 'has a test that is switched on or off' }))

/** What is installed for tests and development is not in the Worker; types are in nothing that is built. */
export const findDevelopmentImports = (
  sources: readonly Source[],
  dependencies: readonly string[],
): readonly Finding[] =>
  sources
    .filter(({ path }) => path.startsWith('src/'))
    .flatMap((source) =>
      importsOf(source)
        .filter(({ isTypeOnly }) => !(isTypeOnly && source.path.startsWith('src/browser/')))
        .map(({ target }) => target)
        .filter((target) => !target.startsWith('.') && !target.startsWith('cloudflare:'))
        // What the runtime itself has of Node, and only where it is met.
        .filter(
          (target) => !(target.startsWith('node:') && source.path.startsWith('src/platform/')),
        )
        .filter(
          (target) =>
            !dependencies.some((name) => target === name || target.startsWith(`${name}/`)),
        )
        .map((target) => ({ path: source.path, problem: `imports ${target}` })),
    )
