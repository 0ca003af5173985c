-- A mass cut-off may be of one application (src/core/revocation/cut-off-progress.ts).
DROP INDEX cut_offs_unfinished;
ALTER TABLE cut_offs RENAME TO cut_offs_before;
CREATE TABLE cut_offs (
  id TEXT PRIMARY KEY,
  scope TEXT NOT NULL CHECK (scope IN ('everyone', 'provider', 'application')),
  scope_id TEXT NOT NULL,
  cause TEXT NOT NULL,
  -- Epoch milliseconds: what started, or was given, then or earlier is over.
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
INSERT INTO cut_offs SELECT * FROM cut_offs_before;
DROP TABLE cut_offs_before;
CREATE INDEX cut_offs_unfinished ON cut_offs (updated_at) WHERE cursor IS NOT NULL;
