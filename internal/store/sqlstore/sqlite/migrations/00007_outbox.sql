-- untold is 1 while people may have to be told of what a run did, NULL otherwise: each
-- move of the run sets it. told_seq is up to where its transitions were looked at for that.
ALTER TABLE runs ADD COLUMN untold INTEGER;
ALTER TABLE runs ADD COLUMN told_seq INTEGER;
CREATE INDEX runs_by_untold ON runs (untold) WHERE untold = 1;

-- notices are messages to people: those that wait to be sent and, for some days, those
-- that were sent or given up. id is made of what the message is about, so that none is
-- recorded twice. until_us is for how long sending it is tried.
CREATE TABLE notices (
    id             TEXT PRIMARY KEY,
    notifier       TEXT NOT NULL,
    incident       TEXT,
    digest         TEXT,
    run_id         INTEGER NOT NULL,
    state          TEXT NOT NULL CHECK (state = 'pending' OR state = 'sent' OR state = 'given_up'),
    created_at_us  INTEGER NOT NULL,
    due_us         INTEGER NOT NULL,
    until_us       INTEGER NOT NULL,
    ended_at_us    INTEGER,
    tries          INTEGER NOT NULL,
    lease_until_us INTEGER,
    detail         TEXT,
    body           BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX notices_by_due ON notices (state, notifier, due_us);
CREATE INDEX notices_by_incident ON notices (incident, notifier, state);

-- incidents say how often in a row something failed, and whether people know of it.
-- version grows with each change. due_us is when they are to be reminded.
CREATE TABLE incidents (
    ikey          TEXT PRIMARY KEY,
    application   TEXT,
    version       INTEGER NOT NULL CHECK (version > 0),
    open_rules    INTEGER NOT NULL,
    due_us        INTEGER,
    changed_at_us INTEGER NOT NULL,
    body          BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX incidents_by_application ON incidents (application);
CREATE INDEX incidents_by_open ON incidents (open_rules);
