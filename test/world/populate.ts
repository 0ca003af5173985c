import type { D1Database } from '@cloudflare/workers-types'

/** The issuer at which they are known. Nobody signs in there. */
export const POPULATED_ISSUER = 'https://people.example'

/** Whom `populate` has made by that number: by these the directory knows them. */
export const populated = (number: number) => ({
  id: number.toString(16).padStart(32, '0'),
  email: `person-${number}@people.example`,
  subject: `subject-${number}`,
})

const AT_ONCE = 50_000

/**
 * People with these numbers, as rows that years of sign-ins would leave: a user, an identity and an audit event
 * each, and of every tenth an upstream session. Ids go up, so that a million of them are soon written.
 */
export async function populate(directory: D1Database, from: number, to: number): Promise<void> {
  const now = Math.floor(Date.now() / 1000)
  for (let first = from; first <= to; first += AT_ONCE) {
    const last = Math.min(to, first + AT_ONCE - 1)
    const people = `WITH RECURSIVE numbers(n) AS
        (SELECT ${first} UNION ALL SELECT n + 1 FROM numbers WHERE n < ${last}),
      people AS (SELECT n, printf('%032x', n) AS id, 'person-' || n || '@people.example' AS email FROM numbers)`
    const statements = [
      `${people} INSERT INTO users
         (id, name, email, email_key, email_verified, created_at, updated_at, last_sign_in_at)
       SELECT id, 'Person ' || n, email, email, 1, ${now}, ${now}, ${now} FROM people`,
      `${people} INSERT INTO identities
         (issuer, subject, user_id, provider_id, created_at, last_sign_in_at)
       SELECT '${POPULATED_ISSUER}', 'subject-' || n, id, 'people', ${now}, ${now} FROM people`,
      `${people} INSERT INTO audit_events (at, event, request_id, user_id, provider_id, details)
       SELECT ${now}, 'login.accepted', id, id, 'people', '{}' FROM people`,
      `${people} INSERT INTO upstream_sessions (issuer, upstream_sid, user_id, sid, expires_at)
       SELECT '${POPULATED_ISSUER}', 'upstream-' || n, id, id, ${now + 43_200}
       FROM people WHERE n % 10 = 0`,
    ]
    await directory.batch(statements.map((statement) => directory.prepare(statement)))
  }
}
