-- Applications that could not be told that a session is over, for an operator to see and to try again.
-- Owned by src/core/revocation/undelivered-logouts.ts.
CREATE TABLE undelivered_logouts (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  -- That of the delivery in the user's object.
  id TEXT NOT NULL UNIQUE,
  user_id TEXT NOT NULL,
  sid TEXT NOT NULL,
  application_id TEXT NOT NULL,
  subject TEXT NOT NULL,
  client_sid TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  last_error TEXT NOT NULL,
  ended_at INTEGER NOT NULL,
  given_up_at INTEGER NOT NULL,
  -- Where it was sent last; null when it never got so far.
  remembered TEXT
) STRICT;
