-- time_zone is that of a schedule, NULL where it is the host's. broken_us says since when its workflow can't be used, broken_why
-- says why; NULL: it can.
ALTER TABLE schedules ADD COLUMN time_zone TEXT;
ALTER TABLE schedules ADD COLUMN broken_us INTEGER;
ALTER TABLE schedules ADD COLUMN broken_why TEXT;
