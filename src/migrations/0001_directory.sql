-- The directory: people and how they are known to identity providers. Owned by src/core/users.
CREATE TABLE users (
  id TEXT PRIMARY KEY,
  status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
  name TEXT,
  email TEXT,
  -- The address as it is compared: ASCII lower case, kept only for well-formed addresses.
  email_key TEXT,
  email_verified INTEGER NOT NULL DEFAULT 0 CHECK (email_verified IN (0, 1)),
  -- Verified by a provider that is authoritative for the address's domain. Only such an account is ever linked to.
  email_is_proven INTEGER NOT NULL DEFAULT 0 CHECK (email_is_proven IN (0, 1) AND email_is_proven <= email_verified),
  picture TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  last_sign_in_at INTEGER
) STRICT;
CREATE INDEX users_by_email_key ON users (email_key) WHERE email_key IS NOT NULL;
-- A verified address has one holder; whoever claims it later holds it unverified.
CREATE UNIQUE INDEX users_by_verified_email ON users (email_key) WHERE email_verified = 1;

-- An identity is (issuer, subject): the only thing that decides whose account a sign-in opens.
CREATE TABLE identities (
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  user_id TEXT NOT NULL REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
  provider_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  last_sign_in_at INTEGER NOT NULL,
  PRIMARY KEY (issuer, subject)
) STRICT;
CREATE INDEX identities_by_user ON identities (user_id);

-- Which user's object holds the session that came from an upstream session. Written before the session is usable.
CREATE TABLE upstream_sessions (
  issuer TEXT NOT NULL,
  upstream_sid TEXT NOT NULL,
  user_id TEXT NOT NULL,
  sid TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (issuer, upstream_sid, sid)
) STRICT;
CREATE INDEX upstream_sessions_by_expiry ON upstream_sessions (expires_at);
