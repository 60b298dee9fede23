-- wrote_epoch is the fencing number of the lease with which a transition was recorded last,
-- NULL while none was since there is this column.
ALTER TABLE runs ADD COLUMN wrote_epoch BIGINT;
