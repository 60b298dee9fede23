#!/bin/bash
# Makes history.tar.gz: histories of schema version 5, in SQLite and PostgreSQL, as the
# program of that version wrote them, and what it printed of them.
#
#   git archive 3d6e15c | tar -x -C DIR && (cd DIR && CGO_ENABLED=0 go build -o old ./cmd/executioner)
#   ./make.sh DIR/old history.tar.gz
#
# It needs sqlite3 and PostgreSQL's own programs. Run it as root, who becomes postgres for these.
set -euo pipefail
old=$(realpath "$1") out=$(realpath "$2")
top=$(mktemp -d /tmp/executioner-schema5-XXXXXX)
chmod 755 "$top"
trap 'rm -rf "$top"' EXIT

# The Python program's history, with run 12.
legacy() {
	sqlite3 "$1" <<'SQL'
CREATE TABLE job_history (run_id INTEGER, attempt_id INTEGER DEFAULT 1, id TEXT, description TEXT, command TEXT, status TEXT,
	application_name TEXT, duration_seconds REAL, memory_usage_mb REAL, cpu_usage_percent REAL, retry_count INTEGER DEFAULT 0,
	last_error TEXT, retry_history TEXT, last_run TIMESTAMP, PRIMARY KEY (run_id, attempt_id, id));
CREATE TABLE run_summary (run_id INTEGER, attempt_id INTEGER DEFAULT 1, application_name TEXT, start_time TIMESTAMP, end_time TIMESTAMP,
	status TEXT, total_jobs INTEGER, completed_jobs INTEGER, failed_jobs INTEGER, skipped_jobs INTEGER, exit_code INTEGER,
	working_dir TEXT, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (run_id, attempt_id));
CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at TIMESTAMP, description TEXT, migration_hash TEXT, script_name TEXT, rollback_info TEXT);
CREATE TABLE migration_history (id INTEGER PRIMARY KEY, version INTEGER);
INSERT INTO schema_version (version, applied_at) VALUES (1, '2024-01-01 00:00:00'), (2, '2024-01-01 00:00:00'), (3, '2024-01-01 00:00:00'),
	(4, '2024-01-01 00:00:00'), (5, '2024-01-01 00:00:00'), (6, '2024-01-01 00:00:00'), (7, '2024-01-01 00:00:00'), (8, '2024-01-01 00:00:00');
INSERT INTO run_summary (run_id, application_name, start_time, end_time, status, total_jobs, completed_jobs, failed_jobs, skipped_jobs, exit_code)
	VALUES (12, 'legacy', '2024-07-01 12:00:00', '2024-07-01 12:00:10', 'FAILED', 3, 1, 1, 1, 1);
INSERT INTO job_history (run_id, application_name, id, command, status, duration_seconds, last_run, retry_count, last_error, retry_history) VALUES
	(12, 'legacy', 'first', 'true', 'SUCCESS', 1.5, '2024-07-01 12:00:02', 0, NULL, NULL),
	(12, 'legacy', 'bad', 'exit 4', 'FAILED', 6, '2024-07-01 12:00:10', 1, 'exit code 4',
	'[{"attempt": 1, "timestamp": "2024-07-01T12:00:05", "duration": 1, "success": false, "exit_code": 3, "status": "FAILED"},
	{"attempt": 2, "timestamp": "2024-07-01T12:00:10", "duration": 1, "success": false, "exit_code": 4, "status": "FAILED"}]'),
	(12, 'legacy', 'after', 'true', 'SKIPPED', 0, '2024-07-01 12:00:10', 0, 'unmet dependencies: bad', NULL);
SQL
}

