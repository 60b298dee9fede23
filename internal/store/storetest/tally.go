package storetest

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/stats"
	"github.com/executionerhq/executioner/internal/store"
)

// always are all months.
func always() []stats.Span { return stats.Since(time.Time{}) }

// tallies reads tallies and adds up those of the same key. Each is told in words.
func (f *fixture) tallies(filter store.TallyFilter) map[string]string {
	f.Helper()
	all, err := f.Tallies(f.ctx, filter)
	f.must(err)
	sums := map[string]*stats.Tally{}
	for i := range all {
		t := &all[i]
		key := fmt.Sprintf("%s/%s %s", t.Application, t.Job, t.Period.Time().Format(time.DateOnly))
		if t.Period == t.Period.Month() {
			key = key[:len(key)-3]
		}
		if sums[key] == nil {
			sums[key] = new(stats.Tally)
		}
		f.must(sums[key].MergeEncoded(t.Body))
	}
	told := map[string]string{}
	for key, t := range sums {
		told[key] = inWords(t)
	}
	return told
}

// inWords names what is not 0.
func inWords(t *stats.Tally) string {
	var words []string
	for _, n := range []struct {
		name string
		n    int64
	}{
		{"ok", t.Success},
		{"failed", t.Failed},
		{"timeout", t.Timeout},
		{"cancelled", t.Cancelled},
		{"skipped", t.Skipped},
		{"resumed", t.Resumed},
		{"started", t.Started},
		{"tries", t.Tries},
		{"flaky", t.Flaky},
		{"measured", t.Measured},
		{"cpu", t.CPU.Milliseconds()},
		{"memory", t.Memory},
		{"took", t.Took.Sum().Milliseconds()},
		{"queued", t.Queued.Sum().Milliseconds()},
	} {
		if n.n != 0 {
			words = append(words, fmt.Sprintf("%s %d", n.name, n.n))
		}
	}
	return strings.Join(words, " ")
}

func (f *fixture) counts(limit, want int) {
	f.Helper()
	n, err := f.CountEnded(f.ctx, limit)
	f.must(err)
	f.equal(n, want)
}

// nightly makes a run of two jobs that began on that day: load fails at its first try, and
// report fails unless it is well. It is then resumed, if asked for.
func (f *fixture) nightly(app string, days int, well, resume bool) run.ID {
	f.Helper()
	begin := at(0).AddDate(0, 0, days)
	after := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	l := f.createRun(store.NewRun{Application: app, Hash: "h", Workflow: []byte("w"), At: begin})
	step := func(attempt int, job run.JobID, try int, from, to run.State, ms int) {
		f.Helper()
		t := run.Transition{Attempt: attempt, Job: job, Try: try, From: from, To: to, At: after(ms)}
		if from == run.Running && job != "" {
			t.Outcome = &run.Outcome{State: to, CPU: 10 * time.Millisecond, MaxRSS: 1000 * int64(try)}
			if attempt == 2 { // that was recorded later
				t.At, t.Outcome.Ended = after(ms+1), t.At
			}
		}
		f.append(l, t)
	}
	step(1, "", 0, run.Pending, run.Running, 1)
	step(1, "load", 0, run.Pending, run.Queued, 1)
	step(1, "load", 1, run.Queued, run.Running, 3)
	step(1, "load", 1, run.Running, run.Failed, 100)
	step(1, "load", 1, run.Failed, run.Queued, 200)
	step(1, "load", 2, run.Queued, run.Running, 205)
	step(1, "load", 2, run.Running, run.Success, 303)
	step(1, "report", 0, run.Pending, run.Queued, 303)
	step(1, "report", 1, run.Queued, run.Running, 303)
	last := run.Timeout
	if well {
		last = run.Success
	}
	step(1, "report", 1, run.Running, last, 403)
	if last == run.Timeout {
		last = run.Failed
	}
	step(1, "", 0, run.Running, last, 501)
	if resume {
		_, err := f.AddAttempt(f.ctx, l, store.NewAttempt{Hash: "h", Workflow: []byte("w"), At: after(86400_000)})
		f.must(err)
		step(2, "", 0, run.Pending, run.Running, 86400_007)
		f.append(l, run.Transition{Attempt: 2, Job: "load", To: run.Skipped, Reason: run.AlreadySucceeded, At: after(86400_008)})
		step(2, "report", 0, run.Pending, run.Queued, 86400_008)
		step(2, "report", 1, run.Queued, run.Running, 86400_008)
		step(2, "report", 1, run.Running, run.Success, 86400_018)
		step(2, "", 0, run.Running, run.Success, 86400_020)
	}
	f.must(f.Release(f.ctx, l))
	return l.Run
}

