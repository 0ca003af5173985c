-- What else a provider says of a person (OpenID Connect Core 1.0 §5.1), as JSON under our own names; owned by
-- src/core/users/users.ts.
ALTER TABLE users ADD COLUMN details TEXT NOT NULL DEFAULT '{}';
-- When any of what a provider says of the person changed last; null where it never has.
ALTER TABLE users ADD COLUMN profile_updated_at INTEGER;

-- People who may sign in by a password of ours, through applications that are registered for the password grant.
-- Owned by src/core/users/local-credentials.ts.
CREATE TABLE local_credentials (
  user_id TEXT PRIMARY KEY REFERENCES users (id),
  -- The name as it is compared.
  username_key TEXT NOT NULL UNIQUE,
  -- As the operator wrote it.
  username TEXT NOT NULL,
  -- scrypt (RFC 7914) of its SHA-512, with parameters, salt and hash: scrypt-sha512$N$r$p$salt$hash.
  password_hash TEXT NOT NULL,
  -- Another one each time that the password is set: a sign-in that has checked the one before can tell.
  version TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
