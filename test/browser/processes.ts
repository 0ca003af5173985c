import { readdirSync, readFileSync } from 'node:fs'

export interface RunningProcess {
  readonly id: number
  readonly commandLine: string
}

/** The living processes that were started with this state directory in their environment. */
export const processesOf = (stateDirectory: string): RunningProcess[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((id) => read(`/proc/${id}/environ`).includes(stateDirectory))
    .map((id) => ({
      id: Number(id),
      commandLine: read(`/proc/${id}/cmdline`).replaceAll('\0', ' '),
    }))

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // It ended in this moment, or is not ours to read.
  }
}
