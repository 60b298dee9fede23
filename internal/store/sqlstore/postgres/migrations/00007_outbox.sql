-- untold is 1 while people may have to be told of what a run did, NULL otherwise: each
-- move of the run sets it. told_seq is up to where its transitions were looked at for that.
ALTER TABLE runs ADD COLUMN untold BIGINT;
ALTER TABLE runs ADD COLUMN told_seq BIGINT;
CREATE INDEX runs_by_untold ON runs (id) WHERE untold = 1;

-- notices are messages to people: those that wait to be sent and, for some days, those
-- that were sent or given up. id is made of what the message is about, so that none is
-- recorded twice. until_us is for how long sending it is tried.
CREATE TABLE notices (
    id             TEXT PRIMARY KEY,
    notifier       TEXT NOT NULL,
    incident       TEXT,
    digest         TEXT,
    run_id         BIGINT NOT NULL,
    state          TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'given_up')),
    created_at_us  BIGINT NOT NULL,
    due_us         BIGINT NOT NULL,
    until_us       BIGINT NOT NULL,
    ended_at_us    BIGINT,
    tries          BIGINT NOT NULL,
    lease_until_us BIGINT,
    detail         TEXT,
    body           BYTEA NOT NULL
);
CREATE INDEX notices_by_due ON notices (state, notifier, due_us);
CREATE INDEX notices_by_incident ON notices (incident, notifier, state);

-- incidents say how often in a row something failed, and whether people know of it.
-- version grows with each change. due_us is when they are to be reminded.
CREATE TABLE incidents (
    ikey          TEXT PRIMARY KEY,
    application   TEXT,
    version       BIGINT NOT NULL CHECK (version > 0),
    open_rules    BIGINT NOT NULL,
    due_us        BIGINT,
    changed_at_us BIGINT NOT NULL,
    body          BYTEA NOT NULL
);
CREATE INDEX incidents_by_application ON incidents (application);
CREATE INDEX incidents_by_open ON incidents (open_rules);
