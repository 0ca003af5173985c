import { afterEach, beforeEach, vi } from 'vitest'
import { emptyStores } from './world/empty-stores.ts'
import { beginToLend, endLending } from './world/rsa-keys.ts'

beforeEach(async () => {
  beginToLend()
  await emptyStores()
})

afterEach(() => {
  endLending()
  vi.restoreAllMocks()
  vi.useRealTimers()
})
