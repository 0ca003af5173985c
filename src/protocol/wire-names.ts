/**
 * What the specifications write with underscores (a client's registration: RFC 7591 §2, OpenID Connect Dynamic Client
 * Registration 1.0 §2, RFC 9126 §6, RFC 9449 §5.2, the logout specifications), and the management API after them, has
 * inside the same name as TypeScript writes it: `redirect_uris` is `redirectUris`.
 */
export type WireName<Name> = Name extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `_${Lowercase<First>}`}${WireName<Rest>}`
  : Name

type OwnName<Name> = Name extends `${infer First}_${infer Rest}`
  ? `${First}${Capitalize<OwnName<Rest>>}`
  : Name

export const wireName = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

const ownName = (name: string): string =>
  name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

const renamed = (members: object, rename: (name: string) => string) =>
  Object.fromEntries(
    Object.entries(members).map(([name, value]) => [rename(name), value as unknown]),
  )

/** The same members under their names on the wire; what is inside them stays as it is. */
export const toWire = <Members extends object>(members: Members) =>
  renamed(members, wireName) as {
    [Name in keyof Members as WireName<Name> & string]: Members[Name]
  }

/** And back. */
export const fromWire = <Members extends object>(members: Members) =>
  renamed(members, ownName) as {
    [Name in keyof Members as OwnName<Name> & string]: Members[Name]
  }
