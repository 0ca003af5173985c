/** One structured line. `event` is a stable name; no field holds a token, code, cookie, secret or e-mail address. */
export interface LogLine {
  readonly event: string
  readonly [field: string]: string | number | boolean | undefined
}

export function log(level: 'info' | 'warn' | 'error', line: LogLine): void {
  console[level](JSON.stringify({ level, ...line }))
}

/**
 * What may be said of a thrown value in a log: what it is, and the first line of its message, cut. Libraries name
 * their errors after classes, whose names do not outlive minifying; their codes do.
 */
export function describeThrown(thrown: unknown): string {
  if (!(thrown instanceof Error)) return typeof thrown
  const kind = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : thrown.name
  return `${kind}: ${thrown.message.split('\n', 1)[0]?.slice(0, 200) ?? ''}`
}
