import { readdirSync, readFileSync } from 'node:fs'

/** The memory that our own workerd processes hold now (resident set, Linux), in MB. */
export function workerdMegabytes(): number {
  let kibibytes = 0
  for (const id of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const status = readFileSync(`/proc/${id}/status`, 'utf8')
      const isOurs =
        status.startsWith('Name:\tworkerd\n') && status.includes(`PPid:\t${process.pid}\n`)
      if (isOurs) kibibytes += Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0)
    } catch {
      // It ended while we looked.
    }
  }
  return (kibibytes * 1024) / 1_000_000
}
