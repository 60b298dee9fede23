-- by_user is who submitted a run. key_hash is of the submitter and the key with which the
-- run was submitted, NULL for none: to submit with the same key again finds the run.
ALTER TABLE runs ADD COLUMN by_user TEXT;
ALTER TABLE runs ADD COLUMN key_hash TEXT;
CREATE UNIQUE INDEX runs_by_key ON runs (key_hash);

-- grant_list is JSON. revision grows with each change, so that of two at once one fails.
CREATE TABLE user_accounts (
    name          TEXT PRIMARY KEY,
    password_hash TEXT,
    grant_list    TEXT,
    locked_out    BIGINT NOT NULL CHECK (locked_out IN (0, 1)),
    created_us    BIGINT,
    changed_us    BIGINT,
    revision      BIGINT NOT NULL CHECK (revision > 0)
);

-- secret_hash is all that is kept of a token or a session.
CREATE TABLE api_tokens (
    id          TEXT PRIMARY KEY,
    user_name   TEXT NOT NULL REFERENCES user_accounts (name),
    token_name  TEXT,
    secret_hash TEXT,
    grant_list  TEXT,
    created_us  BIGINT,
    expires_us  BIGINT,
    used_us     BIGINT,
    revoked_us  BIGINT
);
CREATE INDEX api_tokens_by_user ON api_tokens (user_name);

CREATE TABLE login_sessions (
    secret_hash TEXT PRIMARY KEY,
    user_name   TEXT NOT NULL REFERENCES user_accounts (name),
    via         TEXT,
    csrf        TEXT,
    created_us  BIGINT,
    expires_us  BIGINT
);
CREATE INDEX login_sessions_by_user ON login_sessions (user_name);

-- key_hash is of the user's name and the address, which may be any text.
CREATE TABLE login_failures (
    key_hash TEXT PRIMARY KEY,
    failures BIGINT NOT NULL,
    last_us  BIGINT
);

-- audit_seq has one row, with the number that was given last: who has it locked is the
-- only one who appends, so that numbers have no gaps and come in the order of commits.
CREATE TABLE audit_seq (
    one_row  BIGINT PRIMARY KEY CHECK (one_row = 1),
    last_seq BIGINT NOT NULL
);
INSERT INTO audit_seq (one_row, last_seq) VALUES (1, 0);

CREATE TABLE audit_log (
    seq         BIGINT PRIMARY KEY,
    at_us       BIGINT,
    who         TEXT,
    via         TEXT,
    from_addr   TEXT,
    action      TEXT,
    object_name TEXT,
    application TEXT,
    result      TEXT,
    detail      TEXT
);

-- registered has the versions of workflows that may be submitted by name.
CREATE TABLE registered (
    name        TEXT NOT NULL,
    version_no  BIGINT NOT NULL CHECK (version_no > 0),
    application TEXT,
    source_hash TEXT,
    body        BYTEA,
    file_name   TEXT,
    enabled     BIGINT NOT NULL CHECK (enabled IN (0, 1)),
    by_user     TEXT,
    at_us       BIGINT,
    note        TEXT,
    PRIMARY KEY (name, version_no)
);
