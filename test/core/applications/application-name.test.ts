import { describe, expect, it } from 'vitest'
import { judgeRegistration } from '../../../src/core/applications/registration.ts'

describe("an application's name, which stands on the consent page", () => {
  const judge = async (name: string) =>
    (await judgeRegistration({ name }, { issuer: 'https://login.example' })).ok

  it.each([
    'Shop',
    'می\u200cخواهم',
    'क्\u200dष',
    '❤\ufe0f shop',
    '👩\u200d👧',
    '🏴\u{e0067}\u{e0062}\u{e007f}',
  ])('may be %j', async (name) => {
    expect(await judge(name)).toBe(true)
  })

  it.each([
    '\u00ad',
    '\u034f',
    '\u115f',
    '\u17b4',
    '\u200b',
    '\u202e',
    '\u2060',
    '\u2800',
    '\u3164',
    '\ufeff',
    '\uffa0',
  ])('that another name would look like is refused: with %j in it', async (character) => {
    expect(await judge(`Sh${character}op`)).toBe(false)
  })

  it('of which nothing is to be seen is refused', async () => {
    for (const name of ['', '\u200d', '\ufe0f\u200c']) expect(await judge(name)).toBe(false)
  })
})
