package oralint

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func statements(t *testing.T, file string) []string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

func TestAccepted(t *testing.T) {
	all := statements(t, "accepted.sql")
	lobs := LOBs(all)
	if diff := cmp.Diff(map[string]bool{"params": true, "body": true}, lobs); diff != "" {
		t.Errorf("large objects: -want +got:\n%s", diff)
	}
	for _, s := range all {
		if found := Check(s, lobs); found != nil {
			t.Errorf("%s\n\t%s", s, strings.Join(found, "\n\t"))
		}
	}
}

func TestRefused(t *testing.T) {
	lobs := map[string]bool{"params": true, "body": true}
	for _, s := range statements(t, "refused.sql") {
		if Check(s, lobs) == nil {
			t.Errorf("nothing is wrong with %s", s)
		}
	}
}

func TestWhatIsSaid(t *testing.T) {
	for text, want := range map[string][]string{
		"SELECT id FROM runs WHERE id = :2":                          {"bind :2 in the place of :1"},
		"INSERT INTO runs (id, params, state) VALUES (:1, :2, :3)":   {"column state after a large object"},
		"CREATE TABLE t (id VARCHAR2(9))":                            {"VARCHAR2 without CHAR or BYTE, which is a setting of the database"},
		"SELECT id FROM runs r ORDER BY r.ended_at_us DESC":          {"NULLS FIRST or LAST left out where it matters"},
		"SELECT strftime(id) FROM runs":                              {"strftime is not on the list of functions"},
		"UPDATE runs SET state = :1 WHERE id = (SELECT 7)":           {"SELECT without FROM"},
		"SELECT id FROM runs WHERE params IS NULL FOR UPDATE NOWAIT": nil,
		"": {`a statement that begins with ""`},
	} {
		if diff := cmp.Diff(want, Check(text, map[string]bool{"params": true})); diff != "" {
			t.Errorf("%s: -want +got:\n%s", text, diff)
		}
	}
}

// TestLists keeps the lists sane: nothing on them twice, and no list contradicts another.
func TestLists(t *testing.T) {
	for w := range functions {
		if keywords[w] || types[w] || reserved[w] {
			t.Errorf("%s is on two lists", w)
		}
	}
	for _, w := range []string{"LIMIT", "RETURNING", "CONFLICT", "TEXT", "BOOLEAN", "TRUE", "EXCEPT", "RECURSIVE", "IF"} {
		if keywords[w] || functions[w] || types[w] {
			t.Errorf("%s is on a list", w)
		}
	}
}
