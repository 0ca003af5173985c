import { vi } from 'vitest'

export type LoggedLine = Readonly<Record<string, unknown>> & { readonly event: string }

/** Takes every log line from now until the test ends; they are not printed. */
export function captureLog(): {
  readonly lines: readonly LoggedLine[]
  readonly text: () => string
} {
  const lines: LoggedLine[] = []
  for (const level of ['info', 'warn', 'error'] as const) {
    vi.spyOn(console, level).mockImplementation((line: unknown) => {
      lines.push(JSON.parse(String(line)) as LoggedLine)
    })
  }
  return { lines, text: () => JSON.stringify(lines) }
}

/**
 * The lines that tell of a decision, rather than of a request, or of a key ring that makes its first keys
 * because this happens to be its first request.
 */
export const decisions = (lines: readonly LoggedLine[]): readonly LoggedLine[] =>
  lines.filter(({ event }) => event !== 'request.completed' && event !== 'key.activated')
