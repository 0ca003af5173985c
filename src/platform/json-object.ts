/** Whether a value is what a JSON object parses to. */
export const isJsonObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * The JSON object in some bytes; undefined when they are not well-formed UTF-8, begin with a byte order
 * mark, or hold anything but one object.
 */
export function parseJsonObject(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    const value = JSON.parse(text) as unknown
    return isJsonObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** The members that say something, as JSON would keep them. */
export const withoutUndefined = <Members extends object>(members: Members) =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Members]?: Exclude<Members[Name], undefined>
  }
