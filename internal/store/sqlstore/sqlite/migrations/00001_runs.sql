-- Times are microseconds since 1970 in UTC, NULL for none. Names of columns are legal
-- on all databases that we support: at most 30 characters, no reserved words.
-- States are checked with OR, the likely ones first: for IN, SQLite builds a temporary
-- index in each statement, which made recording a transition twice as dear.

CREATE TABLE workflows (
    hash TEXT PRIMARY KEY,
    body BLOB NOT NULL
) WITHOUT ROWID;

-- attempt and state repeat what attempts says of the latest attempt: runs are
-- listed by state, newest first, which needs one index over both.
CREATE TABLE runs (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    application     TEXT,
    file            TEXT,
    working_dir     TEXT,
    submitted_at_us INTEGER,
    attempt         INTEGER NOT NULL CHECK (attempt > 0),
    state           TEXT NOT NULL CHECK (
        state = 'PENDING' OR state = 'QUEUED' OR state = 'RUNNING' OR state = 'SUCCESS' OR
        state = 'FAILED' OR state = 'TIMEOUT' OR state = 'SKIPPED' OR state = 'CANCELLED'),
    seq             INTEGER NOT NULL CHECK (seq >= 0),
    lease_owner     TEXT,
    lease_epoch     INTEGER NOT NULL CHECK (lease_epoch > 0),
    lease_until_us  INTEGER
);
CREATE INDEX runs_by_state ON runs (state);
CREATE INDEX runs_by_application ON runs (application, state);
CREATE INDEX runs_by_time ON runs (submitted_at_us);

CREATE TABLE attempts (
    run_id         INTEGER NOT NULL REFERENCES runs (id),
    attempt        INTEGER NOT NULL CHECK (attempt > 0),
    state          TEXT NOT NULL CHECK (
        state = 'PENDING' OR state = 'QUEUED' OR state = 'RUNNING' OR state = 'SUCCESS' OR
        state = 'FAILED' OR state = 'TIMEOUT' OR state = 'SKIPPED' OR state = 'CANCELLED'),
    reason         TEXT,
    detail         TEXT,
    hash           TEXT REFERENCES workflows (hash),
    options        BLOB,
    created_at_us  INTEGER,
    started_at_us  INTEGER,
    ended_at_us    INTEGER,
    jobs_total     INTEGER NOT NULL,
    jobs_running   INTEGER NOT NULL DEFAULT 0,
    jobs_succeeded INTEGER NOT NULL DEFAULT 0,
    jobs_failed    INTEGER NOT NULL DEFAULT 0,
    jobs_skipped   INTEGER NOT NULL DEFAULT 0,
    jobs_cancelled INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run_id, attempt)
) WITHOUT ROWID;

-- exit_code to survivors are the outcome of a try; exit_code is NULL where there is none.
-- out_state, out_reason and out_detail are set only where they differ from
-- to_state, reason and detail. run_id has no foreign key: the statement that checks
-- the lease has found the run in the same transaction, so it would be looked up twice.
CREATE TABLE transitions (
    run_id        INTEGER NOT NULL,
    seq           INTEGER NOT NULL CHECK (seq > 0),
    attempt       INTEGER NOT NULL CHECK (attempt > 0),
    job           TEXT,
    try_no        INTEGER NOT NULL CHECK (try_no >= 0),
    from_state    TEXT NOT NULL CHECK (
        from_state = 'PENDING' OR from_state = 'QUEUED' OR from_state = 'RUNNING' OR from_state = 'FAILED' OR
        from_state = 'TIMEOUT' OR from_state = 'SUCCESS' OR from_state = 'SKIPPED' OR from_state = 'CANCELLED'),
    to_state      TEXT NOT NULL CHECK (
        to_state = 'QUEUED' OR to_state = 'RUNNING' OR to_state = 'SUCCESS' OR to_state = 'SKIPPED' OR
        to_state = 'FAILED' OR to_state = 'TIMEOUT' OR to_state = 'CANCELLED' OR to_state = 'PENDING'),
    reason        TEXT,
    cause         TEXT,
    detail        TEXT,
    at_us         INTEGER,
    until_us      INTEGER,
    exit_code     INTEGER,
    signal_no     INTEGER,
    cpu_us        INTEGER,
    max_rss       INTEGER,
    output_bytes  INTEGER,
    dropped_bytes INTEGER,
    survivors     INTEGER,
    out_state     TEXT,
    out_reason    TEXT,
    out_detail    TEXT,
    PRIMARY KEY (run_id, seq)
) WITHOUT ROWID;

CREATE TABLE requests (
    run_id   INTEGER NOT NULL REFERENCES runs (id),
    req_no   INTEGER NOT NULL CHECK (req_no > 0),
    kind     TEXT NOT NULL,
    job      TEXT,
    by_user  TEXT,
    at_us    INTEGER,
    taken_us INTEGER,
    PRIMARY KEY (run_id, req_no)
) WITHOUT ROWID;

CREATE TABLE overrides (
    run_id      INTEGER NOT NULL REFERENCES runs (id),
    override_no INTEGER NOT NULL CHECK (override_no > 0),
    attempt     INTEGER NOT NULL,
    job         TEXT,
    by_user     TEXT,
    at_us       INTEGER,
    note        TEXT,
    PRIMARY KEY (run_id, override_no)
) WITHOUT ROWID;
