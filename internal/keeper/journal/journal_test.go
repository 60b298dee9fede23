package journal

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/executionerhq/executioner/internal/run"
)

var update = flag.Bool("update", false, "write testdata/v1 anew; never after a release")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	thisBoot = "11111111-2222-3333-4444-555555555555"
	nextBoot = "66666666-7777-8888-9999-aaaaaaaaaaaa"
)

var noon = time.Date(2026, 2, 3, 12, 0, 0, 123456789, time.UTC)

func tOpen(t testing.TB, dir string, o Options) (*Writer, State) {
	t.Helper()
	if o.boot == "" {
		o.boot = thisBoot
	}
	w, s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w, s
}

func ok(t testing.TB, errs ...error) {
	t.Helper()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
	}
}

func isErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

func same(t testing.TB, got, want any) {
	t.Helper()
	if reflect.DeepEqual(got, want) { // much faster
		return
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("(-want +got)\n%s", d)
	}
}

func exitOf(code int) Exit {
	e := Exit{
		Outcome: run.Outcome{State: run.Success, Reason: run.Exited, ExitCode: code, CPU: 5, MaxRSS: 6, Output: 7},
		Head:    fmt.Appendf(nil, "output %d \x00\xff", code), At: noon.Add(time.Minute),
	}
	if code != 0 {
		e.Outcome.State, e.Outcome.Detail = run.Failed, "it said <no> & \"left\"\n"
		e.More = json.RawMessage(`{"from":12}`)
	}
	return e
}

// sample writes some of everything and returns what is then to be read.
func sample(t testing.TB, w *Writer) State {
	t.Helper()
	spec := json.RawMessage(`{"argv":["a && b < c","\u0000é"]}`)
	handle := json.RawMessage(`{"pid":7,"inode":123}`)
	ok(t,
		w.Epoch(3), w.Start("1/1/b/1", noon, spec), w.PID("1/1/b/1", handle),
		w.Start("1/1/a/1", noon.Add(1), nil), w.Start("gone", noon, spec), w.PID("gone", handle),
		w.Exit("1/1/b/1", exitOf(0)), w.NotStarted("1/1/a/1", "no such file"), w.Exit("gone", exitOf(1)),
		w.Start("alone", noon, spec), w.Epoch(4), w.Ack("gone"), w.Start("x", noon, spec),
		w.Ending("x", exitOf(3).Outcome), w.Exit("x", exitOf(2)),
		w.Start("y", noon, spec), w.PID("y", handle), w.Ending("y", exitOf(1).Outcome))
	b, x, y, x3 := exitOf(0), exitOf(2), exitOf(1).Outcome, exitOf(3).Outcome
	return State{Whole: true, SameBoot: true, Epoch: 4, Tasks: []Task{
		{ID: "1/1/b/1", SameBoot: true, At: noon, Spec: spec, Handle: handle, Exit: &b},
		{ID: "1/1/a/1", SameBoot: true, At: noon.Add(1), NotStarted: true, Detail: "no such file"},
		{ID: "alone", SameBoot: true, At: noon, Spec: spec},
		{ID: "x", SameBoot: true, At: noon, Spec: spec, Ending: &x3, Exit: &x},
		{ID: "y", SameBoot: true, At: noon, Spec: spec, Handle: handle, Ending: &y},
	}}
}

func readAs(t testing.TB, dir, boot string) State {
	t.Helper()
	f, err := load(osDisk{}, dir, boot)
	ok(t, err)
	return f.state
}

