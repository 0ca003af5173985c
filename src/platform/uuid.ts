const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** A random UUID (RFC 9562 §5.4): 122 bits that nobody guesses, in lower case. */
export const randomUuid = (): string => crypto.randomUUID()

export const isUuid = (value: unknown): value is string =>
  typeof value === 'string' && UUID.test(value)
