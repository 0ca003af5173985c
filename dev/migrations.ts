import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Log, LogLevel, Miniflare, convertV4MiniflareOptions } from 'miniflare'
import { experimental_readRawConfig } from 'wrangler'
import { configured } from './gateway-config.ts'
import { projectRoot } from './settings.ts'

interface RawConfig {
  readonly d1_databases: readonly {
    readonly binding: string
    readonly database_id: string
    readonly migrations_dir: string
  }[]
}

// As wrangler keeps it, so that `wrangler d1 migrations` goes on where this has stopped.
const APPLIED = `CREATE TABLE IF NOT EXISTS d1_migrations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT UNIQUE,
  applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)`

/**
 * Brings the local D1 database up to date, each migration wholly or not at all: what `wrangler d1 migrations apply --local`
 * does, in one start of the runtime instead of one per migration. Rejects where a migration fails.
 */
export async function applyMigrations(stateDirectory: string): Promise<void> {
  const raw: RawConfig = experimental_readRawConfig({ config: configured }).rawConfig
  const { binding, database_id, migrations_dir } = raw.d1_databases[0]!
  const directory = join(projectRoot, migrations_dir)
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modules: true,
      script: '',
      cf: false,
      log: new Log(LogLevel.ERROR),
      unsafeLocalExplorer: false,
      unsafeObservability: false,
      resourcePersistencePath: join(stateDirectory, 'state/v3'),
      d1Databases: { [binding]: database_id },
    }),
  )
  try {
    const database = await miniflare.getD1Database(binding)
    await database.prepare(APPLIED).run()
    const { results } = await database.prepare('SELECT name FROM d1_migrations').all()
    const applied = new Set(results.map(({ name }) => name))
    for (const name of readdirSync(directory).toSorted()) {
      if (applied.has(name)) continue
      const statements = readFileSync(join(directory, name), 'utf8')
      await database
        .prepare(`${statements};\nINSERT INTO d1_migrations (name) VALUES ('${name}')`)
        .run()
    }
  } catch (error) {
    throw new Error(`The local database could not be prepared:\n${String(error)}`, { cause: error })
  } finally {
    await miniflare.dispose()
  }
}
