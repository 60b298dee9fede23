-- commits proves that a transaction was committed, in case the answer to that is lost:
-- the number of the last one of each writer. Rows that are not in use are removed.
CREATE TABLE commits (
    writer    INTEGER PRIMARY KEY,
    commit_no INTEGER NOT NULL,
    at_us     INTEGER NOT NULL
);
