-- Logouts by identity providers, kept a while for sign-ins that have not finished yet. Owned by src/core/users.
CREATE TABLE early_logouts (
  issuer TEXT NOT NULL,
  jti_hash TEXT NOT NULL,
  token_hash TEXT NOT NULL,
  subject TEXT,
  upstream_sid TEXT,
  -- Whether it speaks of the subject as such, and not only of that one upstream session.
  is_of_subject INTEGER NOT NULL CHECK (is_of_subject IN (0, 1) AND is_of_subject <= (subject IS NOT NULL)),
  -- By our clock.
  received_at_ms INTEGER NOT NULL,
  -- By the provider's clock: the token's iat.
  not_before INTEGER NOT NULL,
  -- There was nobody to be told when it came.
  is_settled INTEGER NOT NULL DEFAULT 0 CHECK (is_settled IN (0, 1)),
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (issuer, jti_hash),
  CHECK (subject IS NOT NULL OR upstream_sid IS NOT NULL)
) STRICT;
CREATE INDEX early_logouts_by_subject ON early_logouts (issuer, subject) WHERE subject IS NOT NULL;
CREATE INDEX early_logouts_by_upstream_sid ON early_logouts (issuer, upstream_sid) WHERE upstream_sid IS NOT NULL;
CREATE INDEX early_logouts_by_arrival ON early_logouts (issuer, received_at_ms);
CREATE INDEX early_logouts_by_expiry ON early_logouts (expires_at);
