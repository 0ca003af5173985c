/** The people who have an account at the local OTROTL. Their subjects never change. */
export interface Person {
  readonly subject: string
  readonly name: string
  readonly email: string
  readonly emailVerified: boolean
  readonly picture: string
  /** The rest of what a provider may say (OpenID Connect Core 1.0 §5.1), in its own words. */
  readonly claims: Readonly<Record<string, unknown>>
}

export const people: readonly Person[] = [
  {
    subject: 'otrotl-1815',
    name: 'Ada Lovelace',
    email: 'ada@otrotl.example',
    emailVerified: true,
    picture: portrait('AL', '#5b3fa6'),
    claims: {
      given_name: 'Ada',
      family_name: 'Lovelace',
      preferred_username: 'ada',
      locale: 'en-GB',
      zoneinfo: 'Europe/London',
      phone_number: '+44 20 7946 0815',
      phone_number_verified: true,
      address: {
        formatted: "12 St James's Square\nLondon SW1Y 4JH\nUnited Kingdom",
        street_address: "12 St James's Square",
        locality: 'London',
        postal_code: 'SW1Y 4JH',
        country: 'United Kingdom',
      },
    },
  },
  {
    subject: 'otrotl-1906',
    name: 'Grace Hopper',
    email: 'grace@otrotl.example',
    emailVerified: true,
    picture: portrait('GH', '#0b6e63'),
    claims: {
      given_name: 'Grace',
      family_name: 'Hopper',
      preferred_username: 'grace',
      locale: 'en-US',
      zoneinfo: 'America/New_York',
      phone_number: '+1 202-555-0106',
      phone_number_verified: true,
      address: { locality: 'Arlington', region: 'Virginia', country: 'United States' },
    },
  },
  // One who is harder on a gateway: letters outside ASCII, and an address nobody has verified.
  {
    subject: 'otrotl-1977',
    name: 'Zoë Nuñez-O’Hara 王',
    email: 'zoe@otrotl.example',
    emailVerified: false,
    picture: portrait('ZN', '#9a3b1f'),
    claims: {
      given_name: 'Zoë',
      family_name: 'Nuñez-O’Hara 王',
      preferred_username: 'zoë',
      locale: 'es-MX',
      zoneinfo: 'America/Mexico_City',
      phone_number: '+52 55 5555 0177',
      phone_number_verified: false,
      address: { country: 'México' },
    },
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
