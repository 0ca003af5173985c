import { describe, expect, it } from 'vitest'
import {
  findBadNames,
  findBarrels,
  findDevelopmentImports,
  findForeignTables,
  findImpurity,
  findLongFiles,
  findModuleState,
  findSharedTables,
  findStatefulTests,
  findStrayTests,
  findSwitchedTests,
  findTypeEscapes,
  findUnfinished,
  findWishes,
  tablesOf,
} from './house-rules.ts'
import { readNames, readSources, readText } from './sources.ts'
import type { Finding, Source } from './sources.ts'

const own = readSources('src')
const all = readSources('src', 'test', 'dev')
/** The rules and their bad examples would find each other. */
const others = all.filter(({ path }) => !path.startsWith('test/structure/'))

const directory = readNames('src/migrations')
  .map((name) => readText(`src/migrations/${name}`))
  .join('\n')
const directoryTables = [...directory.matchAll(/CREATE TABLE (\w+)/g)].map(([, name = '']) => name)
const { dependencies } = JSON.parse(readText('package.json')) as {
  dependencies: Record<string, string>
}

const file = (path: string, text = ''): Source => ({ path, text })

/** A rule holds in the project, and finds each of the bad examples. */
function holds(
  title: string,
  rule: (sources: readonly Source[]) => readonly Finding[],
  sources: readonly Source[],
  { bad, good = [] }: { readonly bad: readonly Source[]; readonly good?: readonly Source[] },
): void {
  describe(title, () => {
    it('holds here', () => expect(rule(sources)).toEqual([]))
    it.each(bad)('is broken by %o', (source) => expect(rule([source])).toHaveLength(1))
    if (good.length > 0) it('leaves the rest alone', () => expect(rule(good)).toEqual([]))
  })
}

holds('names are kebab-case and say something', findBadNames, all, {
  bad: [
    file('src/core/UserStore.ts'),
    file('src/core/user_store.ts'),
    file('src/utils/text.ts'),
    file('src/core/users/helpers.ts'),
    file('src/core/users/index.ts'),
    file('src/sign-in/types.d.ts'),
    file('test/common/a.test.ts'),
  ],
  good: [file('src/shared-sessions/routes.ts'), file('test/core/users/users.test.ts')],
})

holds('files stay short', findLongFiles, all, {
  bad: [file('src/a.ts', '\n'.repeat(301)), file('test/a.test.ts', '\n'.repeat(601))],
  good: [file('src/a.ts', '\n'.repeat(300))],
})

holds('time, chance and the network come from platform', findImpurity, own, {
  bad: [
    file('src/core/users/users.ts', 'const now = Date.now()'),
    file('src/core/users/users.ts', 'const now = new Date()'),
    file('src/sign-in/start.ts', 'Math.random()'),
    file('src/sign-in/start.ts', 'crypto.randomUUID()'),
    file('src/sign-in/start.ts', 'crypto.getRandomValues(bytes)'),
    file('src/core/a/b.ts', 'await fetch(url)'),
    file('src/core/a/b.ts', 'const ask = globalThis.fetch'),
  ],
  good: [
    file('src/platform/clock.ts', 'Date.now()'),
    file('src/worker.ts', 'gatewayFor(env).fetch(request)'),
    file('src/core/a/b.ts', 'new Date(at * 1000)'),
    file('src/core/a/b.ts', '// never fetch(url) here'),
  ],
})

holds('nothing goes around the type checker', findTypeEscapes, others, {
  bad: [
    file('src/a.ts', 'const a = b as any'),
    file('src/a.ts', 'function a(b: any) {}'),
    file('src/a.ts', 'const a: Map<string, any> = b'),
    file('src/a.ts', '// @ts-ignore'),
    file('test/a.ts', '// @ts-expect-error'),
    file('src/a.ts', 'enum A { b }'),
  ],
  good: [
    file('src/a.ts', '/** In any case, any of them: any. */'),
    file('src/a.ts', "const a = 'of any'"),
    file('src/a.ts', 'Promise.any(all)'),
  ],
})

holds('nothing is left for later', findUnfinished, others, {
  bad: [file('src/a.ts', '// TODO: more'), file('src/a.ts', "throw new Error('not there yet')")],
})

