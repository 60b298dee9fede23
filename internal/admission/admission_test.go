package admission

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/executionerhq/executioner/internal/run"
)

var began = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// task is a request of a run that was submitted as many seconds after the beginning as its
// number says.
func task(id run.ID, job int, pools ...string) Request {
	return Request{Key: Key{Run: id, Attempt: 1, Job: job, Try: 1}, Since: began.Add(time.Duration(id) * time.Second), Pools: pools}
}

func urgent(r Request, priority int) Request {
	r.Priority = priority
	return r
}

// short names the tasks of an answer as run*100+job.
func short(keys []Key) (names []int) {
	for _, k := range keys {
		names = append(names, int(k.Run)*100+k.Job)
	}
	return names
}

func TestOrder(t *testing.T) {
	for _, tt := range []struct {
		name    string
		cfg     Config
		offered []Request
		want    []int
	}{
		{"no limit: all, in order", Config{}, []Request{task(2, 0), task(1, 0), task(1, 1)}, []int{100, 101, 200}},
		{"runs in order", Config{Slots: 2}, []Request{task(2, 0), task(2, 1), task(1, 0)}, []int{100, 200}},
		{"within a run as offered", Config{Slots: 2}, []Request{task(1, 7), task(1, 3), task(1, 5)}, []int{107, 103}},
		{"priority first", Config{Slots: 1}, []Request{task(1, 0), urgent(task(9, 0), 1)}, []int{900}},
		{"priority within a run", Config{Slots: 1}, []Request{task(1, 0), urgent(task(1, 1), 2)}, []int{101}},
		{"as long ago as a priority is worth", Config{Slots: 1}, []Request{urgent(task(70, 0), 1), task(9, 0)}, []int{900}},
		{"a little less", Config{Slots: 1}, []Request{urgent(task(68, 0), 1), task(9, 0)}, []int{6800}},
		{"age is a setting", Config{Slots: 1, Age: time.Second}, []Request{urgent(task(3, 0), 1), task(1, 0)}, []int{100}},
		{"a priority out of this world", Config{Slots: 1}, []Request{task(1, 0), urgent(task(2, 0), 1_000_000_000)}, []int{200}},
		{"a pool of one that nobody sized", Config{}, []Request{task(1, 0, "db"), task(1, 1, "db"), task(1, 2)}, []int{100, 102}},
		{"a pool of two", Config{Pools: map[string]int{"db": 2}}, []Request{task(1, 0, "db"), task(1, 1, "db"), task(1, 2, "db")}, []int{100, 101}},
		{"a pool that is named twice", Config{Pools: map[string]int{"db": 2}}, []Request{task(1, 0, "db", "db"), task(1, 1, "db")}, []int{100, 101}},
		{"two pools in any order", Config{}, []Request{task(1, 0, "a", "b"), task(1, 1, "b", "a"), task(1, 2, "c")}, []int{100, 102}},
		{"offered twice", Config{}, []Request{task(1, 0), task(1, 0)}, []int{100}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := New(tt.cfg)
			for _, r := range tt.offered {
				q.Offer(r)
			}
			if d := cmp.Diff(tt.want, short(q.Admit())); d != "" {
				t.Error(d)
			}
			if again := q.Admit(); again != nil {
				t.Errorf("then it admits %v", again)
			}
		})
	}
}

// A task that needs two pools starts in its turn, however many come who need one of them.
func TestPlacesAreKept(t *testing.T) {
	q := New(Config{})
	q.Offer(task(1, 0, "a"))
	q.Admit()
	q.Offer(task(2, 0, "a", "b"))
	q.Offer(task(3, 0, "b"))
	if got := q.Admit(); got != nil {
		t.Fatalf("%v goes before one that waits for the same place", got)
	}
	q.Done(task(1, 0).Key)
	if got := short(q.Admit()); !slices.Equal(got, []int{200}) {
		t.Fatalf("admitted %v", got)
	}
	q.Done(task(2, 0).Key)
	if got := short(q.Admit()); !slices.Equal(got, []int{300}) {
		t.Fatalf("admitted %v", got)
	}
}

