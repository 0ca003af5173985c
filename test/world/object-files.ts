/**
 * Which objects hold anything at all, told by their files: for `snapshot`, which would otherwise wake every object
 * of every test before. `reset` leaves of each the one page of an empty database. Runs in Node, beside the runtime.
 */
import { globSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'

const EMPTY_BYTES = 4096

/** The ids of objects of this class below miniflare's directories. What is only in memory has a file beside it. */
export function writtenObjects(directory: string, className: string): readonly string[] {
  const databases = globSync(join(directory, `miniflare-*/do/*-${className}/*.sqlite`))
  return databases.filter(holdsSomething).map((path) => basename(path, '.sqlite'))
}

/** Files may go while one looks: then there is nothing in them. */
const holdsSomething = (path: string): boolean =>
  sizeOf(path) > EMPTY_BYTES || sizeOf(`${path}-wal`) > 0

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0
