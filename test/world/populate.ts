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

/** As a company's sites know those of them: a user, the identity that they came by, and a shared session each. */
export async function populateSites(
  directory: D1Database,
  company: string,
  from: number,
  to: number,
): Promise<void> {
  const now = Math.floor(Date.now() / 1000)
  const people = `WITH RECURSIVE numbers(n) AS
      (SELECT ${from} UNION ALL SELECT n + 1 FROM numbers WHERE n < ${to}),
    people AS (SELECT n, printf('%032x', n) AS id FROM numbers)`
  const statements = [
    `${people} INSERT INTO site_users
       (user_token, company, user_id, external_id, login, created_at, updated_at)
     SELECT 'user-' || n, ?1, id, n, 'login-' || n, ${now}, ${now} FROM people`,
    `${people} INSERT INTO site_identities
       (identity_token, user_token, company, provider_id, issuer, subject, content, created_at, updated_at)
     SELECT 'identity-' || n, 'user-' || n, ?1, 'people', '${POPULATED_ISSUER}', 'subject-' || n, '{}', ${now}, ${now}
     FROM people`,
    `${people} INSERT INTO site_sessions (identity_token, token_hash, sealed_token, company, application_id,
       user_token, user_id, sid, created_at, updated_at, expires_at)
     SELECT 'identity-' || n, 'hash-' || n, 'sealed', ?1, 'shop', 'user-' || n, id, 'sid-' || n, ${now}, ${now},
       ${now + 43_200} FROM people`,
  ]
  await directory.batch(statements.map((statement) => directory.prepare(statement).bind(company)))
}
