/** Any number of people with an account at OTROTL: as many first sign-ins as a measurement needs. */
import type { Person } from '../../dev/otrotl/people.ts'

const PREFIX = 'bench-'

export const benchPerson = (number: number): Person => ({
  subject: `${PREFIX}${number}`,
  name: `Person ${number}`,
  email: `person-${number}@otrotl.example`,
  emailVerified: true,
  picture: `https://otrotl.example/pictures/${number}.png`,
  claims: { given_name: 'Person', family_name: String(number), locale: 'en-GB' },
})

export const findBenchPerson = (subject: string): Person | undefined =>
  subject.startsWith(PREFIX) ? benchPerson(Number(subject.slice(PREFIX.length))) : undefined
