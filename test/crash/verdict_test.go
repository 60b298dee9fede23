//go:build linux

package crash

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// twoJobs are a, which fails once, and b, which needs it and has a post-check.
var twoJobs = flow{Workers: 2, Jobs: []job{
	{ID: "a", Codes: []int{3, 0}, Retries: 1, Talks: true},
	{ID: "b", Codes: []int{0}, Deps: []int{0}, Checked: []bool{true}},
}}

const rightLedger = `x/1/1/a/1 10 start
x/1/1/a/1 10 end 3
x/1/1/a/2 11 start
x/1/1/a/2 11 end 0
x/1/1/b/1 12 start
x/1/1/b/1 12 end 0
`

// Each line: attempt, job ("-" for the run), try, from, to, reason and, of an ended try,
// exit code and signal. They come one second after the other.
const rightRecord = `1 - 0 PENDING QUEUED submitted
1 - 0 QUEUED RUNNING started
1 a 0 PENDING QUEUED dependencies_met
1 a 1 QUEUED RUNNING started
1 a 1 RUNNING FAILED exit_code 3
1 a 1 FAILED QUEUED retry
1 a 2 QUEUED RUNNING started
1 a 2 RUNNING SUCCESS exit_code 0
1 b 0 PENDING QUEUED dependencies_met
1 b 1 QUEUED RUNNING started
1 b 1 RUNNING SUCCESS exit_code 0
1 - 0 RUNNING SUCCESS all_succeeded
`

const rightLog = "out x/1/1/a/1 1\nout x/1/1/a/1 2\nout x/1/1/a/2 1\nout x/1/1/a/2 2\n"

// record reads transitions.
func record(t *testing.T, text string) (ts []run.Transition) {
	t.Helper()
	for line := range strings.Lines(text) {
		tr := run.Transition{Seq: int64(len(ts) + 1)}
		var job, from, to, reason string
		code, signal := run.NoExitCode, 0
		_, _ = fmt.Sscan(line, &tr.Attempt, &job, &tr.Try, &from, &to, &reason, &code, &signal)
		tr.At = time.Unix(tr.Seq, 0)
		if job != "-" {
			tr.Job = run.JobID(job)
		}
		tr.From, _ = run.ParseState(from)
		tr.To, _ = run.ParseState(to)
		tr.Reason = run.Reason(reason)
		if tr.Job != "" && tr.From == run.Running && !tr.Mark() {
			tr.Outcome = &run.Outcome{State: tr.To, Reason: tr.Reason, ExitCode: code, Signal: signal}
		}
		ts = append(ts, tr)
	}
	return ts
}

