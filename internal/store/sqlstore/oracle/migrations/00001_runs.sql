-- The same tables as SQLite's. Times are microseconds since 1970 in UTC, NULL for none.
-- Each statement commits by itself, and a migration that was interrupted is run again
-- from its beginning: what is there already is left as it is.
-- An empty text is NULL in Oracle, so what may be empty may be NULL.
-- Texts without a limit of their own are CLOBs; runs.file is file_path here, as FILE is
-- a reserved word.

CREATE TABLE workflows (
    hash VARCHAR2(1000 CHAR) NOT NULL,
    body BLOB,
    CONSTRAINT workflows_pk PRIMARY KEY (hash)
);

CREATE TABLE runs (
    id              NUMBER(19) NOT NULL,
    application     VARCHAR2(1000 CHAR),
    submitted_at_us NUMBER(19),
    attempt         NUMBER(19) NOT NULL,
    state           VARCHAR2(20 CHAR) NOT NULL,
    seq             NUMBER(19) NOT NULL,
    lease_owner     VARCHAR2(1000 CHAR),
    lease_epoch     NUMBER(19) NOT NULL,
    lease_until_us  NUMBER(19),
    file_path       CLOB,
    working_dir     CLOB,
    CONSTRAINT runs_pk PRIMARY KEY (id),
    CONSTRAINT runs_attempt CHECK (attempt > 0),
    CONSTRAINT runs_seq CHECK (seq >= 0),
    CONSTRAINT runs_epoch CHECK (lease_epoch > 0),
    CONSTRAINT runs_state CHECK (state IN (
        'PENDING', 'QUEUED', 'RUNNING', 'SUCCESS', 'FAILED', 'TIMEOUT', 'SKIPPED', 'CANCELLED'))
);
CREATE INDEX runs_by_state ON runs (state, id);
CREATE INDEX runs_by_application ON runs (application, state, id);
CREATE INDEX runs_by_time ON runs (submitted_at_us);

-- run_ids has one row, with the id that was given last. A sequence would do as well, but
-- could not be moved on within a transaction when a run is brought here with its id.
CREATE TABLE run_ids (
    one_row NUMBER(1) NOT NULL,
    last_id NUMBER(19) NOT NULL,
    CONSTRAINT run_ids_pk PRIMARY KEY (one_row),
    CONSTRAINT run_ids_one CHECK (one_row = 1)
);
INSERT INTO run_ids (one_row, last_id) VALUES (1, 0);

CREATE TABLE attempts (
    run_id         NUMBER(19) NOT NULL,
    attempt        NUMBER(19) NOT NULL,
    state          VARCHAR2(20 CHAR) NOT NULL,
    reason         VARCHAR2(1000 CHAR),
    hash           VARCHAR2(1000 CHAR),
    created_at_us  NUMBER(19),
    started_at_us  NUMBER(19),
    ended_at_us    NUMBER(19),
    jobs_total     NUMBER(19) NOT NULL,
    jobs_running   NUMBER(19) DEFAULT 0 NOT NULL,
    jobs_succeeded NUMBER(19) DEFAULT 0 NOT NULL,
    jobs_failed    NUMBER(19) DEFAULT 0 NOT NULL,
    jobs_skipped   NUMBER(19) DEFAULT 0 NOT NULL,
    jobs_cancelled NUMBER(19) DEFAULT 0 NOT NULL,
    detail         CLOB,
    options        BLOB,
    CONSTRAINT attempts_pk PRIMARY KEY (run_id, attempt),
    CONSTRAINT attempts_run FOREIGN KEY (run_id) REFERENCES runs (id),
    CONSTRAINT attempts_hash FOREIGN KEY (hash) REFERENCES workflows (hash),
    CONSTRAINT attempts_attempt CHECK (attempt > 0),
    CONSTRAINT attempts_state CHECK (state IN (
        'PENDING', 'QUEUED', 'RUNNING', 'SUCCESS', 'FAILED', 'TIMEOUT', 'SKIPPED', 'CANCELLED'))
);

-- run_id has no foreign key: the statement that checks the lease has found and locked
-- the run in the same transaction.
CREATE TABLE transitions (
    run_id        NUMBER(19) NOT NULL,
    seq           NUMBER(19) NOT NULL,
    attempt       NUMBER(19) NOT NULL,
    job           VARCHAR2(1000 CHAR),
    try_no        NUMBER(19) NOT NULL,
    from_state    VARCHAR2(20 CHAR) NOT NULL,
    to_state      VARCHAR2(20 CHAR) NOT NULL,
    reason        VARCHAR2(1000 CHAR),
    cause         VARCHAR2(1000 CHAR),
    at_us         NUMBER(19),
    until_us      NUMBER(19),
    exit_code     NUMBER(19),
    signal_no     NUMBER(19),
    cpu_us        NUMBER(19),
    max_rss       NUMBER(19),
    output_bytes  NUMBER(19),
    dropped_bytes NUMBER(19),
    survivors     NUMBER(19),
    out_state     VARCHAR2(20 CHAR),
    out_reason    VARCHAR2(1000 CHAR),
    detail        CLOB,
    out_detail    CLOB,
    CONSTRAINT transitions_pk PRIMARY KEY (run_id, seq),
    CONSTRAINT transitions_seq CHECK (seq > 0),
    CONSTRAINT transitions_attempt CHECK (attempt > 0),
    CONSTRAINT transitions_try CHECK (try_no >= 0),
    CONSTRAINT transitions_from CHECK (from_state IN (
        'PENDING', 'QUEUED', 'RUNNING', 'SUCCESS', 'FAILED', 'TIMEOUT', 'SKIPPED', 'CANCELLED')),
    CONSTRAINT transitions_to CHECK (to_state IN (
        'PENDING', 'QUEUED', 'RUNNING', 'SUCCESS', 'FAILED', 'TIMEOUT', 'SKIPPED', 'CANCELLED'))
);

CREATE TABLE requests (
    run_id   NUMBER(19) NOT NULL,
    req_no   NUMBER(19) NOT NULL,
    kind     VARCHAR2(100 CHAR),
    job      VARCHAR2(1000 CHAR),
    by_user  VARCHAR2(1000 CHAR),
    at_us    NUMBER(19),
    taken_us NUMBER(19),
    CONSTRAINT requests_pk PRIMARY KEY (run_id, req_no),
    CONSTRAINT requests_run FOREIGN KEY (run_id) REFERENCES runs (id),
    CONSTRAINT requests_no CHECK (req_no > 0)
);

CREATE TABLE overrides (
    run_id      NUMBER(19) NOT NULL,
    override_no NUMBER(19) NOT NULL,
    attempt     NUMBER(19) NOT NULL,
    job         VARCHAR2(1000 CHAR),
    by_user     VARCHAR2(1000 CHAR),
    at_us       NUMBER(19),
    note        CLOB,
    CONSTRAINT overrides_pk PRIMARY KEY (run_id, override_no),
    CONSTRAINT overrides_run FOREIGN KEY (run_id) REFERENCES runs (id),
    CONSTRAINT overrides_no CHECK (override_no > 0)
);
