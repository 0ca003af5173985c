import { expect, it } from 'vitest'
import { findUntrue, namedTests } from './trace.ts'

it('TRACE.md names tests that are there', () => {
  expect(namedTests().length).toBeGreaterThan(100)
  expect(findUntrue(namedTests())).toEqual([])
})

it('a file or a title that is not there is found', () => {
  const file = 'structure/trace.test.ts'
  expect(findUntrue([{ file: 'structure/nowhere.test.ts', titles: [] }])).toHaveLength(1)
  expect(findUntrue([{ file, titles: ['nobody has', ' written this'].map((t) => t + t) }])).toEqual(
    [expect.objectContaining({ path: file }), expect.objectContaining({ path: file })],
  )
})
