import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readJson } from '../../src/platform/read-json.ts'

const post = (body: BodyInit, type = 'application/json') =>
  new Request('https://login.example/', {
    method: 'POST',
    body,
    headers: { 'content-type': type },
  })

const read = async (body: BodyInit, type?: string) => readJson(post(body, type))

const codeOf = async (body: BodyInit, type?: string) => {
  const result = await read(body, type)
  return result.ok ? 'ok' : result.refusal.code
}

describe('a JSON value', () => {
  it('comes back as it was sent', async () => {
    const json = fc.jsonValue({ maxDepth: 5, stringUnit: 'grapheme' })
    await fc.assert(
      fc.asyncProperty(json, fc.constantFrom(undefined, 2), async (value, space) => {
        const text = JSON.stringify(value, undefined, space)
        fc.pre(!text.includes('"__proto__"'))
        expect(await read(text)).toEqual({ ok: true, value: JSON.parse(text) as unknown })
      }),
    )
  })

  it.each([
    '{"a":"}{][,:\\"__proto__\\":"}',
    '{"a":{"b":1},"c":{"b":2}}',
    '[{"a":1},{"a":2}]',
    '"a"',
    '0',
    '{"a":[9007199254740991,-9007199254740991,1e300,0.12345678901234567890,-0,12E-1]}',
    '{"9007199254740993":"9007199254740993 \\" 9007199254740993"}',
  ])('is not confused by what its texts hold: %s', async (text) =>
    expect(await codeOf(text)).toBe('ok'),
  )

  it.each([
    ['', 'nothing'],
    ['{', 'half an object'],
    ['{"a":1}x', 'something behind it'],
    ["{'a':1}", 'other quotes'],
    ['{"a":1,}', 'a comma too many'],
    ['NaN', 'not a number'],
    ['\ufeff{}', 'a byte order mark'],
    ['{"a":1,"a":2}', 'a member twice'],
    ['{"a":1,"\\u0061":2}', 'a member twice in two spellings'],
    ['{"x":[{"a":1,"b":2,"a" : 3}]}', 'a member twice further in'],
    ['{"":1,"":2}', 'an empty name twice'],
    ['{"__proto__":{"admin":true}}', 'a prototype'],
    ['{"\\u005f_proto__":1}', 'a prototype in another spelling'],
    ['1e400', 'a number beyond all'],
    ['{"a":[-1e999]}', 'a number beyond all further in'],
    ['9007199254740993', 'a whole number that would be read as another one'],
    ['{"a":[1,-9007199254740993 ]}', 'the same further in'],
    ['100000000000000000000000', 'a whole number too long to be told apart from its neighbours'],
    ['"\\ud800"', 'half a character'],
    ['{"\\udc00":1}', 'half a character in a name'],
    ['"never ending', 'a text without end'],
    ['"\\', 'a backslash at its end'],
  ])('%j is refused: %s', async (text) => expect(await codeOf(text)).toBe('invalid_body'))

  it('is refused when its bytes are not UTF-8', async () => {
    expect(await codeOf(new Uint8Array([0x22, 0xff, 0x22]))).toBe('invalid_body')
  })

  it('is nested at most 32 deep', async () => {
    const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
    expect(await codeOf(nested(32))).toBe('ok')
    expect(await codeOf(nested(33))).toBe('invalid_body')
    expect(await codeOf(nested(10_000))).toBe('invalid_body')
    expect(await codeOf('{"a":'.repeat(33) + '1' + '}'.repeat(33))).toBe('invalid_body')
    expect(await codeOf('['.repeat(250_000))).toBe('invalid_body')
  })

  it('has at most 256 KB', async () => {
    const text = (bytes: number) => `"${'a'.repeat(bytes - 2)}"`
    expect(await codeOf(text(256 * 1024))).toBe('ok')
    expect(await codeOf(text(256 * 1024 + 1))).toBe('body_too_large')
    expect(await codeOf(`{"${'k'.repeat(1024 * 1024)}":1}`)).toBe('body_too_large')
  })

  it.each(['"', '\\', '\\"', '"\\', '"":', '"a', ' ', '":'])(
    'made of nothing but %j is looked at once, not once per character',
    async (unit) => {
      const text = unit.repeat(Math.floor((255 * 1024) / unit.length))
      expect(await codeOf(text)).toBe('invalid_body')
      expect(await codeOf(`"${text}`)).toBe('invalid_body')
    },
    10_000,
  )

  it.each([
    '',
    'text/plain',
    'application/jsonp',
    'application/json, text/plain',
    'application/json;charset=utf-16',
  ])('of the type %j is refused', async (type) =>
    expect(await codeOf('{}', type)).toBe('unsupported_media_type'),
  )
})