holds('module scope holds no variable', findModuleState, own, {
  bad: [file('src/core/a/b.ts', 'let user'), file('src/core/a/b.ts', 'export var user = 1')],
  good: [file('src/core/a/b.ts', 'function f() {\n  let user\n}')],
})

holds('yes/no questions are not asked of stateful expressions', findStatefulTests, own, {
  bad: [
    file('src/a.ts', 'const ORIGIN = /^https:/g\nif (ORIGIN.test(value)) {}'),
    file('src/a.ts', 'if (/^https:/gi.test(value)) {}'),
  ],
  good: [
    file('src/a.ts', 'const ORIGIN = /^https:/\nif (ORIGIN.test(value)) {}'),
    file('src/a.ts', 'const PART = /a/g\nvalue.matchAll(PART)'),
  ],
})

holds('no file only passes others on', findBarrels, own, {
  bad: [
    file(
      'src/core/users/all.ts',
      "/** All. */\nexport { a } from './a.ts'\nexport * from './b.ts'\n",
    ),
  ],
  good: [file('src/worker.ts', "export { A } from './a.ts'\n"), file('src/a.ts', 'const a = 1')],
})

holds('SQL stands in the core', findSharedTables, own, {
  bad: [
    file('src/sign-in/start.ts', 'sql`SELECT * FROM users`'),
    file('src/platform/a.ts', "'DELETE FROM users'"),
  ],
  good: [file('src/core/users/users.ts', "'INSERT INTO users (id) VALUES (?1)'")],
})

describe('a table has one file that reads and writes it', () => {
  it('among all nouns, in the directory', () => {
    expect(directoryTables).toContain('users')
    expect(findForeignTables(own, directoryTables)).toEqual([])
  })

  it('and a second one is found', () => {
    const two = [
      file('src/core/users/users.ts', "'SELECT id FROM users'"),
      file('src/core/users/more.ts', "'UPDATE users SET name = ?1'"),
    ]
    expect(findSharedTables(two)).toHaveLength(1)
    const far = [two[0]!, file('src/core/audit/audit.ts', "'SELECT 1 FROM a JOIN users'")]
    expect(findForeignTables(far, ['users'])).toHaveLength(1)
  })

  it('and the tables of a statement are found', () => {
    expect(
      tablesOf(file('src/core/a/b.ts', '`INSERT OR IGNORE INTO a SELECT x FROM b JOIN c`')),
    ).toEqual(['a', 'b', 'c'])
  })
})

describe('tests', () => {
  it('mirror src', () => {
    expect(findStrayTests(all)).toEqual([])
    const stray = (path: string) => findStrayTests([file('src/core/users/users.ts'), file(path)])
    expect(stray('test/core/people/users.test.ts')).toHaveLength(1)
    expect(stray('test/users.test.ts')).toHaveLength(1)
    expect(stray('test/core/users/users.test.ts')).toEqual([])
    expect(stray('test/world/provider.test.ts')).toEqual([])
  })

  it('say what is, not what should be', () => {
    expect(findWishes(others)).toEqual([])
    for (const text of [
      "it('should work', () => {})",
      'describe(`it should`, () => {})',
      "it.each([1])('%i should do', () => {})",
    ]) {
      expect(findWishes([file('test/a.test.ts', text)]), text).toHaveLength(1)
    }
  })

  it('all run', () => {
    expect(findSwitchedTests(others)).toEqual([])
    for (const text of ["it.only('a')", "describe.skip('a')", "it.todo('a')"]) {
      expect(findSwitchedTests([file('test/a.test.ts', text)]), text).toHaveLength(1)
    }
  })
})

it('the Worker imports only what is installed for it', () => {
  const names = Object.keys(dependencies)
  expect(findDevelopmentImports(own, names)).toEqual([])
  const bad = file(
    'src/a.ts',
    "import { z } from 'fast-check'\nimport { readFile } from 'node:fs'\n",
  )
  expect(findDevelopmentImports([bad], names)).toHaveLength(2)
  const types = "import type { Annoto } from '@annoto/widget-api'\n"
  expect(findDevelopmentImports([file('src/browser/a.ts', types)], names)).toEqual([])
  expect(findDevelopmentImports([file('src/a.ts', types)], names)).toHaveLength(1)
})
