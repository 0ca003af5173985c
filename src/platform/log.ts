/** One structured line. `event` is a stable name; no field holds a token, code, cookie, secret or e-mail address. */
export interface LogLine {
  readonly event: string
  readonly [field: string]: string | number | boolean | undefined
}

export function log(level: 'info' | 'warn' | 'error', line: LogLine): void {
  console[level](JSON.stringify({ level, ...line }))
}

/** What may be said of a thrown value in a log: its class and the first line of its message, cut. */
export const describeThrown = (thrown: unknown): string =>
  thrown instanceof Error
    ? `${thrown.name}: ${thrown.message.split('\n', 1)[0]?.slice(0, 200) ?? ''}`
    : typeof thrown
