-- A trigger is kept as a schedule that has a kind, and what came in by it as a firing: arrival is a digest of what it is
-- told apart by, proof one of its signature, what names it for people, given has values of parameters. An arrival comes
-- once: revision of its schedule has grown when another one was recorded meanwhile.
ALTER TABLE schedules ADD COLUMN kind TEXT;
ALTER TABLE firings ADD COLUMN arrival TEXT;
ALTER TABLE firings ADD COLUMN proof TEXT;
ALTER TABLE firings ADD COLUMN what TEXT;
ALTER TABLE firings ADD COLUMN given TEXT;
CREATE INDEX firings_arrival ON firings (arrival);
CREATE INDEX firings_proof ON firings (proof);