func TestRoundTrip(t *testing.T) {
	for _, sync := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "j")
		w, found := tOpen(t, dir, Options{Sync: sync})
		same(t, found, State{Whole: true})
		want := sample(t, w)
		same(t, w.State(), want)
		same(t, readAs(t, dir, thisBoot), want) // while it is written
		_, _, err := Open(dir, Options{})
		isErr(t, err, ErrLocked)
		ok(t, w.Close(), w.Close())
		isErr(t, w.Start("z", noon, nil), ErrClosed)
		isErr(t, w.Exit("y", exitOf(0)), fs.ErrClosed)

		w, found = tOpen(t, dir, Options{Sync: sync})
		same(t, found, want)
		same(t, files(t, dir), []string{"journal.000002", "lock"})
		ok(t, w.Ack("x"), w.Exit("y", exitOf(0)))
		ok(t, w.Close())
		y := exitOf(0)
		want.Tasks[4].Exit = &y
		want.Tasks = slices.Delete(want.Tasks, 3, 4)
		same(t, readAs(t, dir, thisBoot), want)
	}
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	ok(t, err)
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func TestReadWithoutJournal(t *testing.T) {
	dir := t.TempDir()
	_, err := Read(filepath.Join(dir, "none"))
	isErr(t, err, fs.ErrNotExist)
	_, err = Read(dir)
	isErr(t, err, fs.ErrNotExist)
	ok(t, os.WriteFile(filepath.Join(dir, lockName), nil, 0o600)) // a Writer that had no luck
	_, err = Read(dir)
	isErr(t, err, fs.ErrNotExist)
	_, _, err = Open(filepath.Join(dir, "a", "b"), Options{})
	isErr(t, err, fs.ErrNotExist)
}

func TestReadKnowsThisBoot(t *testing.T) {
	if bootID() == "" {
		t.Skip("boots have no name here")
	}
	dir := t.TempDir()
	w, _, err := Open(dir, Options{})
	ok(t, err, w.Start("a", noon, nil), w.Close())
	s, err := Read(dir)
	ok(t, err)
	same(t, s, State{Whole: true, SameBoot: true, Tasks: []Task{{ID: "a", SameBoot: true, At: noon}}})
}

// A task keeps its boot, though the segment it is in is of a later one.
func TestBoots(t *testing.T) {
	dir := t.TempDir()
	w, _ := tOpen(t, dir, Options{})
	ok(t, w.Start("old", noon, nil), w.Close())
	w, s := tOpen(t, dir, Options{boot: nextBoot})
	want := State{Tasks: []Task{{ID: "old", At: noon}}}
	same(t, s, want)
	ok(t, w.Start("new", noon, nil), w.Close())
	want.SameBoot = true // but never Whole again
	want.Tasks = append(want.Tasks, Task{ID: "new", At: noon, SameBoot: true})
	same(t, readAs(t, dir, nextBoot), want)
	s = readAs(t, dir, "")
	if s.SameBoot || s.Tasks[0].SameBoot || s.Tasks[1].SameBoot {
		t.Errorf("an unknown boot is no one's: %+v", s)
	}
}

func TestOrder(t *testing.T) {
	w, _ := tOpen(t, t.TempDir(), Options{})
	ok(t, w.Start("a", noon, nil), w.Epoch(2), w.Epoch(2))
	size := w.end
	for i, err := range []error{
		w.Start("a", noon, nil), w.Start("", noon, nil), w.PID("b", nil), w.NotStarted("b", ""), w.Exit("b", exitOf(0)), w.Epoch(1),
		w.Ending("b", exitOf(0).Outcome),
	} {
		if !errors.Is(err, ErrOrder) {
			t.Errorf("%d: %v", i, err)
		}
	}
	ok(t, w.Ack("b"), w.Epoch(2))
	if w.end != size {
		t.Error("something was written")
	}
	ok(t, w.PID("a", json.RawMessage(`1`)))
	isErr(t, w.PID("a", json.RawMessage(`2`)), ErrOrder)
	isErr(t, w.NotStarted("a", ""), ErrOrder)
	ok(t, w.Ending("a", exitOf(0).Outcome))
	isErr(t, w.Ending("a", exitOf(0).Outcome), ErrOrder)
	ok(t, w.Exit("a", exitOf(0)))
	isErr(t, w.Exit("a", exitOf(1)), ErrOrder)
	isErr(t, w.Start("a", noon, nil), ErrOrder)
	isErr(t, w.NotStarted("a", ""), ErrOrder)
	ok(t, w.Start("c", noon, nil), w.Ack("c"), w.Ack("a"), w.Start("a", noon, nil)) // forgotten is unknown
}