// testTallies asks before and after everything is counted: the answers are the same.
func testTallies(f *fixture) {
	f.nightly("a", 0, true, false)  // 31 January
	f.nightly("a", 0, false, true)  // resumed on the 1 February
	f.nightly("b", 30, true, false) // 2 March
	f.append(f.create("a"), move("", run.Pending, run.Running, run.Started))
	const (
		load = "ok 2 started 2 tries 4 flaky 2 measured 2 cpu 40 memory 2000 took 600 queued 14"
		good = "ok 1 started 2 tries 3 measured 1 cpu 30 memory 2000 took 500 queued 1"
	)
	first := map[string]string{
		"a/ 2026-01":       "ok 1 failed 1 started 4 tries 6 measured 2 cpu 60 memory 2000 took 500 queued 2",
		"a/load 2026-01":   load,
		"a/report 2026-01": "ok 1 timeout 1 started 2 tries 2 measured 2 cpu 20 memory 1000 took 100",
		"a/ 2026-02":       "ok 1 resumed 1 started 1 tries 1 flaky 1 measured 1 cpu 10 memory 1000 queued 7",
		"a/report 2026-02": "ok 1 started 1 tries 1 flaky 1 measured 1 cpu 10 memory 1000 took 10",
		"b/ 2026-03":       good,
		"b/load 2026-03":   "ok 1 started 1 tries 2 flaky 1 measured 1 cpu 20 memory 2000 took 300 queued 7",
		"b/report 2026-03": "ok 1 started 1 tries 1 measured 1 cpu 10 memory 1000 took 100",
	}
	only := func(keys ...string) map[string]string {
		some := map[string]string{}
		for _, k := range keys {
			some[k] = first[k]
		}
		return some
	}
	january := stats.Span{From: stats.Day(at(0)), To: stats.Day(at(0)) + 1}
	ask := func() {
		f.Helper()
		f.equal(f.tallies(store.TallyFilter{Jobs: true, Spans: always()}), first)
		f.equal(f.tallies(store.TallyFilter{Spans: always()}), only("a/ 2026-01", "a/ 2026-02", "b/ 2026-03"))
		f.equal(f.tallies(store.TallyFilter{Application: "b", Spans: always()}), only("b/ 2026-03"))
		f.equal(f.tallies(store.TallyFilter{Application: "b", Job: "load", Spans: always()}), only("b/load 2026-03"))
		f.equal(f.tallies(store.TallyFilter{Job: "load", Spans: stats.Since(at(0).AddDate(0, 0, 1))}), only("b/load 2026-03"))
		f.equal(f.tallies(store.TallyFilter{Job: "load", Spans: []stats.Span{january}}), map[string]string{"a/load 2026-01-31": load})
		f.equal(f.tallies(store.TallyFilter{Application: "none", Jobs: true, Spans: always()}), map[string]string{})
		f.equal(f.tallies(store.TallyFilter{Job: "none", Spans: always()}), map[string]string{})
		f.equal(f.tallies(store.TallyFilter{Jobs: true}), map[string]string{})
	}
	ask()
	f.counts(2, 2)
	ask()
	f.counts(0, 0)
	f.counts(100, 2)
	ask()
	f.counts(100, 0)
	ask()
	f.nightly("b", 30, true, false)
	first["b/ 2026-03"] = "ok 2 started 4 tries 6 measured 2 cpu 60 memory 2000 took 1000 queued 2"
	first["b/load 2026-03"] = load
	first["b/report 2026-03"] = "ok 2 started 2 tries 2 measured 2 cpu 20 memory 1000 took 200"
	ask()
	f.counts(1, 1)
	ask()
	st, err := f.Stats(f.ctx)
	f.must(err)
	f.equal(st.Rows.Tallies, int64(16))
}

