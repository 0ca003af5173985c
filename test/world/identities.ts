import { env } from 'cloudflare:workers'

/** Everything that identifies anybody becomes another account's; its id. */
export async function giveIdentitiesAway(): Promise<string> {
  const other = 'f'.repeat(32)
  await env.DIRECTORY.batch([
    env.DIRECTORY.prepare('INSERT INTO users (id, created_at, updated_at) VALUES (?1, 0, 0)').bind(
      other,
    ),
    env.DIRECTORY.prepare('UPDATE identities SET user_id = ?1').bind(other),
  ])
  return other
}
