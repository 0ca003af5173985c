-- What an application may do as an embedded widget, as JSON; null where it is none. Owned by src/core/applications/applications-table.ts.
ALTER TABLE applications ADD COLUMN widget TEXT;

-- Secrets that widget tokens are signed with. Owned by src/core/applications/widget-secrets-table.ts.
CREATE TABLE widget_secrets (
  id TEXT PRIMARY KEY,
  application_id TEXT NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
  -- The secret and whose it is, sealed under KEY_ENCRYPTION_KEY: a compact JWE.
  sealed TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  -- Set when the secret has been rotated out; null while tokens are signed with it.
  expires_at INTEGER
) STRICT;
CREATE INDEX widget_secrets_by_application ON widget_secrets (application_id);

-- What operators say that a person is: words that applications give a meaning to. Owned by src/core/users/user-roles.ts.
CREATE TABLE user_roles (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  role TEXT NOT NULL,
  PRIMARY KEY (user_id, role)
) STRICT, WITHOUT ROWID;
