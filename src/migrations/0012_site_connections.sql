-- How people came to a site, each told to it once. Owned by src/core/users/site-connections-table.ts.
CREATE TABLE site_connections (
  -- SHA-256 of the connection's token, base64url.
  token_hash TEXT PRIMARY KEY,
  -- The token itself, once it opens nothing any more.
  spent_token TEXT,
  -- The site that it was made for.
  application_id TEXT NOT NULL,
  -- The grant in the user's object, sealed under HANDLE_KEY; null once it was taken.
  sealed_grant TEXT,
  plugin TEXT NOT NULL CHECK (plugin IN ('single_sign_on', 'social_login')),
  callback_uri TEXT NOT NULL,
  identity_token TEXT NOT NULL,
  user_token TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX site_connections_by_application ON site_connections (application_id, created_at);
CREATE INDEX site_connections_by_expiry ON site_connections (expires_at);
