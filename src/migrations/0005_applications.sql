-- Registered downstream parties. Owned by src/core/applications/applications-table.ts.
CREATE TABLE applications (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  is_first_party INTEGER NOT NULL CHECK (is_first_party IN (0, 1)),
  status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
  -- What it may do as an OAuth client, as JSON; null where it is none.
  oauth TEXT,
  -- Raised by every change of the above: who changes an application says which version was seen.
  version INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

-- What is needed to tell an application of sessions that end with its removal. Owned by src/core/applications/applications-table.ts.
CREATE TABLE removed_applications (
  id TEXT PRIMARY KEY,
  oauth TEXT NOT NULL,
  removed_at INTEGER NOT NULL
) STRICT;

-- Client secrets: 256 random bits, or brought along from another provider. Owned by src/core/applications/rotated-secrets-table.ts.
CREATE TABLE application_secrets (
  id TEXT PRIMARY KEY,
  application_id TEXT NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
  -- SHA-256, base64url.
  hash TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  -- Set when the secret has been rotated out; null while it stays.
  expires_at INTEGER
) STRICT;
CREATE INDEX application_secrets_by_application ON application_secrets (application_id);
