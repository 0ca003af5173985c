import { readNames, readText } from './sources.ts'
import type { Finding } from './sources.ts'

/** A test file, below `test/`, and the titles in it that a line of TRACE.md speaks of. */
export interface NamedTest {
  readonly file: string
  readonly titles: readonly string[]
}

/** What TRACE.md names: a path in backticks, and after it titles in italics. */
export const namedTests = (): readonly NamedTest[] =>
  [...readText('test/TRACE.md').matchAll(/`([\w./-]+\.tsx?)`((?:[:;] \*[^*]+\*)*)/g)].map(
    ([, file = '', titles = '']) => ({
      file,
      titles: [...titles.matchAll(/\*([^*]+)\*/g)].map(([, title = '']) => title),
    }),
  )

/** Files that are not there, and titles that their file does not have. */
export const findUntrue = (named: readonly NamedTest[]): readonly Finding[] =>
  named.flatMap(({ file, titles }) => {
    const folder = file.split('/').slice(0, -1).join('/')
    if (!readNames(`test/${folder}`).includes(file.split('/').at(-1) ?? ''))
      return [{ path: file, problem: 'is not there' }]
    const text = readText(`test/${file}`)
    return titles
      .filter((title) => !text.includes(title))
      .map((title) => ({ path: file, problem: `has no test ${title}` }))
  })
