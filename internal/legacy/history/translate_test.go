package history

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

var rules = Rules{Zone: time.UTC, Now: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)}

// told writes transitions one per line, which a reader can compare.
func told(ts []run.Transition) []string {
	lines := make([]string, len(ts))
	for i, t := range ts {
		who := "run"
		if t.Job != "" {
			who = fmt.Sprintf("%s/%d", t.Job, t.Try)
		}
		s := fmt.Sprintf("%d %s %s %s %s %s", t.Attempt, t.At.Format("15:04:05.999"), who, t.From, t.To, t.Reason)
		if t.Cause != "" {
			s += " cause " + string(t.Cause)
		}
		if o := t.Outcome; o != nil && o.ExitCode != run.NoExitCode {
			s += fmt.Sprintf(" exit %d", o.ExitCode)
		}
		if o := t.Outcome; o != nil && o.Signal != 0 {
			s += fmt.Sprintf(" signal %d", o.Signal)
		}
		if !t.Until.IsZero() {
			s += " until " + t.Until.Format("15:04:05.999")
		}
		if t.Detail != "" {
			s += ": " + t.Detail
		}
		lines[i] = s
	}
	return lines
}

func toldProblems(problems []Problem) (lines []string) {
	for _, p := range problems {
		s := p.Place() + ": " + p.Reason
		if p.Skipped {
			s += " (skipped)"
		}
		lines = append(lines, s)
	}
	return lines
}

// failer is what tests of both kinds have, those of package testing and of rapid.
type failer interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// translated checks everything that must be true of any archive.
func translated(t failer, old Run) (store.Archive, []Problem) {
	t.Helper()
	a, problems, ok := Translate(old, rules)
	if !ok {
		t.Fatalf("nothing can be taken over: %q", toldProblems(problems))
	}
	if err := a.Valid(); err != nil {
		t.Fatal(err)
	}
	for i := range a.Attempts {
		checkAttempt(t, &a, i+1)
	}
	return a, problems
}

