-- fingerprints has, of each job that says what it reads or makes, the try that began last,
-- and when that succeeded (done) what it found and made. run_id has no foreign key: what a
-- job made outlives the record of the run. The names are as long as an index can have.
CREATE TABLE fingerprints (
    application VARCHAR2(700 CHAR) NOT NULL,
    job         VARCHAR2(700 CHAR) NOT NULL,
    run_id      NUMBER(19) NOT NULL,
    attempt     NUMBER(19) NOT NULL,
    try_no      NUMBER(19) NOT NULL,
    done        NUMBER(1) NOT NULL,
    body        BLOB,
    CONSTRAINT fingerprints_pk PRIMARY KEY (application, job),
    CONSTRAINT fingerprints_done CHECK (done IN (0, 1))
);
CREATE INDEX fingerprints_by_run ON fingerprints (run_id);