// What could not be started may be started again.
func TestStartedAgain(t *testing.T) {
	dir := t.TempDir()
	w, _ := tOpen(t, dir, Options{})
	ok(t, w.Start("a", noon, nil), w.Start("b", noon, nil), w.NotStarted("a", "EAGAIN"))
	isErr(t, w.PID("a", nil), ErrOrder)
	isErr(t, w.Exit("a", exitOf(0)), ErrOrder)
	ok(t, w.Start("a", noon.Add(1), json.RawMessage(`2`)))
	want := State{Whole: true, SameBoot: true, Tasks: []Task{
		{ID: "a", SameBoot: true, At: noon.Add(1), Spec: json.RawMessage(`2`)}, {ID: "b", SameBoot: true, At: noon},
	}}
	same(t, readAs(t, dir, thisBoot), want)
	same(t, w.State(), want)
}

func TestLimits(t *testing.T) {
	w, _ := tOpen(t, t.TempDir(), Options{})
	long := func(n int) json.RawMessage { return json.RawMessage(`"` + strings.Repeat("x", n-2) + `"`) }
	for i, err := range []error{
		w.Start(strings.Repeat("x", MaxID+1), noon, nil),
		w.Start("\xff", noon, nil),
		w.Start("a", noon, json.RawMessage(`{`)),
		w.Start("a", noon, long(maxPayload)),
		w.Start("a", time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC), nil),
		w.PID("a", long(MaxHandle+1)),
		w.PID("a", json.RawMessage(strings.Repeat("{", MaxHandle+1))),
		w.Exit("a", Exit{Outcome: exitOf(0).Outcome, More: long(MaxMore + 1)}),
		w.Exit("a", Exit{Outcome: run.Outcome{State: run.Running}}),
		w.Exit("a", Exit{Outcome: run.Outcome{State: 99}}),
	} {
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if w.end != headerLen {
		t.Error("something was written")
	}
}

// The room that is kept for a task covers the longest records it can have.
func TestRoomIsEnough(t *testing.T) {
	const most = -1 << 63
	id := strings.Repeat("\x01", MaxID)
	raw := json.RawMessage(`"` + strings.Repeat("x", MaxHandle-2) + `"`)
	w, _ := tOpen(t, t.TempDir(), Options{})
	ok(t, w.Start(id, noon, nil))
	before, owed := w.end, w.ledger.owed
	ok(t, w.PID(id, json.RawMessage(`   `+string(raw))))
	if w.end+w.ledger.owed > before+owed {
		t.Errorf("PID took %d, %d were kept", w.end-before, owed-w.ledger.owed)
	}
	o := run.Outcome{
		State: run.Cancelled, Reason: run.Reason(strings.Repeat("\x01", 999)), Detail: strings.Repeat("\x01", 9999),
		ExitCode: most, Signal: most, CPU: most, MaxRSS: most, Output: most, Dropped: most, Survivors: most,
	}
	before, owed = w.end, w.ledger.owed
	ok(t, w.Ending(id, o))
	if w.end+w.ledger.owed > before+owed {
		t.Errorf("ENDING took %d, %d were kept", w.end-before, owed-w.ledger.owed)
	}
	before, owed = w.end, w.ledger.owed
	ok(t, w.Exit(id, Exit{At: noon, Head: make([]byte, 2*MaxHead), More: raw, Outcome: o}))
	if w.end+w.ledger.owed > before+owed {
		t.Errorf("EXIT took %d, %d were kept", w.end-before, owed-w.ledger.owed)
	}
	s := w.State().Tasks[0].Exit
	if len(s.Head) != MaxHead || len(s.Outcome.Detail) != MaxDetail || len(s.Outcome.Reason) != maxReason {
		t.Errorf("not cut: %+v", s)
	}
	before, owed = w.end, w.ledger.owed
	ok(t, w.Ack(id))
	if w.end > before+owed || w.ledger.owed != 0 || w.ledger.size != 0 {
		t.Errorf("ACK took %d, %d were kept; %d owed", w.end-before, owed, w.ledger.owed)
	}

	ok(t, w.Start("n", noon, nil))
	before, owed = w.end, w.ledger.owed
	ok(t, w.NotStarted("n", strings.Repeat("é", MaxDetail)))
	if w.end+w.ledger.owed > before+owed {
		t.Error("NOT_STARTED took too much")
	}
	if got := w.State().Tasks[0].Detail; got != strings.Repeat("é", MaxDetail/2) {
		t.Errorf("%d bytes", len(got))
	}
	if got := cut("aé", 2); got != "a" {
		t.Errorf("%q", got)
	}
}