func TestTake(t *testing.T) {
	q := New(Config{Slots: 1})
	for i := range 3 { // they run, whatever there is room for
		q.Take(task(1, i, "db"))
		q.Take(task(1, i, "db"))
	}
	q.Offer(task(1, 0, "db")) // it runs
	q.Offer(task(2, 0))
	if got := q.Admit(); got != nil {
		t.Errorf("admitted %v", got)
	}
	want := Usage{Slots: Room{1, 3}, Pools: map[string]Room{"db": {1, 3}}, Waiting: 1}
	if d := cmp.Diff(want, q.Usage()); d != "" {
		t.Error(d)
	}
	for i := range 3 {
		q.Done(task(1, i).Key)
	}
	if got := short(q.Admit()); !slices.Equal(got, []int{200}) {
		t.Errorf("admitted %v", got)
	}
}

func TestWhy(t *testing.T) {
	q := New(Config{Slots: 2, Pools: map[string]int{"db": 2}})
	q.Offer(task(1, 0, "net"))
	if got := q.Why(task(1, 0).Key); got != "waits for its turn" {
		t.Error(got)
	}
	q.Admit()
	q.Offer(task(1, 1, "net", "db"))
	q.Admit()
	if got := q.Why(task(1, 1).Key); got != "waits for pool net: 1 of 1 taken" {
		t.Error(got)
	}
	q.Take(task(1, 2, "db"))
	q.Take(task(1, 3, "db"))
	if got := q.Why(task(1, 1).Key); got != "waits for pool db: 2 of 2 taken, pool net: 1 of 1 taken, a slot: 3 of 2 taken" {
		t.Error(got)
	}
	for _, k := range []Key{task(1, 0).Key, task(7, 0).Key} {
		if got := q.Why(k); got != "" {
			t.Errorf("%v does not wait: %s", k, got)
		}
	}
	q.Done(task(1, 1).Key)
	if got := q.Why(task(1, 1).Key); got != "" {
		t.Errorf("it was taken back: %s", got)
	}
}

// naive decides by the plain rules, looking at everything each time.
type naive struct {
	cfg     Config
	waiting []Request // in the order in which they came
	running []Request
}

func (n *naive) has(list []Request, k Key) bool {
	return slices.ContainsFunc(list, func(r Request) bool { return r.Key == k })
}

func (n *naive) drop(k Key) {
	gone := func(r Request) bool { return r.Key == k }
	n.waiting, n.running = slices.DeleteFunc(n.waiting, gone), slices.DeleteFunc(n.running, gone)
}

// places returns how many places of a pool are taken by tasks.
func places(tasks []Request, pool string) (taken int) {
	for _, r := range tasks {
		if slices.Contains(r.Pools, pool) {
			taken++
		}
	}
	return taken
}

func (n *naive) admit() (admitted []Key) {
	for n.cfg.Slots == 0 || len(n.running) < n.cfg.Slots {
		sorted := slices.Clone(n.waiting)
		slices.SortStableFunc(sorted, func(a, b Request) int {
			// who has waited longer, where each step of priority counts as a minute
			ahead := a.Since.Add(-time.Duration(a.Priority) * time.Minute)
			other := b.Since.Add(-time.Duration(b.Priority) * time.Minute)
			if c := ahead.Compare(other); c != 0 {
				return c
			}
			return int(a.Run - b.Run)
		})
		// A task starts when each of its pools has a place beside those that run, and those
		// that wait further ahead: of them all that name the same pools keep one.
		var ahead []Request
		started := false
		for _, r := range sorted {
			free := true
			for _, p := range r.Pools {
				free = free && places(n.running, p)+places(ahead, p) < max(n.cfg.Pools[p], 1)
			}
			if free {
				n.drop(r.Key)
				n.running = append(n.running, r)
				admitted = append(admitted, r.Key)
				started = true
				break
			}
			if !slices.ContainsFunc(ahead, func(other Request) bool { return slices.Equal(other.Pools, r.Pools) }) {
				ahead = append(ahead, r)
			}
		}
		if !started {
			break
		}
	}
	return admitted
}

