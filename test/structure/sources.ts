import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** One file of this project as the rules see it. */
export interface Source {
  /** From the project's root, with forward slashes: `src/core/users/users.ts`. */
  readonly path: string
  readonly text: string
}

/** A broken rule: where, and what it says. */
export interface Finding {
  readonly path: string
  readonly problem: string
}

const root = fileURLToPath(new URL('../..', import.meta.url))

/** What tools write for us; none of the rules is about it. */
const GENERATED = ['src/worker-env.d.ts', 'src/pages/built-assets.ts']

/** All TypeScript of some folders, without what is generated. */
export const readSources = (...folders: readonly string[]): readonly Source[] =>
  folders
    .flatMap((folder) =>
      readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' }).map(
        (name) => `${folder}/${name}`,
      ),
    )
    .filter((path) => /\.tsx?$/.test(path) && !GENERATED.includes(path))
    .toSorted()
    .map((path) => ({ path, text: readText(path) }))

/** One file of the project, by its path from the root. */
export const readText = (path: string): string => readFileSync(`${root}${path}`, 'utf8')

/** The names in one folder. */
export const readNames = (folder: string): readonly string[] =>
  readdirSync(`${root}${folder}`).toSorted()

/**
 * The code without its comments, so that a rule is not about what a comment speaks of. A `//` inside a
 * text (`https://`) stays, since a comment begins a line or follows a blank.
 */
export const withoutComments = (text: string): string =>
  text.replace(/\/\*[^]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1')
