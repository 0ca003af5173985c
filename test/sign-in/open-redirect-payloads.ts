import text from './open-redirect-payloads.txt?raw'

/** The list beside this file, and what is too long to stand in it. */
export const payloads: readonly string[] = [
  ...text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('# '))
    .map((line) => (/^".*"$/.test(line) && isJson(line) ? (JSON.parse(line) as string) : line)),
  `/${'a'.repeat(16 * 1024)}`,
  `//evil.example/${'a'.repeat(4000)}`,
  `${'/'.repeat(2000)}evil.example`,
  `https://app.example${'/a'.repeat(2000)}`,
]

function isJson(line: string): boolean {
  try {
    JSON.parse(line)
    return true
  } catch {
    return false
  }
}
