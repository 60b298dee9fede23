package store_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

func archive() store.Archive {
	at := time.UnixMicro(1_769_860_800_000_000).UTC()
	a := store.Archive{
		Run:      store.Run{ID: 1, Application: "a", File: "f", WorkingDir: "w", SubmittedAt: at},
		Origin:   "o",
		Attempts: []store.Attempt{{Number: 1, Reason: "r", Detail: "d", Hash: "h", Options: []byte("o"), CreatedAt: at, StartedAt: at, EndedAt: at}},
		Transitions: []run.Transition{{
			Seq: 1, Attempt: 1, Job: "j", Reason: "r", Cause: "c", Detail: "d", At: at, Until: at,
			Outcome: &run.Outcome{Reason: "r", Detail: "d"},
		}},
		Overrides: []run.Override{{Attempt: 1, Job: "j", By: "b", At: at, Note: "n"}},
		Workflows: map[string][]byte{"h": []byte("body")},
	}
	return a.Normal()
}

// leaves calls visit with each value below v that is no struct, pointer or slice of such.
func leaves(v reflect.Value, path string, visit func(v reflect.Value, path string)) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time](), v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		visit(v, path)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			leaves(v.Field(i), path+"."+v.Type().Field(i).Name, visit)
		}
	case v.Kind() == reflect.Pointer && !v.IsNil():
		leaves(v.Elem(), path, visit)
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			leaves(v.Index(i), fmt.Sprint(path, i), visit)
		}
	default:
		visit(v, path)
	}
}

// change gives a value another one of its type.
func change(v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(v.Interface().(time.Time).Add(time.Microsecond)))
	case v.Type() == reflect.TypeFor[time.Duration]():
		v.SetInt(v.Int() + int64(time.Microsecond))
	case v.CanInt():
		v.SetInt(v.Int() + 1)
	case v.CanUint():
		v.SetUint(v.Uint() + 1)
	case v.Kind() == reflect.String:
		v.SetString(v.String() + "\xff")
	case v.Kind() == reflect.Slice:
		v.SetBytes(append([]byte("x"), v.Bytes()...))
	case v.Kind() == reflect.Map:
		v.Set(reflect.ValueOf(map[string][]byte{"h": []byte("other")}))
	}
}

// TestCanonicalHasEverything changes one field after the other: none may be forgotten.
func TestCanonicalHasEverything(t *testing.T) {
	want := archive()
	n := 0
	leaves(reflect.ValueOf(&want).Elem(), "", func(reflect.Value, string) { n++ })
	hashes := map[string]string{want.Hash(): "nothing"}
	for i := range n {
		a, k := archive(), 0
		leaves(reflect.ValueOf(&a).Elem(), "", func(v reflect.Value, path string) {
			if k++; k != i+1 {
				return
			}
			if path == ".Run.Owner" || path == ".Run.Seq" || path == ".Run.Wrote" || len(path) > 12 && path[:12] == ".Run.Attempt" || path == ".Transitions0.Outcome.Fingerprint" {
				return // nobody, what the rest says, and what is kept elsewhere
			}
			change(v)
			if other, ok := hashes[a.Hash()]; ok {
				t.Errorf("a change of %s makes the same hash as one of %s", path, other)
			}
			hashes[a.Hash()] = path
			if a.Equal(&want) {
				t.Errorf("a change of %s makes no difference", path)
			}
		})
	}
	if len(hashes) < 45 {
		t.Errorf("only %d fields were changed", len(hashes))
	}
}

func TestHashOfTextThatIsNoUTF8(t *testing.T) {
	seen := map[string]string{}
	for _, s := range []string{"\xff", "\xfe", "\ufffd", "", "\x00base64:/w=="} {
		a := archive()
		a.Run.WorkingDir = s
		if other, ok := seen[a.Hash()]; ok && s != "\x00base64:/w==" {
			t.Errorf("%q and %q have the same hash", s, other)
		}
		seen[a.Hash()] = s
	}
}

func TestNormal(t *testing.T) {
	a := archive()
	b := a
	b.Run.SubmittedAt = a.Run.SubmittedAt.Add(999).In(time.FixedZone("", 3600))
	b.Run.Owner, b.Run.Seq, b.Run.Attempt = &store.Owner{}, 99, store.Attempt{}
	b.Workflows = map[string][]byte{"h": []byte("body"), "of nobody": nil}
	if n := b.Normal(); !reflect.DeepEqual(n, a) {
		t.Errorf("got %+v, want %+v", n, a)
	}
}
