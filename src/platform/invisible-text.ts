/**
 * Whether a text has characters of which nothing is to be seen: Unicode's Default_Ignorable_Code_Point, and the blank
 * of Braille. Two names that differ in them alone look the same, so nobody is known by such a one (RFC 8264 §9.13).
 */
export const hasInvisible = (text: string): boolean => /[\p{DI}\u2800]/u.test(text)

/** Whether nothing at all of a text is to be seen. */
export const isInvisible = (text: string): boolean => /^[\s\p{DI}\u2800]*$/u.test(text)
