/** The people who have an account at the local OTROTL. Their subjects never change. */
export interface Person {
  readonly subject: string
  readonly name: string
  readonly email: string
  readonly emailVerified: boolean
  readonly picture: string
}

export const people: readonly Person[] = [
  {
    subject: 'otrotl-1815',
    name: 'Ada Lovelace',
    email: 'ada@otrotl.example',
    emailVerified: true,
    picture: portrait('AL', '#5b3fa6'),
  },
  {
    subject: 'otrotl-1906',
    name: 'Grace Hopper',
    email: 'grace@otrotl.example',
    emailVerified: true,
    picture: portrait('GH', '#0b6e63'),
  },
  // One who is harder on a gateway: letters outside ASCII, and an address nobody has verified.
  {
    subject: 'otrotl-1977',
    name: 'Zoë Nuñez-O’Hara 王',
    email: 'zoe@otrotl.example',
    emailVerified: false,
    picture: portrait('ZN', '#9a3b1f'),
  },
]

export const findPerson = (subject: string): Person | undefined =>
  people.find((person) => person.subject === subject)

/** A picture that needs no network: initials on a disc, as a `data:` URL. */
function portrait(initials: string, colour: string): string {
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><circle cx="32" cy="32" r="32" fill="${colour}"/>` +
    `<text x="32" y="41" font-family="sans-serif" font-size="26" fill="#fff" text-anchor="middle">${initials}</text></svg>`
  return `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`
}
