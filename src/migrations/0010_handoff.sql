-- Service hand-off. What an application may do in it, as JSON; null where it has no part in it.
ALTER TABLE applications ADD COLUMN handoff TEXT;
ALTER TABLE removed_applications ADD COLUMN handoff TEXT;

-- API keys of services: `id.secret`, the secret 256 random bits. Owned by src/core/applications/rotated-secrets-table.ts.
CREATE TABLE handoff_keys (
  id TEXT PRIMARY KEY,
  application_id TEXT NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
  -- SHA-256, base64url.
  hash TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  -- Set when the key has been rotated out; null while it stays.
  expires_at INTEGER
) STRICT;
CREATE INDEX handoff_keys_by_application ON handoff_keys (application_id);

-- Where the session is that a service knows by its `api_sid`. Owned by src/core/applications/handoff-sessions.ts.
CREATE TABLE handoff_sessions (
  -- SHA-256, base64url.
  api_sid_hash TEXT PRIMARY KEY,
  application_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  sid TEXT NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX handoff_sessions_by_time ON handoff_sessions (expires_at);
CREATE INDEX handoff_sessions_by_user ON handoff_sessions (user_id, application_id);

-- How whoever was not told is to be told. Owned by src/core/revocation/undelivered-logouts.ts.
ALTER TABLE undelivered_logouts ADD COLUMN protocol TEXT NOT NULL DEFAULT 'openid';
