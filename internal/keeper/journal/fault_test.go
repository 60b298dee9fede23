package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
)

// persistent is a keeper that does not give up: what fails is tried again, and a
// journal that is broken is renewed.
type persistent struct {
	t    testing.TB
	disk *memDisk // what is below the faults
	o    Options
	w    *Writer
	want []Task // all that was recorded
}

// tries is more than any run of faults here is long.
const tries = 50

func (p *persistent) open() {
	for range tries {
		w, s, err := Open("", p.o)
		if err == nil {
			p.w = w
			same(p.t, s.Tasks, p.want)
			return
		}
		p.look()
	}
	p.t.Fatal("can't be opened")
}

// look compares what a reader sees now. There is no journal before it was ever opened.
func (p *persistent) look() {
	p.t.Helper()
	found, err := load(p.disk, "", thisBoot)
	if isNotExist(err) && p.w == nil {
		return
	}
	ok(p.t, err)
	same(p.t, found.state.Tasks, p.want)
}

// do repeats an action until it is recorded. apply is what it means.
func (p *persistent) do(action func() error, apply func()) {
	p.t.Helper()
	for range tries {
		before := p.w.appended
		err := action()
		if err == nil || p.w.appended != before { // written, if not synced
			apply()
			apply = func() {}
		}
		p.look()
		if errors.Is(err, ErrBroken) {
			p.renew()
		}
		if err == nil || errors.Is(err, ErrOrder) { // that of an exit which was written
			return
		}
	}
	p.t.Fatal("can't be recorded")
}

func (p *persistent) renew() {
	isErr(p.t, p.w.Start("never", noon, nil), ErrBroken)
	for range tries {
		err := p.w.Renew()
		p.look()
		if err == nil {
			return
		}
	}
	p.t.Fatal("can't be renewed")
}

// live is a life with everything that happens.
func (p *persistent) live() {
	p.open()
	p.do(func() error { return p.w.Epoch(1) }, func() {})
	for i := range 12 {
		id := fmt.Sprint(i)
		p.do(func() error { return p.w.Start(id, noon, nil) }, func() {
			p.want = append(p.want, Task{ID: id, SameBoot: true, At: noon})
		})
		last := func() *Task { return &p.want[len(p.want)-1] }
		if i%5 == 4 {
			p.do(func() error { return p.w.NotStarted(id, "why") }, func() {
				last().NotStarted, last().Detail = true, "why"
			})
			continue
		}
		p.do(func() error { return p.w.PID(id, []byte(`1`)) }, func() { last().Handle = []byte(`1`) })
		e := exitOf(i % 2)
		if i%2 == 0 {
			p.do(func() error { return p.w.Ending(id, e.Outcome) }, func() { last().Ending = &e.Outcome })
		}
		p.do(func() error { return p.w.Exit(id, e) }, func() { last().Exit = &e })
		if i%3 != 0 {
			p.do(func() error { return p.w.Ack(id) }, func() { p.want = p.want[:len(p.want)-1] })
		}
		if i == 6 {
			_ = p.w.Close()
			p.open()
		}
	}
	same(p.t, p.w.State().Tasks, p.want)
	_ = p.w.Close()
	found, err := load(p.disk, "", thisBoot)
	ok(p.t, err)
	same(p.t, found.state.Tasks, p.want)
}

func newPersistent(t testing.TB, fail func(n int, op string) error) *persistent {
	p := &persistent{t: t, disk: newMemDisk()}
	p.o = Options{
		Sync: true, SegmentBytes: 1 << 10, Reserve: 1, boot: thisBoot,
		disk: &faulty{disk: p.disk, fail: fail},
	}
	return p
}

// Every operation fails once, in every way, and nothing that was recorded is lost or
// anything that was not is there, for a reader right after it and for the next Writer.
func TestEveryOperationFails(t *testing.T) {
	for _, how := range []error{syscall.ENOSPC, syscall.EIO, short} {
		for _, span := range []int{1, 2} { // that many in a row
			failed := make(map[string]bool)
			n := 1
			for past := false; !past; n++ {
				past = true
				p := newPersistent(t, func(i int, op string) error {
					if i < n || i >= n+span {
						return nil
					}
					failed[op], past = true, false
					return how
				})
				p.live()
			}
			if n < 80 || len(failed) < 9 {
				t.Errorf("%v: %d operations, %v", how, n, failed)
			}
		}
	}
}