// checkAttempt replays an attempt: the plan that was restored from what is recorded has
// to stand where the attempt is said to stand.
func checkAttempt(t failer, a *store.Archive, number int) {
	t.Helper()
	rec := &a.Attempts[number-1]
	wf, err := workflow.Decode(a.Workflows[rec.Hash])
	if err != nil {
		t.Fatal(err)
	}
	if _, hash, err := workflow.Encode(wf); err != nil || hash != rec.Hash {
		t.Fatalf("the hash of attempt %d is %s, of its workflow %s: %v", number, rec.Hash, hash, err)
	}
	p, err := plan.Restore(wf, plan.Options{Attempt: number}, a.Transitions, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.State() != rec.State || !rec.State.Ended() {
		t.Fatalf("attempt %d is %s, restored %s", number, rec.State, p.State())
	}
	if p.Counts() != rec.Counts {
		t.Fatalf("attempt %d counts %+v, restored %+v", number, rec.Counts, p.Counts())
	}
	if rec.EndedAt.Before(rec.StartedAt) || rec.StartedAt.IsZero() || rec.Reason == "" {
		t.Fatalf("attempt %d: %+v", number, rec)
	}
}

func summaryOf(start, end, status string) []Summary {
	return []Summary{{Attempt: 1, Application: "app", WorkingDir: "/srv/app", Status: status, Start: start, End: end}}
}

func job(id, status, lastRun string, seconds float64) Job {
	return Job{Attempt: 1, ID: run.JobID(id), Command: "do " + id, Status: status, Application: "app", Seconds: seconds, LastRun: lastRun}
}

func with(j Job, change func(*Job)) Job {
	change(&j)
	return j
}

func TestTranslate(t *testing.T) {
	const day = "2024-03-01 "
	tests := []struct {
		name     string
		old      Run
		want     []string // after the two with which each begins
		problems []string
	}{
		{
			"all succeeded",
			Run{ID: 12, Summaries: summaryOf(day+"12:00:00", day+"12:00:09", "SUCCESS"), Jobs: []Job{
				job("a", "SUCCESS", day+"12:00:03", 3), job("b", "SUCCESS", day+"12:00:09", 5.5),
			}},
			[]string{
				"1 12:00:00 a/0 PENDING QUEUED not_recorded",
				"1 12:00:00 a/1 QUEUED RUNNING started",
				"1 12:00:03 a/1 RUNNING SUCCESS exit_code exit 0",
				"1 12:00:03.5 b/0 PENDING QUEUED not_recorded",
				"1 12:00:03.5 b/1 QUEUED RUNNING started",
				"1 12:00:09 b/1 RUNNING SUCCESS exit_code exit 0",
				"1 12:00:09 run RUNNING SUCCESS all_succeeded",
			},
			nil,
		},
		{
			"retries, the list has all tries",
			Run{ID: 12, Summaries: summaryOf(day+"12:00:00", day+"12:01:00", "FAILED"), Jobs: []Job{
				with(job("a", "FAILED", day+"12:00:30", 30), func(j *Job) {
					j.Retries, j.LastError = 1, "Command failed\nwith exit code 7"
					j.RetryHistory = `[{"attempt": 1, "timestamp": "2024-03-01T12:00:05.25", "duration": 5, "success": false, "exit_code": 7, "status": "FAILED"},
						{"attempt": 2, "timestamp": "2024-03-01T12:00:30", "duration": 4, "success": false, "exit_code": 8, "status": "FAILED"}]`
				}),
			}},
			[]string{
				"1 12:00:00.25 a/0 PENDING QUEUED not_recorded",
				"1 12:00:00.25 a/1 QUEUED RUNNING started",
				"1 12:00:05.25 a/1 RUNNING FAILED exit_code exit 7 until 12:00:26",
				"1 12:00:26 a/1 FAILED QUEUED retry",
				"1 12:00:26 a/2 QUEUED RUNNING started",
				"1 12:00:30 a/2 RUNNING FAILED exit_code exit 8: Command failed with exit code 7",
				"1 12:01:00 run RUNNING FAILED job_failed",
			},
			nil,
		},
		{
			"retries, the list has the failed tries only",
			Run{ID: 12, Summaries: summaryOf(day+"12:00:00", day+"12:01:00", "SUCCESS"), Jobs: []Job{
				with(job("a", "SUCCESS", day+"12:00:30", 2), func(j *Job) {
					j.Retries = 2
					j.RetryHistory = `[{"timestamp": "2024-03-01 12:00:05", "duration": 5, "success": false, "exit_code": -9},
						{"timestamp": "2024-03-01 12:00:20", "duration": 10, "status": "TIMEOUT"}]`
				}),
			}},
			[]string{
				"1 12:00:00 a/0 PENDING QUEUED not_recorded",
				"1 12:00:00 a/1 QUEUED RUNNING started",
				"1 12:00:05 a/1 RUNNING FAILED signal signal 9 until 12:00:10",
				"1 12:00:10 a/1 FAILED QUEUED retry",
				"1 12:00:10 a/2 QUEUED RUNNING started",
				"1 12:00:20 a/2 RUNNING TIMEOUT timed_out until 12:00:28",
				"1 12:00:28 a/2 TIMEOUT QUEUED retry",
				"1 12:00:28 a/3 QUEUED RUNNING started",
				"1 12:00:30 a/3 RUNNING SUCCESS exit_code exit 0",
				"1 12:01:00 run RUNNING SUCCESS all_succeeded",
			},
			nil,
		},
		{
			"a failed post-check that was recorded as SUCCESS first",
			Run{ID: 12, Summaries: summaryOf(day+"12:00:00", day+"12:00:10", "FAILED"), Jobs: []Job{
				with(job("a", "POSTCHECK_FAILED", day+"12:00:10", 4), func(j *Job) {
					j.Retries = 1
					j.RetryHistory = `[{"timestamp": "2024-03-01T12:00:05", "duration": 1, "success": true, "exit_code": 0, "status": "SUCCESS"},
						{"timestamp": "2024-03-01T12:00:10", "duration": 4, "success": false, "exit_code": 0, "status": "FAILED"}]`
				}),
			}},
			[]string{
				"1 12:00:04 a/0 PENDING QUEUED not_recorded",
				"1 12:00:04 a/1 QUEUED RUNNING started",
				"1 12:00:05 a/1 RUNNING FAILED not_recorded exit 0 until 12:00:06: recorded as SUCCESS, and repeated",
				"1 12:00:06 a/1 FAILED QUEUED retry",
				"1 12:00:06 a/2 QUEUED RUNNING started",
				"1 12:00:10 a/2 RUNNING FAILED postcheck_failed exit 0",
				"1 12:00:10 run RUNNING FAILED job_failed",
			},
			nil,
		},
		{
			"every status",
			Run{ID: 12, Jobs: []Job{
				job("success", "success ", day+"12:00:00", 0),
				with(job("empty", "SUCCESS", day+"12:00:00", 0), func(j *Job) { j.Command = " " }),
				job("failed", "FAILED", day+"12:00:01", 0),
				with(job("code", "FAILED", day+"12:00:02", 0), func(j *Job) { j.LastError = "exit code: 3" }),
				with(job("error", "ERROR", day+"12:00:03", 0), func(j *Job) { j.LastError = "no such file" }),
				job("timeout", "TIMEOUT", day+"12:00:04", 0),
				job("pre", "PRECHECK_FAILED", day+"12:00:05", 0),
				job("post", "POSTCHECK_FAILED", day+"12:00:06", 0),
				with(job("skipped", "SKIPPED", day+"12:00:07", 0), func(j *Job) { j.LastError = "Unmet dependencies: success, failed" }),
				job("why", "SKIPPED", day+"12:00:07", 0),
				job("running", "RUNNING", day+"12:00:08", 0),
				with(job("odd", "PENDING", day+"12:00:08", 0), func(j *Job) { j.Row = 7 }),
			}},
			[]string{
				"1 12:00:00 success/0 PENDING QUEUED not_recorded",
				"1 12:00:00 success/1 QUEUED RUNNING started",
				"1 12:00:00 success/1 RUNNING SUCCESS exit_code exit 0",
				"1 12:00:00 empty/0 PENDING QUEUED not_recorded",
				"1 12:00:00 empty/1 QUEUED RUNNING started",
				"1 12:00:00 empty/1 RUNNING SUCCESS empty_command exit 0",
				"1 12:00:01 failed/0 PENDING QUEUED not_recorded",
				"1 12:00:01 failed/1 QUEUED RUNNING started",
				"1 12:00:01 failed/1 RUNNING FAILED not_recorded",
				"1 12:00:02 code/0 PENDING QUEUED not_recorded",
				"1 12:00:02 code/1 QUEUED RUNNING started",
				"1 12:00:02 code/1 RUNNING FAILED exit_code exit 3: exit code: 3",
				"1 12:00:03 error/0 PENDING QUEUED not_recorded",
				"1 12:00:03 error/1 QUEUED RUNNING started",
				"1 12:00:03 error/1 RUNNING FAILED start_failed: no such file",
				"1 12:00:04 timeout/0 PENDING QUEUED not_recorded",
				"1 12:00:04 timeout/1 QUEUED RUNNING started",
				"1 12:00:04 timeout/1 RUNNING TIMEOUT timed_out",
				"1 12:00:05 pre/0 PENDING QUEUED not_recorded",
				"1 12:00:05 pre/1 QUEUED RUNNING started",
				"1 12:00:05 pre/1 RUNNING FAILED precheck_failed",
				"1 12:00:06 post/0 PENDING QUEUED not_recorded",
				"1 12:00:06 post/1 QUEUED RUNNING started",
				"1 12:00:06 post/1 RUNNING FAILED postcheck_failed",
				"1 12:00:07 skipped/0 PENDING SKIPPED dependency_failed cause failed: Unmet dependencies: success, failed",
				"1 12:00:07 why/0 PENDING SKIPPED not_recorded",
				"1 12:00:08 running/0 PENDING QUEUED not_recorded",
				"1 12:00:08 running/1 QUEUED RUNNING started",
				"1 12:00:08 running/1 RUNNING FAILED lost: the old program recorded no end",
				"1 12:00:08 run RUNNING FAILED engine_lost: the old program recorded no end",
			},
			[]string{`job_history row 7 (run 12, attempt 1, job odd): status "PENDING" is unknown (skipped)`},
		},
		{
			"attempts: what had succeeded is not run again, told by a copy, by SKIPPED, or not at all",
			Run{
				ID: 12, Summaries: []Summary{
					{Attempt: 1, Application: "app", Status: "FAILED", Start: day + "12:00:00", End: day + "12:00:10"},
					{Attempt: 3, Application: "app", Status: "SUCCESS", Start: day + "14:00:00", End: day + "14:00:10"},
				},
				Jobs: []Job{
					job("silent", "SUCCESS", day+"12:00:01", 1), job("copied", "SUCCESS", day+"12:00:02", 1),
					job("told", "SUCCESS", day+"12:00:03", 1), job("bad", "TIMEOUT", day+"12:00:10", 5),
					with(job("copied", "SUCCESS", day+"12:00:02", 1), func(j *Job) { j.Attempt = 3 }),
					with(job("told", "SKIPPED", day+"14:00:00", 0), func(j *Job) { j.Attempt = 3 }),
					with(job("bad", "SUCCESS", day+"14:00:10", 10), func(j *Job) { j.Attempt = 3 }),
				},
			},
			[]string{
				"1 12:00:00 silent/0 PENDING QUEUED not_recorded",
				"1 12:00:00 silent/1 QUEUED RUNNING started",
				"1 12:00:01 silent/1 RUNNING SUCCESS exit_code exit 0",
				"1 12:00:01 copied/0 PENDING QUEUED not_recorded",
				"1 12:00:01 copied/1 QUEUED RUNNING started",
				"1 12:00:02 copied/1 RUNNING SUCCESS exit_code exit 0",
				"1 12:00:02 told/0 PENDING QUEUED not_recorded",
				"1 12:00:02 told/1 QUEUED RUNNING started",
				"1 12:00:03 told/1 RUNNING SUCCESS exit_code exit 0",
				"1 12:00:05 bad/0 PENDING QUEUED not_recorded",
				"1 12:00:05 bad/1 QUEUED RUNNING started",
				"1 12:00:10 bad/1 RUNNING TIMEOUT timed_out",
				"1 12:00:10 run RUNNING FAILED job_failed",
				"2 12:00:00 run PENDING QUEUED resumed",
				"2 12:00:00 run QUEUED RUNNING started",
				"2 12:00:00 silent/0 PENDING SKIPPED already_succeeded",
				"2 12:00:00 copied/0 PENDING SKIPPED already_succeeded",
				"2 12:00:00 told/0 PENDING SKIPPED already_succeeded",
				"2 12:00:00 run RUNNING FAILED not_recorded",
				"3 14:00:00 run PENDING QUEUED resumed",
				"3 14:00:00 run QUEUED RUNNING started",
				"3 14:00:00 silent/0 PENDING SKIPPED already_succeeded",
				"3 14:00:00 copied/0 PENDING SKIPPED already_succeeded",
				"3 14:00:00 told/0 PENDING SKIPPED already_succeeded",
				"3 14:00:00 bad/0 PENDING QUEUED not_recorded",
				"3 14:00:00 bad/1 QUEUED RUNNING started",
				"3 14:00:10 bad/1 RUNNING SUCCESS exit_code exit 0",
				"3 14:00:10 run RUNNING SUCCESS all_succeeded",
			},
			nil,
		},
		{
			"a job that succeeded once and failed when it was run again",
			Run{ID: 12, Jobs: []Job{
				job("a", "SUCCESS", day+"12:00:01", 1), job("b", "FAILED", day+"12:00:02", 1),
				with(job("a", "FAILED", day+"13:00:01", 1), func(j *Job) { j.Attempt = 2 }),
				with(job("b", "SUCCESS", day+"14:00:01", 1), func(j *Job) { j.Attempt = 3 }),
			}},
			[]string{
				"1 12:00:00 a/0 PENDING QUEUED not_recorded",
				"1 12:00:00 a/1 QUEUED RUNNING started",
				"1 12:00:01 a/1 RUNNING SUCCESS exit_code exit 0",
				"1 12:00:01 b/0 PENDING QUEUED not_recorded",
				"1 12:00:01 b/1 QUEUED RUNNING started",
				"1 12:00:02 b/1 RUNNING FAILED not_recorded",
				"1 12:00:02 run RUNNING FAILED job_failed",
				"2 13:00:00 run PENDING QUEUED resumed",
				"2 13:00:00 run QUEUED RUNNING started",
				"2 13:00:00 a/0 PENDING QUEUED not_recorded",
				"2 13:00:00 a/1 QUEUED RUNNING started",
				"2 13:00:01 a/1 RUNNING FAILED not_recorded",
				"2 13:00:01 run RUNNING FAILED job_failed",
				"3 14:00:00 run PENDING QUEUED resumed",
				"3 14:00:00 run QUEUED RUNNING started",
				"3 14:00:00 b/0 PENDING QUEUED not_recorded",
				"3 14:00:00 b/1 QUEUED RUNNING started",
				"3 14:00:01 b/1 RUNNING SUCCESS exit_code exit 0",
				"3 14:00:01 run RUNNING SUCCESS all_succeeded",
			},
			nil,
		},
		{
			"a list that says more of the failure, and one that times nothing",
			Run{ID: 12, Summaries: summaryOf(day+"12:00:00", day+"12:00:10", "FAILED"), Jobs: []Job{
				with(job("more", "FAILED", day+"12:00:01", 1), func(j *Job) { j.RetryHistory = `[{"status": "PRECHECK_FAILED", "duration": 1}]` }),
				with(job("none", "FAILED", day+"12:00:09", 3), func(j *Job) { j.Retries, j.RetryHistory = 1, `[{"duration": 2}, {}]` }),
				with(job("few", "FAILED", day+"12:00:09", 3), func(j *Job) { j.Retries = 2 }),
			}},
			[]string{
				"1 12:00:00 more/0 PENDING QUEUED not_recorded",
				"1 12:00:00 more/1 QUEUED RUNNING started",
				"1 12:00:00 none/0 PENDING QUEUED not_recorded",
				"1 12:00:00 none/1 QUEUED RUNNING started",
				"1 12:00:01 more/1 RUNNING FAILED precheck_failed",
				"1 12:00:02 none/1 RUNNING FAILED not_recorded until 12:00:09",
				"1 12:00:06 few/0 PENDING QUEUED not_recorded",
				"1 12:00:06 few/1 QUEUED RUNNING started",
				"1 12:00:09 none/1 FAILED QUEUED retry",
				"1 12:00:09 none/2 QUEUED RUNNING started",
				"1 12:00:09 none/2 RUNNING FAILED not_recorded",
				"1 12:00:09 few/1 RUNNING FAILED not_recorded: it was repeated 2 times; of these 2 are not recorded",
				"1 12:00:10 run RUNNING FAILED job_failed",
			},
			nil,
		},
		{
			"a program that was killed",
			Run{ID: 12, Summaries: summaryOf(day+"12:00:00", "", "RUNNING"), Jobs: []Job{
				job("a", "SUCCESS", day+"12:00:05", 4),
				with(job("b", "RUNNING", day+"12:00:06", -1), func(j *Job) {
					j.RetryHistory = `[{"timestamp": "2024-03-01T12:00:06", "duration": 0.5, "success": false, "exit_code": 1}]`
				}),
			}},
			[]string{
				"1 12:00:01 a/0 PENDING QUEUED not_recorded",
				"1 12:00:01 a/1 QUEUED RUNNING started",
				"1 12:00:05 a/1 RUNNING SUCCESS exit_code exit 0",
				"1 12:00:05.5 b/0 PENDING QUEUED not_recorded",
				"1 12:00:05.5 b/1 QUEUED RUNNING started",
				"1 12:00:06 b/1 RUNNING FAILED exit_code exit 1 until 12:00:06",
				"1 12:00:06 b/1 FAILED QUEUED retry",
				"1 12:00:06 b/2 QUEUED RUNNING started",
				"1 12:00:06 b/2 RUNNING FAILED lost: the old program recorded no end",
				"1 12:00:06 run RUNNING FAILED engine_lost: the old program recorded no end",
			},
			nil,
		},
		{
			"times that were cut to seconds, and one that is a start",
			Run{ID: 12, Summaries: summaryOf(day+"12:00:00", day+"12:00:20", "SUCCESS"), Jobs: []Job{
				job("cut", "SUCCESS", day+"12:00:05", 5.75), job("start", "SUCCESS", day+"12:00:06", 14),
			}},
			[]string{
				"1 12:00:00 cut/0 PENDING QUEUED not_recorded",
				"1 12:00:00 cut/1 QUEUED RUNNING started",
				"1 12:00:05.75 cut/1 RUNNING SUCCESS exit_code exit 0",
				"1 12:00:06 start/0 PENDING QUEUED not_recorded",
				"1 12:00:06 start/1 QUEUED RUNNING started",
				"1 12:00:20 start/1 RUNNING SUCCESS exit_code exit 0",
				"1 12:00:20 run RUNNING SUCCESS all_succeeded",
			},
			nil,
		},
		{
			"a list whose times are starts",
			Run{ID: 12, Summaries: summaryOf(day+"12:00:00", day+"12:01:00", "SUCCESS"), Jobs: []Job{
				with(job("a", "SUCCESS", day+"12:00:30", 10), func(j *Job) {
					j.Retries = 1
					j.RetryHistory = `[{"timestamp": "2024-03-01T12:00:00", "duration": 5, "success": false, "exit_code": 1},
						{"timestamp": "2024-03-01T12:00:20", "duration": 10, "success": true, "exit_code": 0}]`
				}),
			}},
			[]string{
				"1 12:00:00 a/0 PENDING QUEUED not_recorded",
				"1 12:00:00 a/1 QUEUED RUNNING started",
				"1 12:00:05 a/1 RUNNING FAILED exit_code exit 1 until 12:00:20",
				"1 12:00:20 a/1 FAILED QUEUED retry",
				"1 12:00:20 a/2 QUEUED RUNNING started",
				"1 12:00:30 a/2 RUNNING SUCCESS exit_code exit 0",
				"1 12:01:00 run RUNNING SUCCESS all_succeeded",
			},
			nil,
		},
		{
			"damaged values",
			Run{ID: 12, Summaries: []Summary{{
				Row: 3, Attempt: 1, Application: "app", Status: "weird", Start: day + "12:00:00", End: day + "11:00:00",
			}}, Jobs: []Job{
				with(job("list", "SUCCESS", "yesterday", 2), func(j *Job) { j.Row, j.RetryHistory = 1, `[{"attempt": ` }),
				with(job("type", "SUCCESS", "9999-12-31 00:00:00", 2), func(j *Job) { j.Row, j.RetryHistory = 2, `{"attempt": 1}` }),
				with(job("field", "FAILED", "1969-12-31 00:00:00", 2), func(j *Job) { j.Row, j.RetryHistory = 3, `[{"duration": "long"}]` }),
				with(job("entry", "FAILED", day+"12:00:09", 2), func(j *Job) {
					j.Row, j.RetryHistory = 4, `[{"duration": -4, "exit_code": 2.5, "timestamp": "once", "status": "weird"}]`
				}),
				with(job("list", "FAILED", day+"12:00:04", 2), func(j *Job) { j.Row = 5 }),
				with(job(" ", "FAILED", day+"12:00:04", 2), func(j *Job) { j.Row = 6 }),
				with(job("none", "FAILED", day+"12:00:04", 2), func(j *Job) { j.Row, j.Attempt = 7, 0 }),
			}},
			[]string{
				"1 12:00:00 type/0 PENDING QUEUED not_recorded",
				"1 12:00:00 type/1 QUEUED RUNNING started",
				"1 12:00:00 field/0 PENDING QUEUED not_recorded",
				"1 12:00:00 field/1 QUEUED RUNNING started",
				"1 12:00:02 list/0 PENDING QUEUED not_recorded",
				"1 12:00:02 list/1 QUEUED RUNNING started",
				"1 12:00:02 type/1 RUNNING SUCCESS exit_code exit 0",
				"1 12:00:02 field/1 RUNNING FAILED not_recorded",
				"1 12:00:04 list/1 RUNNING FAILED not_recorded",
				"1 12:00:09 entry/0 PENDING QUEUED not_recorded",
				"1 12:00:09 entry/1 QUEUED RUNNING started",
				"1 12:00:09 entry/1 RUNNING FAILED not_recorded",
				"1 12:00:09 run RUNNING FAILED job_failed",
			},
			[]string{
				`job_history row 1 (run 12, attempt 1, job list): the job is there twice; the later row counts (skipped)`,
				`job_history row 6 (run 12, attempt 1, job  ): id is empty (skipped)`,
				`job_history row 7 (run 12, job none): attempt_id is no number that an attempt can have (skipped)`,
				`job_history row 2 (run 12, attempt 1, job type): last_run: 9999-12-31 00:00:00 is no time at which it can have been`,
				`job_history row 3 (run 12, attempt 1, job field): last_run: 1969-12-31 00:00:00 is no time at which it can have been`,
				`job_history row 2 (run 12, attempt 1, job type): retry_history is no list of tries: there is an unexpected object`,
				`job_history row 3 (run 12, attempt 1, job field): retry_history is no list of tries: there is an unexpected string`,
				`job_history row 4 (run 12, attempt 1, job entry): retry_history: "once" is no time`,
				`run_summary row 3 (run 12, attempt 1): end_time is before start_time`,
				`run_summary row 3 (run 12, attempt 1): status "weird" is unknown; the jobs tell how the run ended`,
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, problems := translated(t, tt.old)
			want := append([]string{"1 12:00:00 run PENDING QUEUED submitted", "1 12:00:00 run QUEUED RUNNING started"}, tt.want...)
			if diff := cmp.Diff(want, told(a.Transitions)); diff != "" {
				t.Errorf("transitions: - want, + got\n%s", diff)
			}
			if diff := cmp.Diff(tt.problems, toldProblems(problems)); diff != "" {
				t.Errorf("problems: - want, + got\n%s", diff)
			}
		})
	}
}

func TestTranslatedRun(t *testing.T) {
	old := Run{ID: 12, Summaries: summaryOf("2024-03-01 12:00:00", "2024-03-01 12:00:09", "FAILED"), Jobs: []Job{
		with(job("a", "FAILED", "2024-03-01 12:00:09", 3), func(j *Job) { j.MemoryMB, j.Description = 1.5, "first" }),
	}}
	old.Summaries[0].Total, old.Summaries[0].Completed, old.Summaries[0].Failed, old.Summaries[0].Skipped = 5, 0, 1, 4
	a, _ := translated(t, old)
	at := func(s int) time.Time { return time.Date(2024, 3, 1, 12, 0, s, 0, time.UTC) }
	want := store.Attempt{
		Number: 1, State: run.Failed, Reason: run.JobFailed, Detail: "the old program counted 5 jobs: 0 completed, 1 failed, 4 skipped",
		Hash: a.Run.Attempt.Hash, Options: []byte(`{"imported":true}`),
		CreatedAt: at(0), StartedAt: at(0), EndedAt: at(9), Counts: run.Counts{Total: 1, Failed: 1},
	}
	wantRun := store.Run{ID: 12, Application: "app", WorkingDir: "/srv/app", SubmittedAt: at(0), Attempt: want, Seq: int64(len(a.Transitions))}
	if diff := cmp.Diff(wantRun, a.Run); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]store.Attempt{want}, a.Attempts); diff != "" {
		t.Error(diff)
	}
	if got := a.Transitions[4].Outcome.MaxRSS; got != 3<<19 {
		t.Errorf("memory: %d", got)
	}
	wf, err := workflow.Decode(a.Workflows[a.Run.Attempt.Hash])
	if err != nil {
		t.Fatal(err)
	}
	wantFlow := &workflow.Workflow{
		Application: "app", WorkingDir: "/srv/app", LogDir: "/srv/app/logs", MaxWorkers: 1, Sequential: true, AllowShell: true,
		Inherit: workflow.Inherit{All: true}, Jobs: []workflow.Job{{
			ID: "a", Description: "first", Command: "do a", LogDir: "/srv/app/logs", Timeout: 3 * time.Hour,
			Retry: &workflow.Retry{}, OutputLimit: 64 << 20, Leftover: workflow.LeaveLeftover,
		}},
	}
	if diff := cmp.Diff(wantFlow, wf); diff != "" {
		t.Error(diff)
	}
}

