package sqlstore

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the files schema.txt anew")

// TestShape compares what is expected of a schema with what the migrations make.
func TestShape(t *testing.T) {
	for kind, dsn := range map[string]func() string{
		SQLite:   func() string { return filepath.Join(t.TempDir(), "runs.db") },
		Postgres: func() string { return postgresDSN(t) },
	} {
		t.Run(kind, func(t *testing.T) {
			s := openUnchecked(t, dsn())
			c, err := s.reads.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			have, err := readShape(t.Context(), &s.d, c)
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(kind+"/schema.txt", []byte(have.String()), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(s.d.expected, have.String()); diff != "" {
				t.Errorf("run this test with -update, if the change was meant: -expected +made\n%s", diff)
			}
		})
	}
}

// openUnchecked opens a store without what it expects of its schema.
func openUnchecked(t *testing.T, dsn string) *Store {
	t.Helper()
	if Kind(dsn) == SQLite {
		return openTest(t, dsn, Config{})
	}
	cfg, err := Config{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	c, cfg, err := postgresConfig(dsn, cfg)
	if err != nil {
		t.Fatal(err)
	}
	d := postgresDialect(c, cfg, nil)
	expected := d.shape
	d.shape = ""
	s, err := connectPostgres(t.Context(), c, d, cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.d.shape = expected
	t.Cleanup(func() { s.Close() })
	return s
}

func TestShapeDifferences(t *testing.T) {
	want := parseShape("column a.x: int\ncolumn a.y: text not null\ncolumn b.z: int\nindex on a (x, y): unique\n")
	for _, c := range []struct {
		have string
		want []string
	}{
		{want.String(), nil},
		{want.String() + "column c.x: int\nindex on a (y): not unique\nindex on c (x): unique\n", nil}, // not ours
		{strings.Replace(want.String(), "a.x: int", "a.x: text", 1), []string{"column a.x is text in place of int"}},
		{strings.Replace(want.String(), "a.x: int", "a.w: int", 1), []string{"column a.x is missing", "column a.w is not known"}},
		{strings.Replace(want.String(), "unique", "not unique", 1), []string{"index on a (x, y) is not unique in place of unique"}},
		{"", []string{"column a.x is missing", "column a.y is missing", "column b.z is missing", "index on a (x, y) is missing"}},
	} {
		if got := want.differences(parseShape(c.have)); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.have, got, c.want)
		}
	}
}
