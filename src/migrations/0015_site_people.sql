-- Whom a person is to all companies, and what they have open there, without reading what is everybody else's.
CREATE INDEX site_users_by_person ON site_users (user_id);
CREATE INDEX site_sessions_by_person ON site_sessions (user_id);
-- Whose removal broke off, so that the cron's look for them reads nobody else.
CREATE INDEX site_users_leaving ON site_users (user_token) WHERE is_leaving = 1;
-- What sites were told is kept until they cannot list it any more, and the cron reads no more than it strikes out.
UPDATE site_connections SET expires_at = created_at + 2592000 WHERE spent_token IS NOT NULL;
