package cli_test

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/executionerhq/executioner/internal/legacy/history/historytest"
)

// TestLegacyScripts runs testdata/legacy/*.txtar, where old histories stand ready: old8.db
// and old4.db with run 12 of version 8 and 4 of the schema.
func TestLegacyScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "legacy"),
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("EXECUTIONER_DATABASE", filepath.Join(e.WorkDir, "history.db"))
			e.Setenv("USER", "tester")
			e.Setenv("TZ", "UTC")
			for version, name := range map[int]string{8: "old8.db", 4: "old4.db"} {
				d := historytest.Create(t, filepath.Join(e.WorkDir, name), version)
				oldNightly(d, e.WorkDir)
				_ = d.Close()
			}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"json": jsonCommand, "keys": keysCommand,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// oldNightly is a run that failed as the old program recorded it: first succeeded, bad
// failed twice, after was skipped, late was running when the program was left.
func oldNightly(d *historytest.DB, dir string) {
	d.Summary(historytest.Row{
		"run_id": 12, "application_name": "flow", "start_time": "2024-07-01 12:00:00", "end_time": "2024-07-01 12:00:10",
		"status": "FAILED", "total_jobs": 4, "completed_jobs": 1, "failed_jobs": 1, "skipped_jobs": 1, "exit_code": 1, "working_dir": dir,
	})
	job := func(id, status, at string, seconds float64, more historytest.Row) {
		r := historytest.Row{
			"run_id": 12, "id": id, "description": "the " + id, "command": "echo " + id + " >> ran", "status": status,
			"application_name": "flow", "duration_seconds": seconds, "last_run": "2024-07-01 12:00:" + at,
		}
		for name, value := range more {
			r[name] = value
		}
		d.Job(r)
	}
	job("first", "SUCCESS", "02", 1.5, nil)
	job("bad", "FAILED", "10", 6, historytest.Row{
		"retry_count": 1, "last_error": "exit code 4",
		"retry_history": `[{"attempt": 1, "timestamp": "2024-07-01T12:00:05", "duration": 1, "success": false, "exit_code": 3, "status": "FAILED"},
			{"attempt": 2, "timestamp": "2024-07-01T12:00:10", "duration": 1, "success": false, "exit_code": 4, "status": "FAILED"}]`,
	})
	job("after", "SKIPPED", "10", 0, historytest.Row{"last_error": "unmet dependencies: bad"})
	job("late", "RUNNING", "10", 0, nil)
}
