-- commits proves that a transaction was committed, in case the answer to that is lost:
-- the number of the last one of each writer. Rows that are not in use are removed.
CREATE TABLE commits (
    writer    NUMBER(19) NOT NULL,
    commit_no NUMBER(19) NOT NULL,
    at_us     NUMBER(19) NOT NULL,
    CONSTRAINT commits_pk PRIMARY KEY (writer)
);
