-- A trigger is kept as a schedule that has a kind, and what came in by it as a firing: arrival is a digest of what it is
-- told apart by, proof one of its signature, what names it for people, given has values of parameters. An arrival comes
-- once: revision of its schedule has grown when another one was recorded meanwhile.
ALTER TABLE schedules ADD (kind VARCHAR2(100 CHAR));
ALTER TABLE firings ADD (arrival VARCHAR2(100 CHAR));
ALTER TABLE firings ADD (proof VARCHAR2(100 CHAR));
ALTER TABLE firings ADD (what VARCHAR2(1000 CHAR));
ALTER TABLE firings ADD (given CLOB);
CREATE INDEX firings_arrival ON firings (arrival);
CREATE INDEX firings_proof ON firings (proof);