// Operations fail at random, often.
func TestOperationsFailAtRandom(t *testing.T) {
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 0))
		p := newPersistent(t, func(int, string) error {
			if r.IntN(8) > 0 {
				return nil
			}
			return []error{syscall.ENOSPC, syscall.EIO, syscall.EDQUOT, short}[r.IntN(4)]
		})
		p.live()
	}
}

// The disk is full from some moment on: what was started can be recorded to its end,
// new tasks are refused, a new engine can take over, and the next keeper can as well.
// When there is space again it goes on.
func TestDiskFull(t *testing.T) {
	for when := range 40 {
		d := newMemDisk()
		o := Options{disk: d, SegmentBytes: 8 << 10, Reserve: 1, boot: thisBoot, Sync: true}
		w, _ := tOpen(t, "", o)
		var running []string
		started, refused := 0, error(nil)
		for i := range 60 {
			d.full = i >= when
			id := fmt.Sprint(i)
			if err := w.Start(id, noon, nil); err != nil {
				refused = err
				continue
			}
			started++
			running = append(running, id)
			ok(t, w.PID(id, []byte(`1`)))
		}
		isErr(t, refused, ErrNoSpace)
		ok(t, w.Epoch(int64(when)+1))
		ok(t, w.Close())
		w, s := tOpen(t, "", o) // on the full disk
		if len(s.Tasks) != started || len(s.Damage) > 0 {
			t.Fatalf("full at %d: %d of %d tasks", when, len(s.Tasks), started)
		}
		isErr(t, w.Start("more", noon, nil), ErrNoSpace)
		ok(t, w.Epoch(int64(when)+2))
		e := exitOf(0)
		e.Head = []byte(strings.Repeat("x", MaxHead))
		for _, id := range running {
			ok(t, w.Exit(id, e))
		}
		for _, id := range running {
			ok(t, w.Ack(id))
		}
		d.full = false
		ok(t, w.Start("more", noon, nil))
		found, err := load(d, "", thisBoot)
		ok(t, err)
		same(t, found.state, State{Whole: true, SameBoot: true, Epoch: int64(when) + 2, Tasks: []Task{{ID: "more", SameBoot: true, At: noon}}})
		if !w.fits(1) {
			t.Fatal("no room is left")
		}
		ok(t, w.Close())
	}
}

// With an earlier Writer that kept less, nothing can be promised on a full disk, and
// what is in the file still counts.
func TestDiskFullAndNothingKept(t *testing.T) {
	content, _ := small(t)
	d := newMemDisk()
	d.names["journal.000001"] = &inode{data: content}
	d.full = true
	w, s := tOpen(t, "", Options{disk: d})
	if len(s.Tasks) != 5 {
		t.Fatal(s)
	}
	isErr(t, w.Start("new", noon, nil), ErrNoSpace)
	isErr(t, w.Epoch(9), ErrNoSpace)
	isErr(t, w.Exit("y", exitOf(0)), ErrNoSpace)
	d.full = false
	ok(t, w.Exit("y", exitOf(0)), w.Start("new", noon, nil))
	_, _, err := Open("", Options{disk: fullDisk()})
	isErr(t, err, ErrNoSpace)
}

func fullDisk() *memDisk {
	d := newMemDisk()
	d.full = true
	return d
}

// A file system that can't keep room says so, and then things fail when they do.
func TestNoPreallocation(t *testing.T) {
	d := newMemDisk()
	d.noRoom = syscall.EOPNOTSUPP
	w, _ := tOpen(t, "", Options{disk: d, SegmentBytes: 1 << 10})
	if w.promised {
		t.Error("it promises room")
	}
	ok(t, w.Start("a", noon, nil))
	d.full = true
	isErr(t, w.Start("b", noon, nil), ErrNoSpace)
	isErr(t, w.Exit("a", exitOf(0)), ErrNoSpace)
	isErr(t, w.Exit("a", exitOf(0)), syscall.ENOSPC)
	d.full = false
	ok(t, w.Exit("a", exitOf(0)), w.Start("b", noon, nil), w.Close())
	d.full = true
	w, s := tOpen(t, "", Options{disk: d})
	if len(s.Tasks) != 2 {
		t.Errorf("%+v", s)
	}
	ok(t, w.Close())
}

