-- Statistics, see store.Tallies. tally_series names what there are tallies of: series is made
-- of application and job, either of which may be NULL. tallies has, for each day and each
-- month, how it went. uncounted are the attempts that have ended and are in no tally yet.
CREATE TABLE tally_series (
    series      TEXT PRIMARY KEY,
    application TEXT,
    job         TEXT
) WITHOUT ROWID;
CREATE INDEX series_by_application ON tally_series (application);

CREATE TABLE tallies (
    series TEXT NOT NULL,
    period INTEGER NOT NULL,
    body   BLOB NOT NULL,
    PRIMARY KEY (series, period)
) WITHOUT ROWID;

CREATE TABLE uncounted (
    run_id  INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    PRIMARY KEY (run_id, attempt)
) WITHOUT ROWID;
INSERT INTO uncounted (run_id, attempt) SELECT run_id, attempt FROM attempts
    WHERE state IN ('SUCCESS', 'FAILED', 'TIMEOUT', 'SKIPPED', 'CANCELLED');
