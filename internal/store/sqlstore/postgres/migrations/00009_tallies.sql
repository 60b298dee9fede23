-- Statistics, see store.Tallies. tally_series names what there are tallies of: series is made
-- of application and job, either of which may be NULL. tallies has, for each day and each
-- month, how it went. uncounted are the attempts that have ended and are in no tally yet.
CREATE TABLE tally_series (
    series      TEXT PRIMARY KEY,
    application TEXT,
    job         TEXT
);
CREATE INDEX series_by_application ON tally_series (application);

CREATE TABLE tallies (
    series TEXT NOT NULL,
    period BIGINT NOT NULL,
    body   BYTEA NOT NULL,
    PRIMARY KEY (series, period)
) WITH (fillfactor = 70);

CREATE TABLE uncounted (
    run_id  BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    PRIMARY KEY (run_id, attempt)
);
INSERT INTO uncounted (run_id, attempt) SELECT run_id, attempt FROM attempts
    WHERE state IN ('SUCCESS', 'FAILED', 'TIMEOUT', 'SKIPPED', 'CANCELLED');