// One that is alone syncs at once; those who come while it does share the next one.
func TestGroupCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, gate, syncs := newMemDisk(), make(chan error), 0
		w, _ := tOpen(t, "", Options{disk: &faulty{disk: d, fail: func(_ int, op string) error {
			if op != "sync" || gate == nil {
				return nil
			}
			syncs++
			return <-gate
		}}})
		w.opts.Sync = true
		done := make(chan error)
		exit := func(i int) {
			id := fmt.Sprint(i)
			ok(t, w.Start(id, noon, nil))
			go func() { done <- w.Exit(id, exitOf(0)) }()
			synctest.Wait()
		}
		for i := range 50 {
			exit(i)
		}
		if syncs != 1 {
			t.Fatalf("%d syncs", syncs)
		}
		gate <- nil
		ok(t, <-done)
		synctest.Wait()
		if syncs != 2 {
			t.Fatalf("%d syncs", syncs)
		}
		exit(50) // has to wait for a third
		gate <- nil
		for range 49 {
			ok(t, <-done)
		}
		synctest.Wait()
		if syncs != 3 {
			t.Fatalf("%d syncs", syncs)
		}

		// That one fails, for whoever waits for it and for all later ones.
		exit(51)
		gate <- syscall.EIO
		for range 2 {
			err := <-done
			isErr(t, err, ErrBroken)
			isErr(t, err, syscall.EIO)
		}
		isErr(t, w.Start("new", noon, nil), ErrBroken)
		isErr(t, w.Epoch(9), ErrBroken)
		isErr(t, w.Ack("50"), ErrBroken)
		if syncs != 3 || w.State().Tasks[51].Exit == nil {
			t.Errorf("%d syncs, %+v", syncs, w.State().Tasks[51])
		}
		gate = nil
		ok(t, w.Renew())
		found, err := load(d, "", thisBoot)
		ok(t, err)
		if len(found.state.Tasks) != 52 || found.state.Tasks[51].Exit == nil {
			t.Error(found.state)
		}
		ok(t, w.Ack("51"), w.Close())
	})
}

// A segment that is full is replaced when the sync that goes on is over, and no later
// one comes first: the new segment does for those who wait for that.
func TestRotationWaitsForSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate, syncs := make(chan error), 0
		w, _ := tOpen(t, "", Options{disk: &faulty{disk: newMemDisk(), fail: func(_ int, op string) error {
			if op != "sync" {
				return nil
			}
			if syncs++; syncs == 1 {
				return <-gate
			}
			return nil
		}}, SegmentBytes: 600, Reserve: 1})
		w.opts.Sync = true
		done := make(chan error, 4)
		call := func(f func() error) {
			go func() { done <- f() }()
			synctest.Wait()
		}
		for _, id := range []string{"a", "b"} {
			ok(t, w.Start(id, noon, nil))
			call(func() error { return w.Exit(id, exitOf(0)) })
		}
		call(func() error { return w.Start("c", noon, nil) })
		call(func() error { return w.Start("d", noon, nil) })
		if len(done) > 0 || w.number != 1 {
			t.Fatalf("%d are over, segment %d", len(done), w.number)
		}
		gate <- nil
		ok(t, <-done, <-done, <-done, <-done)
		if syncs != 2 || w.number != 2 {
			t.Errorf("%d syncs, segment %d", syncs, w.number)
		}
		if s := w.State(); len(s.Tasks) != 4 || s.Tasks[1].Exit == nil {
			t.Errorf("%+v", s)
		}
	})
}

// Close waits for a sync that goes on, and who would be next is refused.
func TestCloseWaitsForSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan error)
		w, _ := tOpen(t, "", Options{disk: &faulty{disk: newMemDisk(), fail: func(_ int, op string) error {
			if op == "sync" {
				return <-gate
			}
			return nil
		}}})
		w.opts.Sync = true
		first, second, closed := make(chan error, 1), make(chan error, 1), make(chan error, 1)
		ok(t, w.Start("a", noon, nil), w.Start("b", noon, nil))
		go func() { first <- w.Exit("a", exitOf(0)) }()
		synctest.Wait()
		go func() { closed <- w.Close() }()
		synctest.Wait()
		go func() { second <- w.Exit("b", exitOf(0)) }()
		synctest.Wait()
		if len(closed) > 0 {
			t.Fatal("closed while a sync goes on")
		}
		gate <- nil
		ok(t, <-first, <-closed)
		isErr(t, <-second, ErrClosed)
	})
}

