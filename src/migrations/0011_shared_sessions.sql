-- Sites of one company, the people they push, and the sessions they share (OneAll's wire format).

-- What an application may do as such a site, as JSON; null where it is none. Owned by src/core/applications/applications-table.ts.
ALTER TABLE applications ADD COLUMN shared_sessions TEXT;
CREATE UNIQUE INDEX applications_by_subdomain ON applications (json_extract(shared_sessions, '$.subdomain'))
  WHERE shared_sessions IS NOT NULL;

-- A site's key pairs. Owned by src/core/applications/site-keys-table.ts.
CREATE TABLE site_keys (
  application_id TEXT NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
  public_key TEXT PRIMARY KEY,
  -- SHA-256 of the private key, base64url.
  hash TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  -- Set when the pair has been rotated out; null while it stays.
  expires_at INTEGER
) STRICT;
CREATE INDEX site_keys_by_application ON site_keys (application_id);

-- A user as the sites of one company know them. Owned by src/core/users/site-users-table.ts.
CREATE TABLE site_users (
  user_token TEXT PRIMARY KEY,
  company TEXT NOT NULL,
  user_id TEXT NOT NULL,
  external_id TEXT NOT NULL,
  login TEXT,
  -- scrypt, with its parameters and salt.
  password_hash TEXT,
  -- Wrong passwords in a row since the last right one, and until when no further one is looked at.
  wrong_passwords INTEGER NOT NULL DEFAULT 0,
  blocked_until INTEGER NOT NULL DEFAULT 0,
  login_count INTEGER NOT NULL DEFAULT 0,
  last_login_at INTEGER,
  -- Being deleted: nobody finds them any more, except who goes on deleting.
  is_leaving INTEGER NOT NULL DEFAULT 0 CHECK (is_leaving IN (0, 1)),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX site_users_by_user ON site_users (company, user_id);
CREATE UNIQUE INDEX site_users_by_external_id ON site_users (company, external_id);
CREATE UNIQUE INDEX site_users_by_login ON site_users (company, login) WHERE login IS NOT NULL;
CREATE INDEX site_users_by_creation ON site_users (company, created_at, user_token);
-- The last external id that was made up for a company.
CREATE TABLE site_user_numbers (
  company TEXT PRIMARY KEY,
  last INTEGER NOT NULL
) STRICT;

-- Their identities, each under its token. Owned by src/core/users/site-identities-table.ts.
CREATE TABLE site_identities (
  identity_token TEXT PRIMARY KEY,
  user_token TEXT NOT NULL REFERENCES site_users (user_token) ON DELETE CASCADE,
  company TEXT NOT NULL,
  -- "storage" for what sites have pushed, else the identity provider.
  provider_id TEXT NOT NULL,
  -- The identity in the directory.
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  -- What is told of it, as JSON.
  content TEXT NOT NULL,
  -- Raised by every change: a change names the version that it was made from.
  version INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX site_identities_by_identity ON site_identities (company, issuer, subject);
CREATE UNIQUE INDEX site_identities_pushed ON site_identities (user_token) WHERE provider_id = 'storage';
CREATE INDEX site_identities_by_user ON site_identities (user_token);
CREATE INDEX site_identities_by_creation ON site_identities (company, created_at, identity_token);

-- The index of shared sessions: which session of which user's object a token stands for. Owned by src/core/users/site-sessions-table.ts.
CREATE TABLE site_sessions (
  -- One at a time for each identity.
  identity_token TEXT PRIMARY KEY,
  -- SHA-256 of the session's token; the token itself is sealed under HANDLE_KEY.
  token_hash TEXT NOT NULL,
  sealed_token TEXT NOT NULL,
  company TEXT NOT NULL,
  application_id TEXT NOT NULL,
  user_token TEXT NOT NULL,
  user_id TEXT NOT NULL,
  sid TEXT NOT NULL,
  top_realm TEXT,
  sub_realm TEXT,
  -- JSON.
  data TEXT,
  cookie_count INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX site_sessions_by_token ON site_sessions (token_hash);
CREATE INDEX site_sessions_by_creation ON site_sessions (company, created_at, identity_token);
CREATE INDEX site_sessions_by_user ON site_sessions (user_token);
CREATE INDEX site_sessions_by_expiry ON site_sessions (expires_at);
