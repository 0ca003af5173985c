-- What operators do, and what has become of it.

-- A disabled user whose object has not been told yet: tried again until it is (src/core/users).
ALTER TABLE users ADD COLUMN is_disable_pending INTEGER NOT NULL DEFAULT 0 CHECK (is_disable_pending IN (0, 1));
CREATE INDEX users_with_pending_disable ON users (id) WHERE is_disable_pending = 1;

-- For reading only: people and how they are known, as the management API lists them.
CREATE VIEW user_directory AS
  SELECT id, status, name, email, email_key, email_verified, created_at, last_sign_in_at, is_disable_pending FROM users;
CREATE VIEW identity_directory AS
  SELECT issuer, subject, user_id, provider_id, created_at, last_sign_in_at FROM identities;

-- Events may concern nobody in particular (a key, a mass cut-off), and say which kind of actor decided.
DROP TRIGGER audit_events_are_not_changed;
DROP TRIGGER audit_events_are_not_deleted;
ALTER TABLE audit_events RENAME TO audit_events_before;
CREATE TABLE audit_events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  event TEXT NOT NULL,
  request_id TEXT NOT NULL,
  user_id TEXT,
  sid_hash TEXT,
  provider_id TEXT,
  reason TEXT,
  details TEXT NOT NULL,
  actor TEXT
) STRICT;
INSERT INTO audit_events SELECT *, NULL FROM audit_events_before;
DROP TABLE audit_events_before;
CREATE INDEX audit_events_by_user ON audit_events (user_id, id);
CREATE TRIGGER audit_events_are_not_changed BEFORE UPDATE ON audit_events
BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END;
CREATE TRIGGER audit_events_are_not_deleted BEFORE DELETE ON audit_events
BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END;

-- A mass cut-off on its way through the users' objects. Owned by src/core/revocation/cut-off-progress.ts.
CREATE TABLE cut_offs (
  id TEXT PRIMARY KEY,
  scope TEXT NOT NULL CHECK (scope IN ('everyone', 'provider')),
  scope_id TEXT NOT NULL,
  cause TEXT NOT NULL,
  -- Epoch milliseconds: sessions that started then or earlier are over.
  started_by INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  -- How many users there were to visit, and how many have been.
  total INTEGER NOT NULL,
  visited INTEGER NOT NULL DEFAULT 0,
  ended_sessions INTEGER NOT NULL DEFAULT 0,
  -- The last user id of the last page that is done; null when all are.
  cursor TEXT DEFAULT ''
) STRICT;
CREATE INDEX cut_offs_unfinished ON cut_offs (updated_at) WHERE cursor IS NOT NULL;
-- Users whose object could not be reached; each row goes when it could.
CREATE TABLE cut_off_failures (
  cut_off_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  failed_at INTEGER NOT NULL,
  PRIMARY KEY (cut_off_id, user_id)
) STRICT;

-- What the canary measured, the newest hundred. Owned by src/core/revocation/canary-runs.ts.
CREATE TABLE canary_runs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  problem TEXT,
  -- Milliseconds from the answered logout to the last accepted request; null when it was accepted to the end.
  strict_ms INTEGER,
  bounded_ms INTEGER,
  cached_ms INTEGER,
  watched_ms INTEGER NOT NULL
) STRICT;
