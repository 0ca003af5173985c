import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'

// All migrations in one call: a call each takes several times as long.
const schema = env.TEST_MIGRATIONS.flatMap(({ queries }) => queries).join(';\n')

/** Throws away every object, KV entry and row there is, and makes the tables of the directory anew. */
export async function emptyStores(): Promise<void> {
  while (!(await areEmptied()));
}

/** Not if what an earlier test has left running held on to the directory while it was thrown away. */
async function areEmptied(): Promise<boolean> {
  await reset()
  try {
    await env.DIRECTORY.prepare(schema).run()
    return true
  } catch (thrown) {
    if (String(thrown).includes('already exists')) return false
    throw thrown
  }
}