// TestVerdict feeds the checker one wrong thing after the other.
func TestVerdict(t *testing.T) {
	tests := []struct {
		name                string
		ledger, record, log []string // old and new text
		exposed             string   // a task
		mayFail, injured    bool
		deaths              []span
		want                string // all that is wrong
	}{
		{name: "nothing is wrong"},
		{
			name: "a task starts twice", ledger: []string{"x/1/1/b/1 12 start\n", "x/1/1/b/1 12 start\nx/1/1/b/1 13 start\n"},
			want: "1/1/b/1: started 2 times (pids [12 13])",
		},
		{
			name: "a task ends twice", ledger: []string{"x/1/1/b/1 12 end 0\n", "x/1/1/b/1 12 end 0\nx/1/1/b/1 12 end 0\n"},
			want: "1/1/b/1: ended 2 times (pids [12 12])",
		},
		{
			name: "a line is torn", ledger: []string{"x/1/1/b/1 12 end 0\n", "x/1/1/b/1 12 end 0\nx/1/1/b/1 12 e"},
			want: `the ledger has a line that is none: "x/1/1/b/1 12 e": not a whole line`,
		},
		{
			name: "a line is mixed up", ledger: []string{"x/1/1/b/1 12 end 0\n", "x/1/1/b/1 12 end 0\nx/1/1/b/1 12 start 0\n"},
			want: `the ledger has a line that is none: "x/1/1/b/1 12 start 0\n": neither a start nor an end`,
		},
		{
			name: "success without a start and an end", ledger: []string{"x/1/1/b/1 12 start\nx/1/1/b/1 12 end 0\n", ""},
			want: "1/1/b/1: recorded as SUCCESS exit_code (exit code 0, signal 0), and the ledger lacks its start or end",
		},
		{
			name: "success without an end", ledger: []string{"x/1/1/b/1 12 end 0\n", ""},
			want: "1/1/b/1: recorded as SUCCESS exit_code (exit code 0, signal 0), and the ledger lacks its start or end",
		},
		{
			name: "an end without a start", ledger: []string{"x/1/1/b/1 12 start\n", ""},
			want: "1/1/b/1: ended without a start|1/1/b/1: recorded as SUCCESS exit_code (exit code 0, signal 0), and the ledger lacks its start or end",
		},
		{
			name: "an end before the start", ledger: []string{"x/1/1/b/1 12 start\nx/1/1/b/1 12 end 0\n", "x/1/1/b/1 12 end 0\nx/1/1/b/1 12 start\n"},
			want: "1/1/b/1: ended before it started",
		},
		{
			name: "another process ends", ledger: []string{"x/1/1/b/1 12 end 0", "x/1/1/b/1 13 end 0"},
			want: "1/1/b/1: started as process 12 and ended as 13",
		},
		{
			name: "it ended with another code", ledger: []string{"x/1/1/b/1 12 end 0", "x/1/1/b/1 12 end 9"},
			want: "1/1/b/1: ended with 9, which is not the exit code of that try, 0",
		},
		{
			name: "another exit code is recorded", record: []string{"FAILED exit_code 3", "FAILED exit_code 4"},
			want: "1/1/a/1: recorded as FAILED exit_code (exit code 4, signal 0) instead of exit code 3",
		},
		{
			name: "a failure is recorded as success", record: []string{"1 a 1 RUNNING FAILED exit_code 3\n1 a 1 FAILED QUEUED retry\n1 a 2 QUEUED RUNNING started\n1 a 2 RUNNING SUCCESS exit_code 0\n", "1 a 1 RUNNING SUCCESS exit_code 3\n"},
			want: "1/1/a/1: recorded as SUCCESS exit_code (exit code 3, signal 0) instead of FAILED exit_code|1/1/a/2: recorded as started 0 times|1/1/a/2: has 0 outcomes",
		},
		{
			name: "a post-check is said to have failed", record: []string{"1 b 1 RUNNING SUCCESS exit_code 0\n1 - 0 RUNNING SUCCESS", "1 b 1 RUNNING FAILED postcheck_failed 0\n1 - 0 RUNNING FAILED"},
			want: "1/1/b/1: recorded as FAILED postcheck_failed (exit code 0, signal 0) instead of SUCCESS exit_code|b: is FAILED in the end, not SUCCESS|the run is FAILED in the end, not SUCCESS",
		},
		{
			name: "a signal that nobody sent", record: []string{"1 a 1 RUNNING FAILED exit_code 3", "1 a 1 RUNNING FAILED signal"},
			want: "1/1/a/1: recorded as FAILED signal (exit code -1, signal 0), which nothing gave cause for ()",
		},
		{
			name: "lost, and it could be known", record: []string{"1 a 1 RUNNING FAILED exit_code 3", "1 a 1 RUNNING FAILED lost"},
			want: "1/1/a/1: recorded as FAILED lost (exit code -1, signal 0), though its fate could be known ()",
		},
		{
			name: "lost, and nobody can know", exposed: "x/1/1/a/1", record: []string{"1 a 1 RUNNING FAILED exit_code 3", "1 a 1 RUNNING FAILED lost"},
		},
		{
			name: "lost, and yet successful", exposed: "x/1/1/b/1", record: []string{"1 b 1 RUNNING SUCCESS exit_code 0", "1 b 1 RUNNING SUCCESS lost"},
			want: "1/1/b/1: recorded as SUCCESS lost (exit code -1, signal 0), though its fate could be known ()",
		},
		{
			name: "started without being recorded", record: []string{"1 b 0 PENDING QUEUED dependencies_met\n1 b 1 QUEUED RUNNING started\n1 b 1 RUNNING SUCCESS exit_code 0\n", ""},
			want: "1/1/b/1: recorded as started 0 times|1/1/b/1: has 0 outcomes|b: is PENDING in the end, not SUCCESS",
		},
		{
			name: "no outcome", record: []string{"1 b 1 RUNNING SUCCESS exit_code 0\n", ""},
			want: "1/1/b/1: has 0 outcomes|b: is RUNNING in the end, not SUCCESS",
		},
		{
			name: "two outcomes", record: []string{"1 b 1 RUNNING SUCCESS exit_code 0\n", "1 b 1 RUNNING SUCCESS exit_code 0\n1 b 1 RUNNING SUCCESS exit_code 0\n"},
			want: `transition 12 moves "b" from RUNNING to SUCCESS, and it was SUCCESS|1/1/b/1: has 2 outcomes`,
		},
		{
			name: "recorded as started twice", record: []string{"1 b 1 QUEUED RUNNING started\n", "1 b 1 QUEUED RUNNING started\n1 b 1 QUEUED RUNNING started\n"},
			want: `transition 11 moves "b" from QUEUED to RUNNING, and it was RUNNING|1/1/b/1: recorded as started 2 times`,
		},
		{
			name: "an illegal move", record: []string{"1 b 0 PENDING QUEUED dependencies_met\n1 b 1 QUEUED RUNNING", "1 b 1 PENDING RUNNING"},
			want: `transition 9 moves "b" from PENDING to RUNNING, and it was PENDING`,
		},
		{
			name: "a start before what it needs", ledger: []string{"x/1/1/a/2 11 end 0\nx/1/1/b/1 12 start\n", "x/1/1/b/1 12 start\nx/1/1/a/2 11 end 0\n"},
			want: "1/1/b/1: started before a had succeeded",
		},
		{
			name: "a start after the wrong end", ledger: []string{"x/1/1/a/2 11 start\nx/1/1/a/2 11 end 0\nx/1/1/b/1 12 start\n", "x/1/1/b/1 12 start\nx/1/1/a/2 11 start\nx/1/1/a/2 11 end 0\n"},
			want: "1/1/b/1: started before a had succeeded",
		},
		{
			name: "two tries at once", ledger: []string{"x/1/1/a/1 10 end 3\nx/1/1/a/2 11 start\n", "x/1/1/a/2 11 start\nx/1/1/a/1 10 end 3\n"},
			want: "1/1/a/2: started while 1/1/a/1 was running",
		},
		{
			name: "a task that there is not", ledger: []string{"x/1/1/b/1 12 start\n", "x/1/1/b/1 12 start\nx/1/1/c/1 13 start\n"},
			want: "1/1/c/1: there is no such task",
		},
		{
			name: "another run's task", ledger: []string{"x/1/1/b/1 12 start\n", "x/1/1/b/1 12 start\nx/2/1/b/1 13 start\n"},
			want: "2/1/b/1: there is no such task|2/1/b/1: started while 1/1/b/1 was running",
		},
		{
			name: "output is lost", log: []string{"out x/1/1/a/2 2\n", ""},
			want: "1/1/a/2: line 2 of its output is 0 times in its log",
		},
		{
			name: "output that its keeper had read", log: []string{"out x/1/1/a/2 2\n", ""},
			deaths: []span{{time.Unix(7, 0), time.Unix(8, 0)}},
		},
		{
			name: "output that its keeper had not read", log: []string{"out x/1/1/a/2 2\n", ""},
			deaths: []span{{time.Unix(1, 0), time.Unix(6, 0)}, {time.Unix(9, 0), time.Unix(20, 0)}},
			want:   "1/1/a/2: line 2 of its output is 0 times in its log",
		},
		{
			name: "nobody held its pipe", exposed: "x/1/1/a/1", ledger: []string{"x/1/1/a/1 10 end 3\n", ""},
			record: []string{"1 a 1 RUNNING FAILED exit_code 3", "1 a 1 RUNNING FAILED signal -1 13"}, log: []string{"out x/1/1/a/1 1\n", ""},
		},
		{
			name: "somebody held its pipe", ledger: []string{"x/1/1/a/1 10 end 3\n", ""},
			record: []string{"1 a 1 RUNNING FAILED exit_code 3", "1 a 1 RUNNING FAILED signal -1 13"},
			want:   "1/1/a/1: recorded as FAILED signal (exit code -1, signal 13), which nothing gave cause for ()",
		},
		{
			name: "output is there twice", log: []string{"out x/1/1/a/1 1\n", "out x/1/1/a/1 1\nout x/1/1/a/1 1\n"},
			want: "1/1/a/1: line 1 of its output is 2 times in its log",
		},
		{
			name: "output of a lost task may be lost", exposed: "x/1/1/a/1", log: []string{"out x/1/1/a/1 2\n", ""},
			record: []string{"1 a 1 RUNNING FAILED exit_code 3", "1 a 1 RUNNING FAILED lost"},
		},
		{
			name: "a start that failed", mayFail: true, ledger: []string{"x/1/1/a/1 10 start\nx/1/1/a/1 10 end 3\n", ""},
			record: []string{"1 a 1 RUNNING FAILED exit_code 3", "1 a 1 RUNNING FAILED start_failed"},
		},
		{
			name: "a start that failed without a cause", ledger: []string{"x/1/1/a/1 10 start\nx/1/1/a/1 10 end 3\n", ""},
			record: []string{"1 a 1 RUNNING FAILED exit_code 3", "1 a 1 RUNNING FAILED start_failed"},
			want:   "1/1/a/1: recorded as FAILED start_failed (exit code -1, signal 0), which nothing gave cause for ()",
		},
		{
			name: "the run is still going on", record: []string{"1 - 0 RUNNING SUCCESS all_succeeded\n", ""},
			want: "the run is RUNNING in the end, not SUCCESS",
		},
		{
			name: "an injured job fails by itself", injured: true, ledger: []string{"x/1/1/a/1 10 end 3\n", ""},
			record: []string{"1 a 1 RUNNING FAILED exit_code 3", "1 a 1 RUNNING FAILED exit_code 99"},
		},
		{
			name: "an injured job does not succeed", injured: true, ledger: []string{"x/1/1/b/1 12 end 0\n", ""},
			want: "1/1/b/1: recorded as SUCCESS exit_code (exit code 0, signal 0), and the ledger lacks its start or end",
		},
		{
			name: "an injured job that ended has its exit code", injured: true, record: []string{"1 a 1 RUNNING FAILED exit_code 3", "1 a 1 RUNNING FAILED exit_code 99"},
			want: "1/1/a/1: recorded as FAILED exit_code (exit code 99, signal 0) instead of exit code 3",
		},
		{
			name: "not started, they say", injured: true, ledger: []string{"x/1/1/a/1 10 end 3\n", ""},
			record: []string{"1 a 1 RUNNING FAILED exit_code 3", "1 a 1 RUNNING FAILED start_failed"},
			want:   "1/1/a/1: recorded as FAILED start_failed (exit code -1, signal 0), and it did start ()",
		},
	}
	change := func(t *testing.T, text string, by []string) string {
		if len(by) == 0 {
			return text
		}
		changed := strings.Replace(text, by[0], by[1], 1)
		if changed == text {
			t.Fatalf("there is no %q", by[0])
		}
		return changed
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := &evidence{
				flow: twoJobs, run: 1, mayFail: tt.mayFail, deaths: tt.deaths, injured: tt.injured,
				transitions: record(t, change(t, rightRecord, tt.record)),
				logs:        map[run.JobID]string{"a": change(t, rightLog, tt.log)},
			}
			if tt.exposed != "" {
				id, err := parseTask(tt.exposed)
				if err != nil {
					t.Fatal(err)
				}
				e.exposed = map[run.TaskID]bool{id: true}
			}
			e.ledger, e.torn = parseLedger(change(t, rightLedger, tt.ledger))
			if got := strings.Join(e.verdict(), "|"); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}
