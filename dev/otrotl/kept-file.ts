import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** A JSON value in a file, readable by its owner only. Written whole and then renamed, so it is never found half-written. */
export interface KeptFile<Value> {
  read(): Value | undefined
  write(value: Value): void
}

export function keptFile<Value>(path: string): KeptFile<Value> {
  return {
    read: () => (existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Value) : undefined),
    write(value) {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(`${path}.new`, JSON.stringify(value), { mode: 0o600 })
      renameSync(`${path}.new`, path)
    },
  }
}
