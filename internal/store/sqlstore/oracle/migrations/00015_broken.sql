-- time_zone is that of a schedule, NULL where it is the host's. broken_us says since when its workflow can't be used, broken_why
-- says why; NULL: it can.
ALTER TABLE schedules ADD (time_zone VARCHAR2(1000 CHAR), broken_us NUMBER(19), broken_why CLOB);