// The summary's word for the run stands, whatever the jobs say; the reason does not claim
// what the jobs don't show.
func TestVerdict(t *testing.T) {
	tests := []struct {
		run  string // "-": there is no summary
		job  string
		want string
	}{
		{"SUCCESS", "SUCCESS", "SUCCESS all_succeeded"},
		{"SUCCESS", "SKIPPED", "SUCCESS all_succeeded"},
		{"SUCCESS", "FAILED", "SUCCESS not_recorded"},
		{"FAILED", "SUCCESS", "FAILED not_recorded"},
		{"FAILED", "TIMEOUT", "FAILED job_failed"},
		{"ERROR", "RUNNING", "FAILED job_failed"},
		{"RUNNING", "SUCCESS", "FAILED engine_lost"},
		{"SKIPPED", "SUCCESS", "SUCCESS all_succeeded"},
		{"-", "SUCCESS", "SUCCESS all_succeeded"},
		{"-", "SKIPPED", "SUCCESS all_succeeded"},
		{"-", "ERROR", "FAILED job_failed"},
		{"-", "RUNNING", "FAILED engine_lost"},
	}
	for _, tt := range tests {
		t.Run(tt.run+" with "+tt.job, func(t *testing.T) {
			old := Run{ID: 1, Jobs: []Job{job("a", tt.job, "2024-03-01 12:00:00", 1)}}
			if tt.run != "-" {
				old.Summaries = summaryOf("2024-03-01 12:00:00", "2024-03-01 12:00:09", tt.run)
			}
			a, _ := translated(t, old)
			if got := a.Run.Attempt.State.String() + " " + string(a.Run.Attempt.Reason); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestNothingToTakeOver(t *testing.T) {
	tests := []struct {
		name string
		old  Run
		want []string
	}{
		{"no row", Run{ID: 3}, []string{"run 3: none of its rows can be used (skipped)"}},
		{"no usable row", Run{ID: 3, Jobs: []Job{{Attempt: 1, ID: "a", Status: "?"}}}, []string{
			`job_history run 3, attempt 1, job a: status "?" is unknown (skipped)`,
			"run 3: none of its rows can be used (skipped)",
		}},
		{"no time", Run{ID: 3, Jobs: []Job{{Attempt: 1, ID: "a", Status: "SUCCESS", LastRun: "never"}}}, []string{
			"run 3: it has no time that can be used (skipped)",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, problems, ok := Translate(tt.old, rules)
			if ok {
				t.Error("it was taken over")
			}
			if diff := cmp.Diff(tt.want, toldProblems(problems)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNumbersThatAreNotKept(t *testing.T) {
	for id, want := range map[int64]run.ID{1: 1, MaxKept: MaxKept, 0: 0, -4: 0, MaxKept + 1: 0, 1 << 62: 0} {
		a, _ := translated(t, Run{ID: id, Jobs: []Job{job("a", "SUCCESS", "2024-03-01 12:00:00", 1)}})
		if a.Run.ID != want {
			t.Errorf("run %d gets %d, want %d", id, a.Run.ID, want)
		}
	}
}

// The origin is that of the run wherever and whenever it is read, and of no other.
func TestOrigin(t *testing.T) {
	origin := func(old Run, r Rules) string {
		a, _, ok := Translate(old, r)
		if !ok {
			t.Fatal("not taken over")
		}
		return a.Origin
	}
	base := func() Run {
		return Run{ID: 12, Summaries: summaryOf("2024-03-01 12:00:00", "2024-03-01 12:00:09", "FAILED"), Jobs: []Job{
			job("a", "FAILED", "2024-03-01 12:00:01", 1),
		}}
	}
	want := "legacy run 12 fe117c94ed14ac5f8a81572ea7cf8880"
	if got := origin(base(), rules); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	vienna, err := time.LoadLocation("Europe/Vienna")
	if err != nil {
		t.Fatal(err)
	}
	resumed, fraction, other, after, without := base(), base(), base(), base(), base()
	resumed.Jobs = append(resumed.Jobs, with(job("a", "SUCCESS", "2024-03-02 12:00:01", 1), func(j *Job) { j.Attempt = 2 }))
	fraction.Summaries[0].Start = "2024-03-01T12:00:00.123456"
	other.Summaries[0].Application = "another"
	after.Summaries[0].Start = "2024-03-01 12:00:01"
	without.Summaries = nil
	for name, c := range map[string]struct {
		old  Run
		r    Rules
		same bool
	}{
		"another zone":        {base(), Rules{Zone: vienna, Now: rules.Now}, true},
		"another day":         {base(), Rules{Zone: time.UTC, Now: rules.Now.AddDate(1, 0, 0)}, true},
		"resumed meanwhile":   {resumed, rules, true},
		"with a fraction":     {fraction, rules, true},
		"another application": {other, rules, false},
		"another start":       {after, rules, false},
		"an older schema":     {without, rules, false},
	} {
		if got := origin(c.old, c.r) == want; got != c.same {
			t.Errorf("%s: the same is %v", name, got)
		}
	}
}

// What an old history does not have is not told as a change.
func TestComparable(t *testing.T) {
	old := Run{ID: 1, Summaries: summaryOf("2024-03-01 12:00:00", "2024-03-01 12:00:09", "FAILED"), Jobs: []Job{
		job("b", "SUCCESS", "2024-03-01 12:00:01", 1), job("a", "FAILED", "2024-03-01 12:00:01", 1), job("gone", "SUCCESS", "2024-03-01 12:00:01", 1),
	}}
	a, _ := translated(t, old)
	stored, err := workflow.Decode(a.Workflows[a.Run.Attempt.Hash])
	if err != nil {
		t.Fatal(err)
	}
	wf, err := workflow.Load(workflow.Source{Name: "f.json", Data: []byte(`{"application_name": "app", "working_dir": "/srv/app", "parallel": true,
		"default_timeout": 5, "log_dir": "/var/log/app", "env_variables": {"A": "1"}, "jobs": [
		{"id": "new", "command": "true"},
		{"id": "a", "command": "do a", "dependencies": ["new"], "max_retries": 2},
		{"id": "b", "command": "do it", "dependencies": ["a"]}]}`)}, workflow.Host{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`job "new" added`, `job "gone" removed`, `job "b": command changed from "do b" to "do it"`}
	got := workflow.Compare(stored, Comparable(wf, stored)).Lines()
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