// What is written by hand is what encoding/json writes, and comes back the same.
func TestEncode(t *testing.T) {
	texts := []string{"", "a/b 1~", `"`, `\`, "\x00\x1f\n", "é\u2028<&>", "\x7f"}
	for _, text := range texts {
		o := exitOf(1).Outcome
		o.Detail = text
		raw := json.RawMessage(`{"t":"<&> é"}`)
		for _, r := range []record{
			{ID: text},
			{Boot: text, N: -7},
			{Detail: text, ID: text},
			{Spec: raw, At: noon},
			{Handle: raw},
			{More: raw, Outcome: &o},
			{Head: []byte(text)},
			{Head: []byte("\x00\xff?>")},
			{ID: text, N: 1, At: noon, Boot: "b", Spec: raw, Handle: raw, Detail: "d", Outcome: &o, Head: []byte{1}, More: raw},
		} {
			frame, err := encode(kindExit, &r)
			ok(t, err)
			if frameAt(frame) != len(frame) {
				t.Fatalf("not a frame: %q", frame)
			}
			std, err := json.Marshal(&r)
			ok(t, err)
			var got, want record
			ok(t, json.Unmarshal(frame[frameLen:], &got), json.Unmarshal(std, &want))
			want.Spec, want.Handle, want.More = r.Spec, r.Handle, r.More // it escapes these
			same(t, got, want)
			if len(r.Head) == 0 {
				r.Head = nil
			}
			same(t, got, r)
		}
	}
	frame, err := encode(kindStart, &record{ID: "a", Spec: json.RawMessage(" [ 1 ,\n 2 ] ")})
	ok(t, err)
	same(t, string(frame[frameLen:]), `{"id":"a","spec":[1,2]}`)
}

// A journal of version 1 is read by every later version.
func TestGolden(t *testing.T) {
	dir := filepath.Join("testdata", "v1")
	if *update {
		ok(t, os.RemoveAll(dir), os.MkdirAll(dir, 0o755))
		w, _ := tOpen(t, dir, Options{})
		sample(t, w)
		ok(t, w.Close(), os.Remove(filepath.Join(dir, lockName)))
	}
	w, _ := tOpen(t, t.TempDir(), Options{})
	want := sample(t, w)
	same(t, readAs(t, dir, thisBoot), want)
	same(t, readFile(t, segmentPath(dir, 1)), readFile(t, segmentPath(w.dir, 1))) // and written the same
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	ok(t, err)
	return string(b)
}

// newer appends a record as a later version may write it.
func newer(t *testing.T, path string, k kind, json string) {
	t.Helper()
	raw, err := encode(k, &record{})
	ok(t, err)
	raw = append(raw[:frameLen], json...)
	seal(raw)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	ok(t, err)
	_, err = f.Write(raw)
	ok(t, err, f.Close())
}

func TestNewerVersions(t *testing.T) {
	dir := t.TempDir()
	w, _ := tOpen(t, dir, Options{})
	ok(t, w.Close())
	path := segmentPath(dir, 1)
	newer(t, path, 77, `{"id":"a"}`)
	newer(t, path, kindStart, `{"id":"a","at":"2026-02-03T12:00:00.123456789Z","colour":"blue"}`)
	want := State{Whole: true, SameBoot: true, Tasks: []Task{{ID: "a", At: noon}}}
	same(t, readAs(t, dir, thisBoot), want)
	w, _ = tOpen(t, dir, Options{})
	ok(t, w.Close())
	if got := readFile(t, segmentPath(dir, 2)); !strings.Contains(got, `"colour":"blue"`) {
		t.Errorf("fields of a newer version are gone: %q", got)
	}

	b := header(thisBoot, true)
	b[8]++
	sealHeader(b)
	ok(t, os.WriteFile(segmentPath(dir, 3), b, 0o600))
	_, err := Read(dir)
	isErr(t, err, ErrVersion)
	_, _, err = Open(dir, Options{})
	isErr(t, err, ErrVersion)
	same(t, files(t, dir), []string{"journal.000002", "journal.000003", "lock"})
}

// Segments are replaced, by no more than what is not acknowledged, and a reader that
// comes at any time finds what was written before it came.
func TestRotation(t *testing.T) {
	for _, sync := range []bool{false, true} {
		dir := t.TempDir()
		w, _ := tOpen(t, dir, Options{SegmentBytes: 4 << 10, Reserve: 1, Sync: sync})
		want := sample(t, w)
		for i := range 300 {
			id := fmt.Sprint(i)
			ok(t, w.Start(id, noon, nil), w.PID(id, nil), w.Exit(id, exitOf(0)), w.Ack(id))
			same(t, readAs(t, dir, thisBoot), want)
		}
		if w.number < 10 {
			t.Errorf("only %d segments", w.number)
		}
		same(t, files(t, dir), []string{filepath.Base(segmentPath(dir, w.number)), "lock"})
		same(t, w.State(), want)
		w.opts.boot = thisBoot
		ok(t, w.Close())
	}
}

// A lot that runs does not make every start replace the segment.
func TestRotationWithMuchToState(t *testing.T) {
	w, _ := tOpen(t, t.TempDir(), Options{SegmentBytes: 4 << 10, Reserve: 1})
	for i := range 2000 {
		ok(t, w.Start(fmt.Sprint(i), noon, nil))
	}
	if len(w.State().Tasks) != 2000 || w.number > 10 {
		t.Errorf("%d tasks, %d segments", len(w.State().Tasks), w.number)
	}
	if !w.promised || !w.fits(0) {
		t.Error("no room is kept")
	}
}

// Two segments, as a crash in the middle of a rotation leaves them: the newer counts,
// and the older one only where the newer is damaged.
func TestTwoSegments(t *testing.T) {
	dir := t.TempDir()
	w, _ := tOpen(t, dir, Options{})
	sample(t, w)
	ok(t, w.Close())
	old := readFile(t, segmentPath(dir, 1))
	w, _ = tOpen(t, dir, Options{})
	ok(t, w.Ack("x"), w.Start("z", noon, nil), w.Close())
	want := readAs(t, dir, thisBoot)
	ok(t, os.WriteFile(segmentPath(dir, 1), []byte(old), 0o600))
	same(t, readAs(t, dir, thisBoot), want)

	b := []byte(readFile(t, segmentPath(dir, 2)))
	b[headerLen+60] ^= 1 // the start of the first task
	ok(t, os.WriteFile(segmentPath(dir, 2), b, 0o600))
	got := readAs(t, dir, thisBoot)
	if len(got.Damage) != 1 || got.Damage[0].Segment != segmentPath(dir, 2) || got.Damage[0].Tail || got.Whole {
		t.Errorf("%+v", got)
	}
	got.Damage, want.Whole = nil, false
	same(t, got, want)

	w, got = tOpen(t, dir, Options{})
	if len(got.Damage) != 1 {
		t.Errorf("%v", got.Damage)
	}
	same(t, files(t, dir), []string{"damaged.000002", "journal.000003", "lock"})
	got.Damage = nil
	same(t, got, want)
	same(t, w.State(), want)
}

func TestFilesAreOurs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "j")
	w, _ := tOpen(t, dir, Options{})
	for path, want := range map[string]fs.FileMode{dir: fs.ModeDir | 0o700, segmentPath(dir, 1): 0o600, filepath.Join(dir, lockName): 0o600} {
		info, err := os.Stat(path)
		ok(t, err)
		if info.Mode() != want {
			t.Errorf("%s: %v", path, info.Mode())
		}
	}
	ok(t, w.Close())
	victim := filepath.Join(t.TempDir(), "victim")
	ok(t, os.WriteFile(victim, []byte("precious"), 0o600), os.Symlink(victim, filepath.Join(dir, draftName)))
	_, _, err := Open(dir, Options{})
	isErr(t, err, syscall.ELOOP)
	ok(t, os.Remove(filepath.Join(dir, lockName)), os.Symlink(victim, filepath.Join(dir, lockName)))
	_, _, err = Open(dir, Options{})
	isErr(t, err, syscall.ELOOP)
	same(t, readFile(t, victim), "precious")
}

func TestNumbers(t *testing.T) {
	got := numbers([]string{"journal.1000000", "journal.000009", "journal.10", "journal.-00001", "journal.000000", "draft", "journal.000003x", "journal.000002"})
	same(t, got, []int{2, 9, 1000000})
	same(t, slices.Sorted(maps.Keys(map[string]int{filepath.Base(segmentPath("x", 7)): 1})), []string{"journal.000007"})
}
