-- Statistics, see store.Tallies. tally_series names what there are tallies of: series is made
-- of application and job, either of which may be NULL. tallies has, for each day and each
-- month, how it went. uncounted are the attempts that have ended and are in no tally yet.
CREATE TABLE tally_series (
    series      VARCHAR2(100 CHAR) NOT NULL,
    application VARCHAR2(1000 CHAR),
    job         VARCHAR2(1000 CHAR),
    CONSTRAINT tally_series_pk PRIMARY KEY (series)
);
CREATE INDEX series_by_application ON tally_series (application);

CREATE TABLE tallies (
    series VARCHAR2(100 CHAR) NOT NULL,
    period NUMBER(19) NOT NULL,
    body   BLOB,
    CONSTRAINT tallies_pk PRIMARY KEY (series, period)
);

CREATE TABLE uncounted (
    run_id  NUMBER(19) NOT NULL,
    attempt NUMBER(19) NOT NULL,
    CONSTRAINT uncounted_pk PRIMARY KEY (run_id, attempt)
);

-- What was listed before the migration was cut off may be out of date.
DELETE FROM uncounted;
INSERT INTO uncounted (run_id, attempt) SELECT run_id, attempt FROM attempts
    WHERE state IN ('SUCCESS', 'FAILED', 'TIMEOUT', 'SKIPPED', 'CANCELLED');
