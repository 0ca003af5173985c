/**
 * The same text with one character changed that counts. The last ones of base64url may hold bits that nobody reads,
 * and may already be what a test would put there.
 */
export const tampered = (text: string): string =>
  text.slice(0, -9) + (text.at(-9) === 'A' ? 'B' : 'A') + text.slice(-8)