// A record that was cut leaves nothing behind, though the next one is shorter.
func TestCutRecordIsWiped(t *testing.T) {
	d, cutNow := newMemDisk(), false
	w, _ := tOpen(t, "", Options{disk: &faulty{disk: d, fail: func(_ int, op string) error {
		if op == "write" && cutNow {
			cutNow = false
			return short
		}
		return nil
	}}})
	cutNow = true
	isErr(t, w.Start("a", noon, json.RawMessage(`"`+strings.Repeat("x", 1000)+`"`)), ErrNoSpace)
	want := State{Whole: true, SameBoot: true}
	for n := range int64(2) {
		found, err := load(d, "", thisBoot)
		ok(t, err)
		same(t, found.state, want)
		ok(t, w.Epoch(n+1))
		want.Epoch = n + 1
	}
}

// What runs while a Writer begins has its room from the beginning.
func TestRoomAfterOpen(t *testing.T) {
	d := newMemDisk()
	o := Options{disk: d, SegmentBytes: 1 << 10, Reserve: 1}
	w, _ := tOpen(t, "", o)
	for i := range 100 {
		ok(t, w.Start(fmt.Sprint(i), noon, nil))
	}
	ok(t, w.Close())
	w, _ = tOpen(t, "", o)
	d.full = true
	for i := range 100 {
		ok(t, w.Exit(fmt.Sprint(i), Exit{Outcome: exitOf(0).Outcome, Head: make([]byte, MaxHead)}))
	}
}

// While the disk is full a segment that could be replaced is not tried at each start.
func TestRotationIsNotTriedAllTheTime(t *testing.T) {
	d, creates := newMemDisk(), 0
	d.before = func(op string) {
		if op == "create" {
			creates++
		}
	}
	w, _ := tOpen(t, "", Options{disk: d, SegmentBytes: 8 << 10, Reserve: 1 << 20})
	d.full = true
	for i := range 200 {
		id := fmt.Sprint(i)
		ok(t, w.Start(id, noon, nil), w.Exit(id, exitOf(0)), w.Ack(id))
	}
	if w.number != 1 || creates < 5 || creates > 50 {
		t.Errorf("%d tries, segment %d", creates, w.number)
	}
	d.full = false
	for i := range 10 {
		id := fmt.Sprint(i)
		ok(t, w.Start(id, noon, nil), w.Exit(id, exitOf(0)), w.Ack(id))
	}
	if w.number != 2 {
		t.Errorf("segment %d", w.number)
	}
}

// TestRenew: after a failed sync everything is written anew, and then all goes on.
func TestRenew(t *testing.T) {
	dir := t.TempDir()
	broken := false
	d := &faulty{disk: osDisk{}, fail: func(_ int, op string) error {
		if broken && op == "sync" {
			return syscall.EIO
		}
		return nil
	}}
	w, _ := tOpen(t, dir, Options{Sync: true, disk: d})
	want := sample(t, w)
	ok(t, w.Renew()) // nothing has failed
	same(t, files(t, dir), []string{"journal.000001", "lock"})
	broken = true
	isErr(t, w.Exit("y", exitOf(0)), ErrBroken)
	y := exitOf(0)
	want.Tasks[4].Exit = &y
	same(t, w.State(), want)
	isErr(t, w.Renew(), ErrBroken)
	isErr(t, w.Exit("alone", exitOf(0)), ErrBroken)
	broken = false
	ok(t, w.Renew())
	isErr(t, w.Exit("y", exitOf(0)), ErrOrder) // it is there
	ok(t, w.Exit("alone", exitOf(0)))
	alone := exitOf(0)
	want.Tasks[2].Exit = &alone
	same(t, readAs(t, dir, thisBoot), want)
	same(t, files(t, dir), []string{"journal.000002", "lock"})
	ok(t, w.Close())
	isErr(t, w.Renew(), ErrClosed)
}
