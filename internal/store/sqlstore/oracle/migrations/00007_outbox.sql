-- untold is 1 while people may have to be told of what a run did, NULL otherwise: each
-- move of the run sets it, and rows without it are not in the index. told_seq is up to
-- where its transitions were looked at for that.
ALTER TABLE runs ADD (untold NUMBER(19));
ALTER TABLE runs ADD (told_seq NUMBER(19));
CREATE INDEX runs_by_untold ON runs (untold);

-- notices are messages to people: those that wait to be sent and, for some days, those
-- that were sent or given up. id is made of what the message is about, so that none is
-- recorded twice. until_us is for how long sending it is tried.
CREATE TABLE notices (
    id             VARCHAR2(100 CHAR) NOT NULL,
    notifier       VARCHAR2(200 CHAR) NOT NULL,
    incident       VARCHAR2(200 CHAR),
    digest         VARCHAR2(200 CHAR),
    run_id         NUMBER(19) NOT NULL,
    state          VARCHAR2(20 CHAR) NOT NULL,
    created_at_us  NUMBER(19) NOT NULL,
    due_us         NUMBER(19) NOT NULL,
    until_us       NUMBER(19) NOT NULL,
    ended_at_us    NUMBER(19),
    tries          NUMBER(19) NOT NULL,
    lease_until_us NUMBER(19),
    detail         CLOB,
    body           BLOB,
    CONSTRAINT notices_pk PRIMARY KEY (id),
    CONSTRAINT notices_state CHECK (state IN ('pending', 'sent', 'given_up'))
);
CREATE INDEX notices_by_due ON notices (state, notifier, due_us);
CREATE INDEX notices_by_incident ON notices (incident, notifier, state);

-- incidents say how often in a row something failed, and whether people know of it.
-- version grows with each change. due_us is when they are to be reminded.
CREATE TABLE incidents (
    ikey          VARCHAR2(100 CHAR) NOT NULL,
    application   VARCHAR2(1000 CHAR),
    version       NUMBER(19) NOT NULL,
    open_rules    NUMBER(19) NOT NULL,
    due_us        NUMBER(19),
    changed_at_us NUMBER(19) NOT NULL,
    body          BLOB,
    CONSTRAINT incidents_pk PRIMARY KEY (ikey),
    CONSTRAINT incidents_version CHECK (version > 0)
);
CREATE INDEX incidents_by_application ON incidents (application);
CREATE INDEX incidents_by_open ON incidents (open_rules);
