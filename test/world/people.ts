/** People whom the providers of the test world know. Each provider has its own subject for a person. */
export interface Person {
  readonly sub: string
  readonly name: string
  readonly email: string
  readonly email_verified: boolean
  readonly picture: string
  readonly given_name?: string
  readonly family_name?: string
  readonly preferred_username?: string
  readonly locale?: string
  readonly zoneinfo?: string
  readonly phone_number?: string
  readonly phone_number_verified?: boolean
  readonly address?: Readonly<Record<string, string>>
}

export const people = {
  alice: {
    sub: 'sub-alice',
    name: 'Alice Archer',
    email: 'alice@example.org',
    email_verified: true,
    picture: 'https://pictures.example/alice.png',
    given_name: 'Alice',
    family_name: 'Archer',
    preferred_username: 'alice',
    locale: 'en-GB',
    zoneinfo: 'Europe/London',
    phone_number: '+44 20 7946 0123',
    phone_number_verified: true,
    address: { formatted: '1 Bow Lane\nLondon', locality: 'London', country: 'GB' },
  },
  bob: {
    sub: 'sub-bob',
    name: 'Bob Brewer',
    email: 'bob@example.org',
    email_verified: true,
    picture: 'https://pictures.example/bob.png',
  },
  mallory: {
    sub: 'sub-mallory',
    name: 'Mallory Mill',
    email: 'mallory@example.org',
    email_verified: false,
    picture: 'https://pictures.example/mallory.png',
  },
} as const satisfies Record<string, Person>

export type PersonName = keyof typeof people
