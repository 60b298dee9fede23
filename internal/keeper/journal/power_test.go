package journal

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// scene is a life of a journal with all that happens in one, and what may be relied on
// at each moment of it.
type scene struct {
	t        testing.TB
	opened   bool
	truth    map[string]Task // all that was ever asked for
	promised map[string]Exit // what Exit has returned for and Ack was not called for
}

func newScene(t testing.TB) *scene {
	return &scene{t: t, truth: make(map[string]Task), promised: make(map[string]Exit)}
}

func (s *scene) start(w *Writer, id string) {
	spec := fmt.Appendf(nil, `{"argv":[%q]}`, id)
	s.truth[id] = Task{ID: id, SameBoot: true, At: noon, Spec: spec}
	ok(s.t, w.Start(id, noon, spec))
}

func (s *scene) pid(w *Writer, id string) {
	task := s.truth[id]
	task.Handle = fmt.Appendf(nil, `{"pid":%q}`, id)
	s.truth[id] = task
	ok(s.t, w.PID(id, task.Handle))
}

func (s *scene) exit(w *Writer, id string, code int) {
	task, e := s.truth[id], exitOf(code)
	task.Exit = &e
	s.truth[id] = task
	ok(s.t, w.Exit(id, e))
	s.promised[id] = e
}

func (s *scene) notStarted(w *Writer, id string) {
	task := s.truth[id]
	task.NotStarted, task.Detail = true, "EAGAIN"
	s.truth[id] = task
	ok(s.t, w.NotStarted(id, task.Detail))
}

func (s *scene) ack(w *Writer, id string) {
	delete(s.promised, id)
	ok(s.t, w.Ack(id))
}

// play lives through some segments and, half way, another Writer.
func (s *scene) play(d disk) {
	o := Options{disk: d, Sync: true, SegmentBytes: 1 << 10, Reserve: 1, boot: thisBoot}
	w, _, err := Open("", o)
	ok(s.t, err)
	s.opened = true
	ok(s.t, w.Epoch(1))
	for i := range 14 {
		id := fmt.Sprint(i)
		s.start(w, id)
		if i%5 == 4 {
			s.notStarted(w, id)
		} else {
			s.pid(w, id)
			s.exit(w, id, i%3)
		}
		if i >= 2 && i%4 != 0 {
			s.ack(w, fmt.Sprint(i-2))
		}
		if i == 7 {
			ok(s.t, w.Close())
			w, _, err = Open("", o)
			ok(s.t, err)
		}
	}
	ok(s.t, w.Close())
}

// check looks at what a loss of power left.
func (s *scene) check(d *memDisk, where string) {
	found, err := load(d, "", thisBoot)
	if isNotExist(err) && !s.opened {
		return
	}
	if err != nil {
		s.t.Fatalf("%s: %v", where, err)
	}
	s.holds(found.state, where)
	// The next program goes on, and nothing is lost to the next loss of power either.
	w, got, err := Open("", Options{disk: d, Sync: true, boot: nextBoot})
	ok(s.t, err)
	if len(got.Tasks) != len(found.state.Tasks) {
		s.t.Fatalf("%s: %v", where, cmp.Diff(found.state.Tasks, got.Tasks))
	}
	again, err := load(d.crash(rand.New(rand.NewPCG(0, 0))), "", thisBoot)
	ok(s.t, err)
	s.holds(again.state, where+", and again")
	ok(s.t, w.Close())
}

func (s *scene) holds(got State, where string) {
	s.t.Helper()
	if text := contradiction(got, s.truth); text != "" {
		s.t.Fatalf("%s: %s", where, text)
	}
	have := make(map[string]Exit)
	for _, task := range got.Tasks {
		if task.Exit != nil {
			have[task.ID] = *task.Exit
		}
	}
	for id, e := range s.promised {
		if !reflect.DeepEqual(e, have[id]) {
			s.t.Fatalf("%s: the exit of %s is lost: %s", where, id, cmp.Diff(e, have[id]))
		}
	}
}

// The power may go before any operation, and then any of what was not synced may be
// on the disk: an exit that was recorded is there.
func TestPowerLoss(t *testing.T) {
	const ways = 20
	d := newMemDisk()
	s := newScene(t)
	moments := 0
	d.before = func(op string) {
		moments++
		for seed := range uint64(ways) {
			s.check(d.crash(rand.New(rand.NewPCG(uint64(moments), seed))), fmt.Sprintf("before operation %d (%s), way %d", moments, op, seed))
		}
	}
	s.play(d)
	d.before("the end")
	if moments < 100 {
		t.Errorf("only %d moments", moments)
	}
}
