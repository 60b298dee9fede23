-- run_blocks says between which times the runs of each 1,000 ids were submitted, so that
-- those of a span of time are found without passing all newer ones. The bounds may be
-- wider than they need to be, never narrower. first_id is divisible by 1,000.
CREATE TABLE run_blocks (
    first_id BIGINT PRIMARY KEY,
    min_us   BIGINT NOT NULL,
    max_us   BIGINT NOT NULL
);
INSERT INTO run_blocks (first_id, min_us, max_us)
    SELECT id - id % 1000, MIN(submitted_at_us), MAX(submitted_at_us) FROM runs
    WHERE submitted_at_us IS NOT NULL GROUP BY id - id % 1000;

-- place is the run after which a chore that takes several times goes on; NULL for the first.
ALTER TABLE chores ADD COLUMN place BIGINT;
