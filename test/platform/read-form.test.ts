import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readForm } from '../../src/platform/read-form.ts'

const FORM = 'application/x-www-form-urlencoded'

const post = (body: BodyInit, headers: Record<string, string> = {}) =>
  new Request('https://login.example/', {
    method: 'POST',
    body,
    headers: { 'content-type': FORM, ...headers },
  })

const outcomeOf = async (request: Request) => {
  const read = await readForm(request)
  return read.ok ? [...read.value] : read.refusal.code
}

/** A body that comes in pieces, how many of them were asked for, and whether somebody said that it is enough. */
function inPieces(pieces: readonly Uint8Array[]) {
  const sent = { pieces: 0, isCancelled: false }
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const piece = pieces[sent.pieces]
        if (piece === undefined) return controller.close()
        sent.pieces += 1
        controller.enqueue(piece)
      },
      cancel: () => void (sent.isCancelled = true),
    },
    { highWaterMark: 0 },
  )
  return { stream, sent }
}

const KILOBYTE = new Uint8Array(1024).fill(0x61)

describe('fields', () => {
  it('come back as they were sent', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' })), {
          minLength: 1,
        }),
        async (fields) => {
          const text = new URLSearchParams(fields).toString()
          expect(await outcomeOf(post(text))).toEqual([...new URLSearchParams(text)])
        },
      ),
    )
  })

  it.each([
    ['', []],
    ['&', []],
    ['&&==', [['', '=']]],
    ['=', [['', '']]],
    ['a', [['a', '']]],
    [
      'a=1&a=2',
      [
        ['a', '1'],
        ['a', '2'],
      ],
    ],
    [
      'a%5Bb%5D=1&a[b]=2',
      [
        ['a[b]', '1'],
        ['a[b]', '2'],
      ],
    ],
    [
      '__proto__=1&toString=2',
      [
        ['__proto__', '1'],
        ['toString', '2'],
      ],
    ],
    ['a=b+c%2B', [['a', 'b c+']]],
  ])('of %j are %j', async (body, fields) => {
    expect(await outcomeOf(post(body))).toEqual(fields)
  })

  it('are at most 1,000', async () => {
    expect(await outcomeOf(post('a&'.repeat(999)))).toHaveLength(999)
    expect(await outcomeOf(post('a&'.repeat(1000)))).toBe('invalid_body')
    expect(await outcomeOf(post('a&'.repeat(10_000)))).toBe('invalid_body')
  })

  it.each(['a=%', 'a=%zz', 'a=%ff', 'a=%C3', '%E2&%82%AC', 'a=%ED%A0%80'])(
    'are refused when a parser would have to repair them: %s',
    async (body) => expect(await outcomeOf(post(body))).toBe('invalid_body'),
  )

  it('are refused when their bytes are not UTF-8', async () => {
    expect(await outcomeOf(post(new Uint8Array([0x61, 0x3d, 0xff])))).toBe('invalid_body')
    expect(await outcomeOf(post(new Uint8Array([0x61, 0x3d, 0xc3])))).toBe('invalid_body')
  })
})

describe('the size', () => {
  it('is at most 64 KB', async () => {
    expect(await outcomeOf(post('a'.repeat(65_536)))).toHaveLength(1)
    expect(await outcomeOf(post('a'.repeat(65_537)))).toBe('body_too_large')
  })

  it('is counted while reading, when no length is declared', async () => {
    const { stream, sent } = inPieces(Array.from({ length: 1000 }, () => KILOBYTE))
    expect(await outcomeOf(post(stream))).toBe('body_too_large')
    expect(sent.pieces).toBeLessThan(70)
    expect(sent.isCancelled).toBe(true)
  })

  it('is counted while reading, when the declared length is a lie', async () => {
    const { stream, sent } = inPieces(Array.from({ length: 1000 }, () => KILOBYTE))
    expect(await outcomeOf(post(stream, { 'content-length': '10' }))).toBe('body_too_large')
    expect(sent.pieces).toBeLessThan(70)
  })

  it('is believed, when the declared length is already too much', async () => {
    const { stream, sent } = inPieces([KILOBYTE])
    expect(await outcomeOf(post(stream, { 'content-length': '65537' }))).toBe('body_too_large')
    expect(sent.pieces).toBe(0)
  })

  it('is what was declared: what comes after that is not waited for', async () => {
    const { stream, sent } = inPieces([KILOBYTE, KILOBYTE])
    const outcome = await outcomeOf(post(stream, { 'content-length': '1024' }))
    expect(outcome).toEqual([['a'.repeat(1024), '']])
    expect(sent).toEqual({ pieces: 1, isCancelled: true })
  })

  it('may not be declared so that the last character comes in half', async () => {
    const bytes = new TextEncoder().encode('name=Zoë')
    const readAlone = async (piece: Uint8Array) =>
      outcomeOf(post(inPieces([piece]).stream, { 'content-length': String(piece.length) }))
    expect(await readAlone(bytes)).toEqual([['name', 'Zoë']])
    expect(await readAlone(bytes.slice(0, -1))).toBe('invalid_body')
  })

  it('does not matter to how the text is put together', async () => {
    const bytes = new TextEncoder().encode('name=Zoë')
    const { stream } = inPieces(Array.from(bytes, (byte) => new Uint8Array([byte])))
    expect(await outcomeOf(post(stream))).toEqual([['name', 'Zoë']])
  })
})

describe('the declared type', () => {
  it.each([
    FORM,
    FORM.toUpperCase(),
    `${FORM};charset=utf-8`,
    `${FORM}; Charset="UTF-8"`,
    `${FORM} ; x=1`,
  ])('%s is read', async (type) => {
    expect(await outcomeOf(post('a=1', { 'content-type': type }))).toEqual([['a', '1']])
  })

  it.each([
    '',
    'text/plain',
    'application/json',
    `application/json, ${FORM}`,
    `${FORM}, application/json`,
    `${FORM}x`,
    `${FORM};charset=utf-7`,
    `${FORM};charset=utf-8;charset=utf-16`,
    `${FORM}; charset`,
    'multipart/form-data',
    'multipart/form-data; boundary=x',
  ])('%j is refused', async (type) => {
    expect(await outcomeOf(post('a=1', { 'content-type': type }))).toBe('unsupported_media_type')
  })

  it('has to be there', async () => {
    const body = new TextEncoder().encode('a=1')
    const request = new Request('https://login.example/', { method: 'POST', body })
    expect(await outcomeOf(request)).toBe('unsupported_media_type')
  })

  it('with a content coding is refused, since nobody undoes it', async () => {
    expect(await outcomeOf(post('a=1', { 'content-encoding': 'gzip' }))).toBe(
      'unsupported_media_type',
    )
  })
})

describe('a body that cannot be read', () => {
  it('is refused when the client goes away while it is sending', async () => {
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(KILOBYTE)
        controller.error(new Error('connection reset'))
      },
    })
    expect(await outcomeOf(post(stream))).toBe('invalid_body')
  })

  it('is refused when it was read before', async () => {
    const request = post('a=1')
    await request.text()
    expect(await outcomeOf(request)).toBe('invalid_body')
  })

  it('is empty when there is none', async () => {
    const headers = { 'content-type': FORM }
    const request = new Request('https://login.example/', { method: 'POST', headers })
    expect(await outcomeOf(request)).toEqual([])
  })
})
