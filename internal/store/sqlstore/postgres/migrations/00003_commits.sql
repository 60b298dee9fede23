-- commits proves that a transaction was committed, in case the answer to that is lost:
-- the number of the last one of each writer. Rows that are not in use are removed.
CREATE TABLE commits (
    writer    BIGINT PRIMARY KEY,
    commit_no BIGINT NOT NULL,
    at_us     BIGINT NOT NULL
) WITH (fillfactor = 50);
