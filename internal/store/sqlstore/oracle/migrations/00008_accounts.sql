-- by_user is who submitted a run. key_hash is of the submitter and the key with which the
-- run was submitted, NULL for none: to submit with the same key again finds the run.
ALTER TABLE runs ADD (by_user VARCHAR2(1000 CHAR));
ALTER TABLE runs ADD (key_hash VARCHAR2(100 CHAR));
CREATE UNIQUE INDEX runs_by_key ON runs (key_hash);

-- grant_list is JSON. revision grows with each change, so that of two at once one fails.
CREATE TABLE user_accounts (
    name          VARCHAR2(1000 CHAR) NOT NULL,
    password_hash VARCHAR2(1000 CHAR),
    locked_out    NUMBER(1) NOT NULL,
    created_us    NUMBER(19),
    changed_us    NUMBER(19),
    revision      NUMBER(19) NOT NULL,
    grant_list    CLOB,
    CONSTRAINT user_accounts_pk PRIMARY KEY (name),
    CONSTRAINT user_accounts_locked CHECK (locked_out IN (0, 1)),
    CONSTRAINT user_accounts_revision CHECK (revision > 0)
);

-- secret_hash is all that is kept of a token or a session.
CREATE TABLE api_tokens (
    id          VARCHAR2(100 CHAR) NOT NULL,
    user_name   VARCHAR2(1000 CHAR) NOT NULL,
    token_name  VARCHAR2(1000 CHAR),
    secret_hash VARCHAR2(100 CHAR),
    created_us  NUMBER(19),
    expires_us  NUMBER(19),
    used_us     NUMBER(19),
    revoked_us  NUMBER(19),
    grant_list  CLOB,
    CONSTRAINT api_tokens_pk PRIMARY KEY (id),
    CONSTRAINT api_tokens_user FOREIGN KEY (user_name) REFERENCES user_accounts (name)
);
CREATE INDEX api_tokens_by_user ON api_tokens (user_name);

CREATE TABLE login_sessions (
    secret_hash VARCHAR2(100 CHAR) NOT NULL,
    user_name   VARCHAR2(1000 CHAR) NOT NULL,
    via         VARCHAR2(100 CHAR),
    csrf        VARCHAR2(1000 CHAR),
    created_us  NUMBER(19),
    expires_us  NUMBER(19),
    CONSTRAINT login_sessions_pk PRIMARY KEY (secret_hash),
    CONSTRAINT login_sessions_user FOREIGN KEY (user_name) REFERENCES user_accounts (name)
);
CREATE INDEX login_sessions_by_user ON login_sessions (user_name);

-- key_hash is of the user's name and the address, which may be any text.
CREATE TABLE login_failures (
    key_hash VARCHAR2(100 CHAR) NOT NULL,
    failures NUMBER(19) NOT NULL,
    last_us  NUMBER(19),
    CONSTRAINT login_failures_pk PRIMARY KEY (key_hash)
);

-- audit_seq has one row, with the number that was given last: who has it locked is the
-- only one who appends, so that numbers have no gaps and come in the order of commits.
CREATE TABLE audit_seq (
    one_row  NUMBER(1) NOT NULL,
    last_seq NUMBER(19) NOT NULL,
    CONSTRAINT audit_seq_pk PRIMARY KEY (one_row),
    CONSTRAINT audit_seq_one CHECK (one_row = 1)
);
INSERT INTO audit_seq (one_row, last_seq) VALUES (1, 0);

CREATE TABLE audit_log (
    seq         NUMBER(19) NOT NULL,
    at_us       NUMBER(19),
    who         VARCHAR2(1000 CHAR),
    via         VARCHAR2(1000 CHAR),
    from_addr   VARCHAR2(1000 CHAR),
    action      VARCHAR2(1000 CHAR),
    object_name VARCHAR2(1000 CHAR),
    application VARCHAR2(1000 CHAR),
    result      VARCHAR2(1000 CHAR),
    detail      CLOB,
    CONSTRAINT audit_log_pk PRIMARY KEY (seq)
);

-- registered has the versions of workflows that may be submitted by name.
CREATE TABLE registered (
    name        VARCHAR2(1000 CHAR) NOT NULL,
    version_no  NUMBER(19) NOT NULL,
    application VARCHAR2(1000 CHAR),
    source_hash VARCHAR2(100 CHAR),
    file_name   VARCHAR2(1000 CHAR),
    enabled     NUMBER(1) NOT NULL,
    by_user     VARCHAR2(1000 CHAR),
    at_us       NUMBER(19),
    body        BLOB,
    note        CLOB,
    CONSTRAINT registered_pk PRIMARY KEY (name, version_no),
    CONSTRAINT registered_version CHECK (version_no > 0),
    CONSTRAINT registered_enabled CHECK (enabled IN (0, 1))
);
