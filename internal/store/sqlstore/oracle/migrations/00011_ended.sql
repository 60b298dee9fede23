-- out_ended_us is when the command of a try ended that nobody watched then, NULL where at_us
-- says when it ended.
ALTER TABLE transitions ADD (out_ended_us NUMBER(19));