// TestAgainstNaive plays random tasks against the plain rules, and checks the promises.
func TestAgainstNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := Config{Slots: rapid.IntRange(0, 4).Draw(t, "slots"), Pools: map[string]int{"a": rapid.IntRange(0, 3).Draw(t, "a"), "b": 2}}
		sets := [][]string{nil, {"a"}, {"b"}, {"a", "b"}, {"c"}, {"b", "c"}}
		q, n := New(cfg), &naive{cfg: cfg}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			r := task(run.ID(rapid.IntRange(1, 4).Draw(t, "run")), rapid.IntRange(0, 5).Draw(t, "job"), sets[rapid.IntRange(0, len(sets)-1).Draw(t, "pools")]...)
			r.Priority = rapid.IntRange(-1, 1).Draw(t, "priority")
			r.Since = began.Add(time.Duration(r.Run) * 20 * time.Second)
			known := n.has(n.waiting, r.Key) || n.has(n.running, r.Key)
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0, 1:
				q.Offer(r)
				if !known {
					n.waiting = append(n.waiting, r)
				}
			case 2:
				if known {
					continue // what it takes was said when it was offered
				}
				q.Take(r)
				n.running = append(n.running, r)
			default:
				q.Done(r.Key)
				n.drop(r.Key)
			}
			before := len(n.running)
			got, want := q.Admit(), n.admit()
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("admitted is not what the rules say: %s", d)
			}
			if cfg.Slots > 0 && len(got) > 0 && before+len(got) > cfg.Slots {
				t.Fatalf("%d run in %d slots", before+len(got), cfg.Slots)
			}
			if u := q.Usage(); u.Slots.Taken != len(n.running) || u.Waiting != len(n.waiting) {
				t.Fatalf("usage is %+v", u)
			}
		}
		for left := len(n.waiting); left > 0; left-- { // nobody waits for ever
			if len(n.running) > 0 {
				q.Done(n.running[0].Key)
				n.drop(n.running[0].Key)
			}
			if d := cmp.Diff(n.admit(), q.Admit()); d != "" {
				t.Fatal(d)
			}
			if len(n.waiting) == 0 {
				return
			}
			if len(n.running) == 0 {
				t.Fatalf("nothing runs, and %d tasks wait", len(n.waiting))
			}
		}
	})
}

// With tasks that never stop coming, one that waits starts after finitely many.
func TestNobodyStarves(t *testing.T) {
	q := New(Config{Slots: 1})
	q.Offer(task(1, 0))
	for n := 1; ; n++ { // a run each second, with a task of higher priority
		q.Offer(urgent(task(run.ID(n+1), 0), 2))
		got := q.Admit()
		if len(got) != 1 {
			t.Fatalf("admitted %v", got)
		}
		if got[0].Run == 1 {
			if n != 120 { // two steps are two minutes, and a tie goes to the older run
				t.Errorf("it starts after %d others", n)
			}
			return
		}
		q.Done(got[0])
	}
}

// BenchmarkMillion is one step with a million tasks waiting: one ends and one starts.
func BenchmarkMillion(b *testing.B) {
	q := New(Config{Slots: 8, Pools: map[string]int{"db": 2}})
	pools := [][]string{nil, {"db"}, {"db", "net"}}
	for i := range 1_000_000 {
		r := task(run.ID(i%1000), i, pools[i%3]...)
		q.Offer(r)
	}
	running := q.Admit()
	next := 1_000_000
	b.ReportAllocs()
	for b.Loop() {
		q.Done(running[0])
		q.Offer(task(run.ID(next%1000), next, pools[next%3]...))
		next++
		running = append(running[1:], q.Admit()...)
	}
}

// Each set of pools was kept for ever: the queue grew with the names that workflows have.
func TestPoolsGo(t *testing.T) {
	q := New(Config{Slots: 1})
	for n := range 100 {
		name := "batch-" + strconv.Itoa(n)
		ran, waits := task(1, 2*n, name, "db"), task(1, 2*n+1, name)
		q.Take(ran)
		q.Offer(waits)
		if got := q.Usage().Pools; len(got) != 2 || got[name].Taken != 1 {
			t.Fatalf("pools are %+v", got)
		}
		q.Take(waits) // which waited
		q.Done(waits.Key)
		q.Done(ran.Key)
		q.Done(ran.Key)
	}
	if len(q.classes) != 0 || len(q.pools) != 0 || len(q.held) != 0 || len(q.where) != 0 {
		t.Errorf("%d classes, %d pools, %d tasks are left", len(q.classes), len(q.pools), len(q.held)+len(q.where))
	}
}

// What is taken back behind somebody who waits long was kept until that one had started.
func TestEntriesGo(t *testing.T) {
	q := New(Config{Slots: 1})
	q.Take(task(1, 0))
	q.Offer(task(1, 1))
	for n := range 1000 {
		r := task(2, n)
		q.Offer(r)
		q.Done(r.Key)
	}
	if n := len(q.classes[""].waiting); n > 100 {
		t.Errorf("%d entries for one that waits", n)
	}
	q.Done(task(1, 0).Key)
	if diff := cmp.Diff([]int{101}, short(q.Admit())); diff != "" {
		t.Error(diff)
	}
}
