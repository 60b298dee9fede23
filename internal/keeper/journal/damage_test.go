package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// small writes a journal with some of everything and returns its only segment and all
// that was ever true of its tasks.
func small(t testing.TB) (content []byte, truth map[string]Task) {
	w, _ := tOpen(t, t.TempDir(), Options{})
	s := sample(t, w)
	gone := exitOf(1)
	truth = map[string]Task{"gone": {
		ID: "gone", SameBoot: true, At: noon, Spec: s.Tasks[0].Spec, Handle: s.Tasks[0].Handle, Exit: &gone,
	}}
	for _, task := range s.Tasks {
		truth[task.ID] = task
	}
	return []byte(readFile(t, segmentPath(w.dir, 1))), truth
}

// contradiction returns what got says that is not true, as opposed to missing.
func contradiction(got State, truth map[string]Task) string {
	for _, task := range got.Tasks {
		want, ok := truth[task.ID]
		if !ok {
			return "a task that never was: " + task.ID
		}
		if task.Spec == nil && task.At.IsZero() {
			want.Spec, want.At, want.SameBoot = nil, task.At, false
		}
		if task.Handle == nil {
			want.Handle = nil
		}
		if !task.NotStarted {
			want.NotStarted, want.Detail = false, ""
		}
		if task.Ending == nil {
			want.Ending = nil
		}
		if task.Exit == nil {
			want.Exit = nil
		}
		if !reflect.DeepEqual(task, want) {
			return cmp.Diff(want, task)
		}
	}
	return ""
}

func readBytes(t testing.TB, content []byte) State {
	t.Helper()
	d := newMemDisk()
	d.names["journal.000001"] = &inode{data: content}
	f, err := load(d, "", thisBoot)
	ok(t, err)
	return f.state
}

// A journal that ends anywhere says what its whole records say, and a Writer goes on there.
func TestTornTail(t *testing.T) {
	content, truth := small(t)
	whole, want := headerLen, State{} // up to the last record that is whole, and what it says
	for n := range content {
		for _, junk := range []string{"", "\xff", "\x00\x00\x00"} {
			torn := append(slices.Clone(content[:n]), junk...)
			got := readBytes(t, torn)
			if text := contradiction(got, truth); text != "" {
				t.Fatalf("%d bytes: %s", n, text)
			}
			for next := whole; next <= n && next < len(content); {
				whole = next
				want = readBytes(t, content[:whole])
				next += frameLen + int(binary.LittleEndian.Uint32(content[whole:]))
			}
			noticed := len(bytes.TrimRight(torn[min(whole, len(torn)):], "\x00")) > 0 || n < headerLen
			if (len(got.Damage) > 0) != noticed {
				t.Fatalf("%d bytes and %q: %v", n, junk, got.Damage)
			}
			if n >= headerLen {
				if noticed && n > whole && junk == "" && !got.Damage[0].Tail {
					t.Fatalf("%d bytes: %v", n, got.Damage)
				}
				got.Damage, got.Whole = nil, got.Whole || junk != ""
				same(t, got, want)
			}
		}
	}
}

// A Writer that finds a torn tail goes on behind the last whole record, in a new
// segment, and if there is no space for one in the old.
func TestWriterAfterTornTail(t *testing.T) {
	content, _ := small(t)
	for _, full := range []bool{false, true} {
		for n := headerLen; n <= len(content); n += 3 {
			d := newMemDisk()
			d.names["journal.000001"] = &inode{data: slices.Clone(content[:n]), alloc: 3 << 20}
			d.full = full
			w, found := tOpen(t, "", Options{disk: d, Sync: true})
			if f := d.names[filepath.Base(segmentPath("", w.number))]; len(f.pending) > 0 {
				t.Fatal("what was found was not synced")
			}
			ok(t, w.Epoch(9)) // shorter than what may be there
			if s := readBytes(t, d.names[filepath.Base(segmentPath("", w.number))].data); len(s.Damage) > 0 || s.Epoch != 9 || !s.Whole {
				t.Fatalf("%d bytes: %+v", n, s)
			}
			ok(t, w.Start("new", noon, nil), w.Exit("new", exitOf(0)))
			e := exitOf(0)
			want := found.Tasks
			want = append(want, Task{ID: "new", SameBoot: true, At: noon, Exit: &e})
			got, err := load(d, "", thisBoot)
			ok(t, err)
			same(t, got.state.Tasks, want)
			if len(got.state.Damage) > 0 {
				t.Fatalf("%d bytes: %v", n, got.state.Damage)
			}
			if (w.number == 1) != full {
				t.Fatalf("segment %d", w.number)
			}
		}
	}
}

// Any byte may change in any way: it is noticed, what is read is true, and all of it
// is there but the record that the byte belongs to.
func TestFlippedByte(t *testing.T) {
	content, truth := small(t)
	records := readBytesRecords(t, content)
	r := rand.New(rand.NewPCG(1, 2))
	for at := range content {
		bits := []byte{1, 128, 255, content[at], byte(r.UintN(255)) + 1}
		for _, x := range bits {
			if x == 0 {
				continue
			}
			bad := slices.Clone(content)
			bad[at] ^= x
			got := readBytes(t, bad)
			if len(got.Damage) != 1 || got.Whole != got.Damage[0].Tail {
				t.Fatalf("byte %d ^ %#x: %+v", at, x, got)
			}
			if text := contradiction(got, truth); text != "" {
				t.Fatalf("byte %d ^ %#x: %s", at, x, text)
			}
			if n := readBytesRecords(t, bad); at >= headerLen && n != records-1 || at < headerLen && n != records {
				t.Fatalf("byte %d ^ %#x: %d of %d records", at, x, n, records)
			}
		}
	}
}

