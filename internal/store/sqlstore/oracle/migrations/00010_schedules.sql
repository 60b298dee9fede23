-- schedules says how far each was decided about, firings what became of each expected time.
-- Of many that decide one gets its rows in: revision grows with each change, and a time has
-- one row.
CREATE TABLE schedules (
    id          VARCHAR2(1000 CHAR) NOT NULL,
    workflow    VARCHAR2(1000 CHAR) NOT NULL,
    sched_name  VARCHAR2(1000 CHAR) NOT NULL,
    application VARCHAR2(1000 CHAR),
    spec_hash   VARCHAR2(100 CHAR),
    decided_us  NUMBER(19),
    next_us     NUMBER(19),
    gone        NUMBER(1) NOT NULL,
    paused      NUMBER(1) NOT NULL,
    paused_by   VARCHAR2(1000 CHAR),
    paused_us   NUMBER(19),
    revision    NUMBER(19) NOT NULL,
    paused_why  CLOB,
    CONSTRAINT schedules_pk PRIMARY KEY (id),
    CONSTRAINT schedules_gone CHECK (gone IN (0, 1)),
    CONSTRAINT schedules_paused CHECK (paused IN (0, 1)),
    CONSTRAINT schedules_revision CHECK (revision > 0)
);

-- expected is in microseconds. open_of is the schedule of what may still change, pending_us the time of what waits for a
-- run. Both are NULL for all others, which are the most.
CREATE TABLE firings (
    schedule_id VARCHAR2(1000 CHAR) NOT NULL,
    expected    NUMBER(19) NOT NULL,
    until_us    NUMBER(19),
    decision    VARCHAR2(100 CHAR) NOT NULL,
    reason      VARCHAR2(1000 CHAR),
    by_what     VARCHAR2(1000 CHAR),
    state       VARCHAR2(100 CHAR) NOT NULL,
    run_id      NUMBER(19) NOT NULL,
    decided_us  NUMBER(19),
    batch       VARCHAR2(100 CHAR),
    room        NUMBER(19) NOT NULL,
    open_of     VARCHAR2(1000 CHAR),
    pending_us  NUMBER(19),
    detail      CLOB,
    CONSTRAINT firings_pk PRIMARY KEY (schedule_id, expected),
    CONSTRAINT firings_state CHECK (state IN ('waiting', 'due', 'running', 'over'))
);
CREATE INDEX firings_open ON firings (open_of);
CREATE INDEX firings_pending ON firings (pending_us);
