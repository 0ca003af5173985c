import { listDurableObjectIds, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'

const DIRECTORY_TABLES = [
  'users',
  'identities',
  'upstream_sessions',
  'applications',
  'application_secrets',
  'local_credentials',
  'site_users',
  'site_identities',
  'site_sessions',
  'site_connections',
] as const

/**
 * Everything the gateway holds that a refusal must leave alone: the directory, what is in every user's
 * object, and the revocation hints. Not in it is what a refusal may leave behind: audit events, the claim
 * of an attempt, and copies of the providers' documents. What earlier requests still had to publish is
 * waited for, and what is left to the alarm by an end of all sessions is done.
 */
export async function snapshot(): Promise<unknown> {
  const users = await Promise.all((await writtenUsers()).map(contentWhenSettled))
  const directory = await env.DIRECTORY.batch(
    DIRECTORY_TABLES.map((table) =>
      env.DIRECTORY.prepare(`SELECT * FROM ${table} ORDER BY 1, 2, 3`),
    ),
  )
  const { keys } = await env.REVOCATION.list({ prefix: 'v1:revocation:' })
  return {
    directory: directory.map(({ results }) => results),
    users: users.filter((tables) => tables.length > 0),
    hints: await Promise.all(keys.map(async ({ name }) => [name, await env.REVOCATION.get(name)])),
  }
}

/** The objects that hold anybody: of those that earlier tests had only an empty file is left. */
async function writtenUsers(): Promise<readonly DurableObjectId[]> {
  const written = await env.TEST_OBJECTS.fetch('http://objects/UserSessions')
  const ids = new Set(await written.json<string[]>())
  const objects = await listDurableObjectIds(env.USER_SESSIONS)
  return objects.filter((id) => ids.has(String(id)))
}

/** So often an object is asked whether participants have been told; some tests never let them be. */
const PATIENT_TRIES = 100

type Table = readonly [name: string, rows: readonly unknown[]]

async function contentWhenSettled(id: DurableObjectId): Promise<readonly Table[]> {
  for (let tries = 0; tries < 2_000; tries += 1) {
    const { tables, isPublished, isWrittenDown, isTold } = await contentOf(id)
    if (isPublished && isWrittenDown && (isTold || tries > PATIENT_TRIES)) return tables
    if (!isWrittenDown) await runDurableObjectAlarm(env.USER_SESSIONS.get(id))
    await scheduler.wait(10)
  }
  throw new Error('the object of a user does not come to rest')
}

const contentOf = (id: DurableObjectId) =>
  runInDurableObject(env.USER_SESSIONS.get(id), (_, { storage: { sql } }) => {
    const names = sql
      .exec<{ name: string }>(`SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`)
      .toArray()
      .map(({ name }) => name)
      .filter((name) => !name.startsWith('_'))
    const tables = names.map((name): Table => [name, sql.exec(`SELECT * FROM ${name}`).toArray()])
    const rowsOf = (table: string) => tables.find(([name]) => name === table)?.[1]
    const deliveries = rowsOf('deliveries') as { state: string; last_error: unknown }[] | undefined
    const outbox = rowsOf('outbox') as { task: string }[] | undefined
    return {
      tables: tables.filter(([name]) => name !== 'outbox'),
      isPublished: outbox?.every(({ task }) => task !== 'publish_hint') ?? true,
      isWrittenDown: (rowsOf('ended_epochs')?.length ?? 0) === 0,
      isTold:
        deliveries?.every(({ state, last_error }) => state !== 'due' || last_error !== null) ??
        true,
    }
  })

/** How many attempts and assertions are claimed from here on, whatever earlier tests have left. */
export async function countClaims(): Promise<() => Promise<number>> {
  const before = new Set(await claimedNames())
  return async () => (await claimedNames()).filter((name) => !before.has(name)).length
}

async function claimedNames(): Promise<readonly string[]> {
  const ids = await listDurableObjectIds(env.CLAIMED_REFERENCES)
  const names = ids.map((id) =>
    runInDurableObject(env.CLAIMED_REFERENCES.get(id), (_, { storage: { sql } }) =>
      sql
        .exec<{ name: string }>('SELECT name FROM claims')
        .toArray()
        .map(({ name }) => name),
    ),
  )
  return (await Promise.all(names)).flat()
}
