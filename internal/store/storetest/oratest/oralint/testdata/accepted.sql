CREATE TABLE runs (id NUMBER(19) NOT NULL, workflow VARCHAR2(255 CHAR), state VARCHAR2(16 CHAR) NOT NULL, prio NUMBER(10) DEFAULT 0 NOT NULL, created_us NUMBER(19), params CLOB, body BLOB, CONSTRAINT runs_pk PRIMARY KEY (id), CONSTRAINT runs_state CHECK (state IN ('PENDING', 'DONE')))
CREATE TABLE child (id NUMBER(19) NOT NULL, run_id NUMBER(19) NOT NULL, CONSTRAINT child_fk FOREIGN KEY (run_id) REFERENCES runs (id) ON DELETE CASCADE)
CREATE TABLE child2 (id NUMBER(19) NOT NULL, run_id NUMBER(19), at TIMESTAMP(6) WITH TIME ZONE, r RAW(16), f BINARY_DOUBLE, b VARCHAR2(4000 BYTE), CONSTRAINT child2_fk FOREIGN KEY (run_id) REFERENCES runs (id) ON DELETE SET NULL)
CREATE INDEX runs_by_state ON runs (state, created_us DESC)
CREATE UNIQUE INDEX runs_first ON runs (CASE WHEN state = 'x' THEN workflow END)
CREATE SEQUENCE run_ids START WITH 1 INCREMENT BY 1 NOCACHE
ALTER TABLE runs ADD (origin VARCHAR2(10 CHAR))
ALTER TABLE runs ADD origin VARCHAR2(10 CHAR)
ALTER TABLE runs ADD (a VARCHAR2(10 CHAR), b NUMBER(19) DEFAULT 0 NOT NULL)
ALTER TABLE runs MODIFY (workflow VARCHAR2(400 CHAR))
ALTER TABLE runs ADD CONSTRAINT runs_prio CHECK (prio >= 0)
ALTER TABLE runs RENAME COLUMN prio TO rank_no
ALTER TABLE runs DROP COLUMN prio
DROP INDEX runs_by_state
DROP SEQUENCE run_ids
DROP TABLE child
DROP TABLE child CASCADE CONSTRAINTS PURGE
SET TRANSACTION READ ONLY
LOCK TABLE runs IN EXCLUSIVE MODE
SELECT run_ids.NEXTVAL FROM dual
INSERT INTO runs (id, state) VALUES (run_ids.NEXTVAL, :1)
INSERT INTO runs (id, state, params, body) VALUES (:1, :2, :3, :4)
INSERT INTO runs (id, state) SELECT :1, :2 FROM dual WHERE NOT EXISTS (SELECT 1 FROM runs WHERE id = :3)
INSERT INTO child (id, run_id) VALUES (:1, (SELECT COALESCE(MAX(id), 0) + 1 FROM child WHERE run_id = :2))
UPDATE runs SET state = :1, prio = prio + :2, params = :3 WHERE id = :4 AND state = 'PENDING' AND params IS NULL
UPDATE runs SET params = :1
UPDATE runs SET prio = (SELECT MAX(id) FROM child WHERE child.run_id = runs.id) WHERE EXISTS (SELECT 1 FROM child WHERE child.run_id = runs.id)
DELETE FROM runs WHERE id IN (SELECT id FROM runs WHERE created_us < :1 ORDER BY id FETCH FIRST :2 ROWS ONLY)
MERGE INTO runs t USING (SELECT CAST(:1 AS NUMBER(19)) AS id, CAST(:2 AS VARCHAR2(16 CHAR)) AS state FROM dual) s ON (t.id = s.id) WHEN MATCHED THEN UPDATE SET t.state = s.state WHEN NOT MATCHED THEN INSERT (id, state) VALUES (s.id, s.state)
SELECT r.id, r.params FROM runs r JOIN child c ON c.run_id = r.id WHERE r.id < :1 AND r.state IN (:2, :3) ORDER BY r.id DESC FETCH FIRST :4 ROWS ONLY
SELECT id FROM runs ORDER BY id OFFSET :1 ROWS FETCH NEXT :2 ROWS ONLY
SELECT id FROM runs WHERE ROWNUM <= :1
SELECT id FROM runs WHERE id = :1 FOR UPDATE
SELECT id FROM runs WHERE state = :1 FOR UPDATE SKIP LOCKED
SELECT id FROM runs WHERE id = :1 FOR UPDATE NOWAIT
SELECT id FROM runs ORDER BY created_us DESC NULLS LAST, id
SELECT state, COUNT(*) FROM runs GROUP BY state HAVING COUNT(*) > 1 ORDER BY state
SELECT r.state, SUM(CASE WHEN r.prio = 1 THEN 1 ELSE 0 END) AS ones FROM runs r GROUP BY r.state
SELECT (SELECT COUNT(*) FROM runs), (SELECT MIN(id) FROM runs) FROM dual
SELECT COUNT(*) FROM (SELECT 1 FROM runs WHERE created_us >= :1 FETCH FIRST 100 ROWS ONLY)
SELECT id FROM (SELECT id FROM runs WHERE state = :1) UNION ALL SELECT id FROM child
SELECT state FROM runs UNION SELECT workflow FROM runs
SELECT state FROM runs MINUS SELECT workflow FROM runs
WITH q AS (SELECT state, COUNT(*) AS n FROM runs GROUP BY state) SELECT state, n FROM q ORDER BY state
WITH t (n) AS (SELECT 1 FROM dual UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT n FROM t
SELECT id, ROW_NUMBER() OVER (PARTITION BY state ORDER BY id DESC) AS rn FROM runs
SELECT NVL(workflow, 'z'), NULLIF(state, 'x'), UPPER(state) || '-' || SUBSTR(state, 1, 8), LENGTH(state) FROM runs WHERE workflow LIKE :1 ESCAPE '!'
SELECT id FROM runs WHERE (workflow, state) IN (('a', 'b'), ('c', 'd'))
SELECT id FROM runs WHERE created_us < :1 OR (created_us = :2 AND id < :3)
SELECT id FROM runs WHERE id BETWEEN :1 AND :2
SELECT DISTINCT state FROM runs WHERE params IS NOT NULL
SELECT id FROM runs WHERE state <> 'it''s; LIMIT 1 ?'
SELECT SYSTIMESTAMP FROM dual
SELECT SYSTIMESTAMP - INTERVAL '1' DAY FROM dual
UPDATE runs SET created_us = COALESCE(created_us, CAST(:1 AS NUMBER(19))) WHERE id = :2
