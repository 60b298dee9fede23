package stats

import (
	"bytes"
	"encoding/hex"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/executionerhq/executioner/internal/run"
)

func sample() *Tally {
	t := &Tally{
		Success: 10, Failed: 2, Timeout: 1, Cancelled: 3, Skipped: 4, Resumed: 5, Started: 16, Tries: 20, Flaky: 5,
		Measured: 4, CPU: 8 * time.Second, Memory: 1 << 30,
	}
	t.Took.Add(time.Second)
	t.Took.Add(3 * time.Second)
	t.Queued.Add(5 * time.Millisecond)
	return t
}

// What is in databases must be read for ever: this is how a tally is written.
func TestEncodedForm(t *testing.T) {
	const want = "010a02010304051014050480a4e803808080800402c0843d80897a018827"
	if got := hex.EncodeToString(sample().Encode()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSummary(t *testing.T) {
	f := func(v float64) *float64 { return &v }
	memory := int64(1 << 30)
	want := Summary{
		Ended:       16,
		States:      map[run.State]int64{run.Success: 10, run.Failed: 2, run.Timeout: 1, run.Cancelled: 3, run.Skipped: 4},
		FailureRate: 3.0 / 13, Resumed: 5, Tries: 20, Retries: 4, Flaky: 5, FlakyRate: 0.5,
		Durations: Spread{2, f(2), f(1), f(3), f(3)}, Queued: Spread{1, f(0.005), f(0.005), f(0.005), f(0.005)},
		CPU: f(2), Memory: &memory,
	}
	if diff := cmp.Diff(want, sample().Summary()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(Summary{States: map[run.State]int64{}}, new(Tally).Summary()); diff != "" {
		t.Errorf("nothing: -want +got:\n%s", diff)
	}
}

func TestMergeAddsUp(t *testing.T) {
	one := sample()
	one.Memory = 7
	var sum, want Tally
	sum.Merge(one)
	sum.Merge(sample())
	want = *sample()
	for _, n := range want.counts() {
		*n *= 2
	}
	want.CPU *= 2
	want.Took.Add(time.Second)
	want.Took.Add(3 * time.Second)
	want.Queued.Add(5 * time.Millisecond)
	if !bytes.Equal(sum.Encode(), want.Encode()) {
		t.Errorf("got %+v, want %+v", sum, want)
	}
}

// Bytes that were not made by Encode are an error, or at least no panic.
func TestDamaged(t *testing.T) {
	many := sample()
	for i := range 2 * Exact {
		many.Took.Add(time.Duration(i) * time.Second)
	}
	for _, whole := range [][]byte{sample().Encode(), many.Encode()} {
		for n := range whole {
			if err := new(Tally).MergeEncoded(whole[:n]); err == nil {
				t.Errorf("%d of %d bytes were read", n, len(whole))
			}
		}
		if err := new(Tally).MergeEncoded(append(bytes.Clone(whole), 0)); err == nil {
			t.Error("a byte too many was read")
		}
		other := bytes.Clone(whole)
		other[0] = 2
		if err := new(Tally).MergeEncoded(other); err == nil || err.Error() != "a tally has the form 2, this program knows 1" {
			t.Error(err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		b := many.Encode()
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			b[rapid.IntRange(1, len(b)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		var got Tally
		if got.MergeEncoded(b) == nil {
			got.Summary()
		}
	})
}

func TestTop(t *testing.T) {
	make := func(job run.JobID, seconds int, ok, flaky int64) *Named {
		n := &Named{Application: "a", Job: job, Tally: Tally{Success: ok, Flaky: flaky}}
		if seconds > 0 {
			n.Tally.Took.Add(time.Duration(seconds) * time.Second)
		}
		return n
	}
	all := []*Named{make("never", 0, 0, 0), make("short", 1, 10, 5), make("long", 9, 10, 0), make("same", 1, 20, 10), make("alike", 1, 20, 1)}
	names := func(list []*Named) (ids []run.JobID) {
		for _, n := range list {
			ids = append(ids, n.Job)
		}
		return ids
	}
	for _, c := range []struct {
		got  []*Named
		want []run.JobID
	}{
		{Slowest(all, 10), []run.JobID{"long", "alike", "same", "short"}},
		{Slowest(all, 1), []run.JobID{"long"}},
		{Flakiest(all, 10), []run.JobID{"same", "short", "alike"}},
		{Flakiest(all, 2), []run.JobID{"same", "short"}},
		{Flakiest(nil, 2), nil},
	} {
		if diff := cmp.Diff(c.want, names(c.got)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

func TestCollection(t *testing.T) {
	var c Collection
	day := Day(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)) // a Sunday
	body := func(n int64) []byte { return (&Tally{Success: n}).Encode() }
	for _, add := range []error{
		c.Add("b", "", body(1)), c.Add("a", "y", body(2)), c.Add("a", "", body(4)), c.Add("a", "y", body(8)),
		c.AddAt(ByWeek, day, body(1)), c.AddAt(ByWeek, day+1, body(2)), c.AddAt(ByWeek, day-6, body(4)), c.AddAt(ByWeek, day+7, body(8)),
	} {
		if add != nil {
			t.Fatal(add)
		}
	}
	if err := c.Add("a", "", nil); err == nil {
		t.Error("nothing was added")
	}
	if err := c.AddAt(ByDay, day, []byte{3}); err == nil {
		t.Error("something else was added")
	}
	var got []string
	for _, n := range c.Names() {
		got = append(got, n.Application+"/"+string(n.Job)+" "+time.Duration(n.Tally.Success).String())
	}
	if diff := cmp.Diff([]string{"a/ 4ns", "a/y 10ns", "b/ 1ns"}, got); diff != "" {
		t.Errorf("names: -want +got:\n%s", diff)
	}
	got = nil
	for _, b := range c.Trend() {
		got = append(got, b.Begin.Format(time.DateOnly)+" "+time.Duration(b.Tally.Success).String())
	}
	if diff := cmp.Diff([]string{"2026-02-23 5ns", "2026-03-01 0s", "2026-03-02 10ns"}, got); diff != "" {
		t.Errorf("trend: -want +got:\n%s", diff)
	}
}
