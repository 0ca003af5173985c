/** People whom the providers of the test world know. Each provider has its own subject for a person. */
export interface Person {
  readonly sub: string
  readonly name: string
  readonly email: string
  readonly email_verified: boolean
  readonly picture: string
}

export const people = {
  alice: {
    sub: 'sub-alice',
    name: 'Alice Archer',
    email: 'alice@example.org',
    email_verified: true,
    picture: 'https://pictures.example/alice.png',
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
