/** What Linux says of processes: who listens at a port, how much CPU time it has used, how much memory it holds. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs'

/** The id of the process that listens at 127.0.0.1:`port`. Throws when there is none that we may look into. */
export function processListeningAt(port: number): number {
  const address = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const sockets = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
  const listening = '0A'
  const inode = sockets.find(([, local, , state]) => local === address && state === listening)?.[9]
  const holder = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .find((id) => openFilesOf(id).includes(`socket:[${inode}]`))
  if (inode === undefined || holder === undefined) throw new Error(`nobody listens at ${port}`)
  return Number(holder)
}

/** What its file descriptors lead to. What is gone while we look, or is somebody else's, is left out. */
const openFilesOf = (id: string): string[] =>
  lookAt(() => readdirSync(`/proc/${id}/fd`), []).map((name) =>
    lookAt(() => readlinkSync(`/proc/${id}/fd/${name}`), ''),
  )

function lookAt<Value>(look: () => Value, otherwise: Value): Value {
  try {
    return look()
  } catch {
    return otherwise
  }
}

/** User and system time of all of its threads, to the microsecond: `stat` has it in steps of ten milliseconds. */
export function cpuSecondsOf(processId: number): number {
  const folder = `/proc/${processId}/task`
  let nanoseconds = 0
  for (const thread of readdirSync(folder)) {
    const schedule = lookAt(() => readFileSync(`${folder}/${thread}/schedstat`, 'utf8'), '0')
    nanoseconds += Number(schedule.split(' ')[0])
  }
  return nanoseconds / 1_000_000_000
}

/** What it holds in memory now. */
export function residentMegabytesOf(processId: number): number {
  const status = readFileSync(`/proc/${processId}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024
}
