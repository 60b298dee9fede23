-- fingerprints has, of each job that says what it reads or makes, the try that began last,
-- and when that succeeded (done) what it found and made. run_id has no foreign key: what a
-- job made outlives the record of the run.
CREATE TABLE fingerprints (
    application TEXT NOT NULL,
    job         TEXT NOT NULL,
    run_id      BIGINT NOT NULL,
    attempt     BIGINT NOT NULL,
    try_no      BIGINT NOT NULL,
    done        BIGINT NOT NULL CHECK (done IN (0, 1)),
    body        BYTEA,
    PRIMARY KEY (application, job)
);
CREATE INDEX fingerprints_by_run ON fingerprints (run_id);