flows() {
	cat >values.yaml <<'YAML'
application_name: values
working_dir: "~"
jobs:
  - {id: count, command: 'echo rows=120 >>"$EXECUTIONER_OUTPUT"; echo counted'}
  - {id: use, command: 'echo "used $ROWS"', dependencies: [count], env_variables: {ROWS: "${jobs.count.rows}"}}
YAML
	cat >flaky.yaml <<'YAML'
application_name: flaky
working_dir: "~"
continue_on_error: true
jobs:
  - {id: good, command: echo good}
  - {id: bad, command: 'echo try; test -e fixed', max_retries: 2, retry_delay: 0.01, retry_jitter: 0}
  - {id: worse, command: 'exit 9'}
  - {id: after, command: echo after, dependencies: [bad]}
  - {id: last, command: echo last, dependencies: [worse, after]}
YAML
	cat >mended.yaml <<'YAML'
application_name: mended
working_dir: "~"
jobs:
  - {id: first, command: echo first}
  - {id: second, command: test -e mended, dependencies: [first]}
  - {id: third, command: echo third, dependencies: [second]}
YAML
	cat >skipping.yaml <<'YAML'
application_name: skipping
working_dir: "~"
jobs:
  - {id: first, command: echo first}
  - {id: never, command: echo never, dependencies: [first], when: 'jobs.first.exit_code == 5'}
  - {id: asked, command: echo asked, dependencies: [first]}
  - {id: last, command: echo last, dependencies: [{job: never, on: done}, asked]}
YAML
	cat >stopped.yaml <<'YAML'
application_name: stopped
working_dir: "~"
jobs:
  - {id: long, command: 'touch started; while ! test -e "$HOME/never"; do sleep 0.05; done'}
  - {id: then, command: echo then, dependencies: [long]}
YAML
	# After the program, its keeper is killed: what ended between is in the journal, what
	# ended later is lost. "more" was never recorded as started.
	cat >broken.yaml <<'YAML'
application_name: broken
working_dir: "~"
parallel: true
max_workers: 2
continue_on_error: true
jobs:
  - {id: ended, command: 'echo one; touch ended.is; while ! test -e go; do sleep 0.02; done; echo two; test -e whole || exit 3', max_retries: 0}
  - {id: left, command: 'echo $$ >left.pid; touch left.is; test -e whole || sleep 1000'}
  - {id: more, command: echo more}
YAML
}

await() { until test -e "$1"; do sleep 0.02; done; }
x() { "$old" "$@" || true; }

# answer appends what the program says to a command to the archive $answers.
answer() {
	echo "-- $* --" >>"$answers"
	"$old" "$@" >>"$answers"
}

histories() { # in the directory it is in
	export HOME=$PWD XDG_STATE_HOME=$PWD/state TZ=UTC USER=tester
	flows
	legacy old.db
	x db import-legacy old.db --time-zone Europe/Vienna # 12
	x run values.yaml                                    # 13
	x run flaky.yaml                                     # 14
	x mark-success 14 worse --note 'by hand'
	x run mended.yaml # 15
	touch mended
	x resume 15
	x run skipping.yaml --skip asked # 16
	"$old" run stopped.yaml &        # 17
	await started
	x cancel 17
	wait
	x run flaky.yaml # 18
	"$old" run broken.yaml & # 19
	await ended.is
	await left.is
	kill -KILL $!
	wait $! || true
	touch go
	journal=$(find . -name 'journal.0*' -path '*run-19*')
	until grep -aq '"outcome"' "$journal"; do sleep 0.02; done
	kill -KILL "$(pgrep -f "keeper -dir $PWD/.*run-19")"
	kill -KILL -- -"$(cat left.pid)" 2>/dev/null || kill -KILL "$(cat left.pid)"
	rm -f started go old.db left.pid ./*.is
	answer runs list --json
	for n in 12 13 14 15 16 17 18 19; do
		answer runs show $n --json
		answer explain $n --json
	done
	answer runs show 14
	answer explain 14 bad
	answer runs show 12
	answer logs 14 bad
	answer logs 13 use
	answer logs 15
}

export EXECUTIONER_DATABASE
mkdir "$top/sqlite" "$top/postgres"
echo -n "$top" >"$top/dir"
answers=$top/sqlite.answers EXECUTIONER_DATABASE=$top/sqlite/history.db
cd "$top/sqlite"
histories

bin=$(echo /usr/lib/postgresql/*/bin | tr ' ' '\n' | tail -1)
data=$top/data
install -d -o postgres "$data"
as() { su postgres -s /bin/bash -c "cd / && $*"; }
as "$bin/initdb -D $data --auth=trust --username=postgres --encoding=UTF8 --locale=C >/dev/null"
as "$bin/pg_ctl -w -D $data -o '-c listen_addresses= -c unix_socket_directories=$data' -l $data/log start >/dev/null"
trap 'as "$bin/pg_ctl -D $data -m immediate stop" >/dev/null; rm -rf "$top"' EXIT
chmod 755 "$data"
# The address says nothing of where the server is, since the keeper's directory is named after it.
export PGHOST=$data PGUSER=postgres
"$bin/createdb" schema5
answers=$top/postgres.answers EXECUTIONER_DATABASE=postgres:///schema5
cd "$top/postgres"
histories
"$bin/pg_dump" --inserts --no-owner --no-privileges schema5 | grep -v '^\\' >"$top/postgres.sql"

cd "$top"
find . -type s -delete
tar --sort=name --owner=0 --group=0 -cz --exclude=./data -f "$out" .
ls -l "$out"