// testTalliesOdd has names that a database may take for the same, and no times.
func testTalliesOdd(f *fixture) {
	names := []string{"b", "B", "ä", "", "a ", "a", "日", "\xff\x00", "x y"}
	for _, app := range names {
		l := f.createRun(store.NewRun{Application: app})
		f.append(l,
			run.Transition{Attempt: 1, Job: run.JobID(app + "j"), Try: 1, From: run.Queued, To: run.Running},
			run.Transition{Attempt: 1, Job: run.JobID(app + "j"), Try: 1, From: run.Running, To: run.Success},
			run.Transition{Attempt: 1, From: run.Running, To: run.Cancelled})
	}
	want := map[string]string{}
	for _, app := range names {
		want[app+"/ 1970-01"] = "cancelled 1 started 1 tries 1"
		want[app+"/"+app+"j 1970-01"] = "ok 1 started 1 tries 1"
	}
	for range 2 {
		f.equal(f.tallies(store.TallyFilter{Jobs: true, Spans: always()}), want)
		got := f.tallies(store.TallyFilter{Application: "\xff\x00", Job: "\xff\x00j", Spans: always()})
		f.equal(got, map[string]string{"\xff\x00/\xff\x00j 1970-01": "ok 1 started 1 tries 1"})
		f.counts(100, len(names))
		names = nil // all are counted the second time
	}
}

// testTalliesOutlive deletes runs before they were counted, and after; and imports some.
func testTalliesOutlive(f *fixture) {
	early, late := f.nightly("a", 0, true, false), f.nightly("a", 0, false, true)
	a := f.export(late)
	filter := store.TallyFilter{Jobs: true, Spans: always()}
	want := f.tallies(filter)
	f.counts(1, 1)
	_, err := f.Delete(f.ctx, []run.ID{early, late})
	f.must(err)
	f.equal(f.tallies(filter), want)
	f.counts(100, 0)

	a.Run.ID, a.Run.Application, a.Origin = 0, "imported", "elsewhere"
	f.imports(a, 3, true)
	f.imports(a, 3, false)
	for range 2 {
		f.equal(f.tallies(store.TallyFilter{Application: "imported", Spans: always()}), map[string]string{
			"imported/ 2026-01": "failed 1 started 2 tries 3 measured 1 cpu 30 memory 2000 queued 1",
			"imported/ 2026-02": "ok 1 resumed 1 started 1 tries 1 flaky 1 measured 1 cpu 10 memory 1000 queued 7",
		})
		_, err := f.CountEnded(f.ctx, 100)
		f.must(err)
	}
}

