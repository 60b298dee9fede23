-- schedules says how far each was decided about, firings what became of each expected time.
-- Of many that decide one gets its rows in: revision grows with each change, and a time has
-- one row.
CREATE TABLE schedules (
    id          TEXT PRIMARY KEY,
    workflow    TEXT NOT NULL,
    sched_name  TEXT NOT NULL,
    application TEXT,
    spec_hash   TEXT,
    decided_us  BIGINT,
    next_us     BIGINT,
    gone        BIGINT NOT NULL CHECK (gone IN (0, 1)),
    paused      BIGINT NOT NULL CHECK (paused IN (0, 1)),
    paused_by   TEXT,
    paused_us   BIGINT,
    paused_why  TEXT,
    revision    BIGINT NOT NULL CHECK (revision > 0)
);

-- expected is in microseconds. open_of is the schedule of what may still change, pending_us the time of what waits for a
-- run. Both are NULL for all others, which are the most.
CREATE TABLE firings (
    schedule_id TEXT NOT NULL,
    expected    BIGINT NOT NULL,
    until_us    BIGINT,
    decision    TEXT NOT NULL,
    reason      TEXT,
    by_what     TEXT,
    detail      TEXT,
    state       TEXT NOT NULL CHECK (state IN ('waiting', 'due', 'running', 'over')),
    run_id      BIGINT NOT NULL,
    decided_us  BIGINT,
    batch       TEXT,
    room        BIGINT NOT NULL,
    open_of     TEXT,
    pending_us  BIGINT,
    PRIMARY KEY (schedule_id, expected)
);
CREATE INDEX firings_open ON firings (open_of);
CREATE INDEX firings_pending ON firings (pending_us);
