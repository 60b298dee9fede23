-- origin says where a run was recorded first, for one that was brought here; NULL for
-- one that was made here. No run is brought twice.
ALTER TABLE runs ADD (origin VARCHAR2(1000 CHAR));
CREATE UNIQUE INDEX runs_by_origin ON runs (origin);

-- A workflow goes with the last attempt that has it. Without the index, Oracle would
-- lock all attempts meanwhile.
CREATE INDEX attempts_by_hash ON attempts (hash);

-- chores says when something that is to be done now and then was last claimed.
CREATE TABLE chores (
    chore VARCHAR2(1000 CHAR) NOT NULL,
    at_us NUMBER(19) NOT NULL,
    CONSTRAINT chores_pk PRIMARY KEY (chore)
);