func testSetTallies(f *fixture) {
	f.nightly("a", 0, true, false)
	f.counts(1, 1)
	f.nightly("a", 0, true, false) // not counted
	all := store.TallyFilter{Application: "a", Jobs: true, Spans: always()}
	body := func(n int64) []byte { return (&stats.Tally{Success: n}).Encode() }
	month := stats.Month(at(0))
	replaced := []store.Tally{tallyAt("load", month, body(7)), tallyAt("new", month, body(8))}
	f.must(f.SetTallies(f.ctx, replaced, false))
	f.counts(1, 1) // is added to what was set
	got := f.tallies(all)
	f.equal(got["a/load 2026-01"], "ok 8 started 1 tries 2 flaky 1 measured 1 cpu 20 memory 2000 took 300 queued 7")
	f.equal(got["a/new 2026-01"], "ok 8")
	f.equal(len(got), 4)

	f.nightly("a", 0, true, false)
	f.must(f.SetTallies(f.ctx, replaced[1:], true))
	f.counts(100, 0)
	f.equal(f.tallies(store.TallyFilter{Jobs: true, Spans: always()}), map[string]string{"a/new 2026-01": "ok 8"})
	f.must(f.SetTallies(f.ctx, []store.Tally{tallyAt("bad", month, []byte{9})}, false))
	f.nightly("a", 0, true, false)
	f.must(f.SetTallies(f.ctx, []store.Tally{tallyAt("load", month, []byte{9})}, false))
	_, err := f.CountEnded(f.ctx, 1)
	f.fails(err, fault.Internal)
}

func tallyAt(job run.JobID, p stats.Period, body []byte) store.Tally {
	return store.Tally{Application: "a", Job: job, Period: p, Body: body}
}

// testCountContest has several programs count while runs end and go.
func testCountContest(f *fixture) {
	const writers, each = 4, 10
	var wg, writing sync.WaitGroup
	stop := make(chan struct{})
	for range writers {
		writing.Go(func() {
			for i := range each {
				l, err := f.CreateRun(f.ctx, store.NewRun{Application: "a", At: at(0)}, owner(1), ttl)
				if err == nil {
					_, err = f.Append(f.ctx, l, []run.Transition{
						move("j", run.Running, run.Success, run.Exited), move("", run.Running, run.Success, run.AllSucceeded),
					})
				}
				if err == nil && i%2 == 0 {
					if err = f.Release(f.ctx, l); err == nil {
						_, err = f.Delete(f.ctx, []run.ID{l.Run})
					}
				}
				if err != nil {
					f.Errorf("write: %v", err)
				}
			}
		})
	}
	for range 3 {
		wg.Go(func() {
			for {
				if _, err := f.CountEnded(f.ctx, 3); err != nil {
					f.Errorf("count: %v", err)
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	writing.Wait()
	close(stop)
	wg.Wait()
	want := map[string]string{"a/ 2026-01": fmt.Sprintf("ok %d measured %[1]d cpu %d memory %d", writers*each, writers*each*3/2, int64(1)<<40)}
	f.equal(f.tallies(store.TallyFilter{Spans: always()}), want)
	for {
		n, err := f.CountEnded(f.ctx, 100)
		f.must(err)
		if n == 0 {
			break
		}
	}
	f.equal(f.tallies(store.TallyFilter{Spans: always()}), want)
}

// testPruneTallies removes periods of two applications, one of which has nothing left.
func testPruneTallies(f *fixture) {
	day := stats.Day(at(0))
	for _, t := range []store.Tally{
		{Application: "a", Period: day - 40},
		{Application: "a", Job: "j", Period: day - 1},
		{Application: "a", Period: day},
		{Application: "a", Period: (day - 40).Month()},
		{Application: "a", Period: day.Month()},
		{Application: "b", Period: day - 40},
		{Application: "b", Period: -5},
	} {
		t.Body = new(stats.Tally).Encode()
		f.must(f.SetTallies(f.ctx, []store.Tally{t}, false))
	}
	for _, want := range []int64{5, 0} {
		n, err := f.PruneTallies(f.ctx, stats.Before(at(0)))
		f.must(err)
		f.equal(n, want)
	}
	f.equal(f.tallies(store.TallyFilter{Jobs: true, Spans: append(stats.Days(time.Time{}), always()...)}),
		map[string]string{"a/ 2026-01-31": "", "a/ 2026-01": ""})
	f.must(f.SetTallies(f.ctx, []store.Tally{{Application: "b", Period: day, Body: new(stats.Tally).Encode()}}, false)) // it comes back
	f.equal(len(f.tallies(store.TallyFilter{Application: "b", Spans: stats.Days(time.Time{})})), 1)
}