func readBytesRecords(t testing.TB, content []byte) int {
	var s segment
	s.scan("", content)
	return len(s.records)
}

// Bytes that are gone, moved, doubled or noise: nothing that is read is wrong.
func TestScrambled(t *testing.T) {
	content, truth := small(t)
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		bad := slices.Clone(content)
		for range 1 + r.IntN(3) {
			at := r.IntN(len(bad))
			n := min(1+r.IntN(300), len(bad)-at)
			switch r.IntN(4) {
			case 0:
				clear(bad[at : at+n])
			case 1:
				bad = slices.Delete(bad, at, at+n)
			case 2:
				bad = slices.Insert(bad, at, slices.Clone(bad[at:at+n])...)
			case 3:
				for i := range n {
					bad[at+i] = byte(r.UintN(256))
				}
			}
			if len(bad) == 0 {
				bad = []byte{0}
			}
		}
		if text := contradiction(readBytes(t, bad), truth); text != "" {
			t.Fatal(text)
		}
	}
}

// A record that is whole but makes no sense is damage too.
func TestSenselessRecords(t *testing.T) {
	for _, c := range []struct {
		k    kind
		json string
	}{
		{kindStart, `{}`},
		{kindStart, `{"id":5}`},
		{kindPID, `{"id":}`},
		{kindExit, `{"id":"a"}`},
		{kindEnding, `{"id":"a"}`},
		{kindExit, `{"id":"a","outcome":{"State":"SOMEHOW"}}`},
		{kindEpoch, `{"n":"x"}`},
	} {
		raw := append(make([]byte, frameLen), c.json...)
		raw[8] = byte(c.k)
		seal(raw)
		got := readBytes(t, append(header(thisBoot, true), raw...))
		want := State{SameBoot: true, Damage: []Damage{{Segment: "journal.000001", Offset: headerLen, Bytes: int64(len(raw))}}}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", c.json, d)
		}
	}
}

// A start that was lost after one that failed shows in its PID.
func TestLostSecondStart(t *testing.T) {
	w, _ := tOpen(t, t.TempDir(), Options{})
	ok(t, w.Start("a", noon, nil), w.NotStarted("a", "EAGAIN"))
	at := w.end
	ok(t, w.Start("a", noon.Add(1), nil), w.PID("a", []byte(`1`)))
	content := []byte(readFile(t, segmentPath(w.dir, 1)))
	content[at+20] ^= 1
	got := readBytes(t, content)
	want := []Task{{ID: "a", SameBoot: true, At: noon, Handle: []byte(`1`)}}
	same(t, got.Tasks, want)
	if got.Whole {
		t.Error("it is not whole")
	}
}

// A length of 4 GiB, and one just below what is allowed, are not believed.
func TestLengthIsNotBelieved(t *testing.T) {
	for _, n := range []uint32{1<<32 - 1, 1 << 24, maxPayload} {
		b := append(header(thisBoot, true), make([]byte, 64)...)
		binary.LittleEndian.PutUint32(b[headerLen:], n)
		b[headerLen+8], b[headerLen+frameLen] = byte(kindStart), '{'
		got := testing.AllocsPerRun(10, func() { readBytes(t, b) })
		if s := readBytes(t, b); got > 100 || len(s.Damage) != 1 {
			t.Errorf("%d: %v allocations, %v", n, got, s.Damage)
		}
	}
}

// The last record may be spoilt too, and then it is not one that was never written whole.
func TestSpoiltLastRecord(t *testing.T) {
	content, _ := small(t)
	content[len(content)-3] ^= 1
	if s := readBytes(t, content); s.Whole || len(s.Damage) != 1 || s.Damage[0].Tail {
		t.Errorf("%+v", s)
	}
}

// FuzzRead wants -fuzzminimizetime=0x: maps are walked in another order each time, and
// what covers other code by chance is not worth minimizing.
func FuzzRead(f *testing.F) {
	content, _ := small(f)
	f.Add(content)
	f.Add(content[:len(content)-5])
	f.Add(header(thisBoot, true))
	f.Add([]byte{})
	f.Add(append(slices.Clone(content), 0, 0, 0, 0, 0, 0, 1, 2, 3))
	f.Add(append(header(thisBoot, true), 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 2, '{', '}'))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := newMemDisk()
		d.names["journal.000001"] = &inode{data: b}
		found, err := load(d, "", thisBoot)
		if err != nil {
			return
		}
		for _, damage := range found.state.Damage {
			if damage.Bytes <= 0 && len(b) > 0 || damage.Offset+damage.Bytes > int64(len(b)) {
				t.Errorf("%v of %d bytes", damage, len(b))
			}
		}
		w, s, err := Open("", Options{disk: d, boot: thisBoot})
		ok(t, err)
		ok(t, w.Close())
		again, err := load(d, "", thisBoot)
		ok(t, err)
		// What was read once is written so that it is read again.
		s.SameBoot, s.Damage = true, nil // Whole stays what it was
		if !bytes.Equal(asJSON(t, again.state), asJSON(t, s)) {
			t.Errorf("got %s, want %s", asJSON(t, again.state), asJSON(t, s))
		}
	})
}

func asJSON(t testing.TB, v any) []byte {
	b, err := json.Marshal(v)
	ok(t, err)
	return b
}

// What is not a segment is not read.
func TestReadsNothingElse(t *testing.T) {
	dir := t.TempDir()
	w, _ := tOpen(t, dir, Options{})
	want := sample(t, w)
	ok(t, w.Close())
	for _, name := range []string{draftName, "damaged.000009", "journal.7", "other"} {
		ok(t, os.WriteFile(filepath.Join(dir, name), []byte("nonsense"), 0o600))
	}
	same(t, readAs(t, dir, thisBoot), want)
}
