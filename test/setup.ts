import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, vi } from 'vitest'
import { beginToLend, endLending } from './world/rsa-keys.ts'

// All migrations in one call: a call each takes several times as long.
const schema = env.TEST_MIGRATIONS.flatMap(({ queries }) => queries).join(';\n')

beforeEach(async () => {
  beginToLend()
  while (!(await isEmptied()));
})

/** Not if what an earlier test has left running held on to the directory while it was thrown away. */
async function isEmptied(): Promise<boolean> {
  await reset()
  try {
    await env.DIRECTORY.prepare(schema).run()
    return true
  } catch (thrown) {
    if (String(thrown).includes('already exists')) return false
    throw thrown
  }
}

afterEach(() => {
  endLending()
  vi.restoreAllMocks()
  vi.useRealTimers()
})
