-- origin says where a run was recorded first, for one that was brought here; NULL for
-- one that was made here. No run is brought twice.
ALTER TABLE runs ADD COLUMN origin TEXT;
CREATE UNIQUE INDEX runs_by_origin ON runs (origin);

-- A workflow goes with the last attempt that has it.
CREATE INDEX attempts_by_hash ON attempts (hash);

-- chores says when something that is to be done now and then was last claimed.
CREATE TABLE chores (
    chore TEXT PRIMARY KEY,
    at_us INTEGER NOT NULL
) WITHOUT ROWID;
