package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/store/storetest/pgtest"
)

// newFields are those that the JSON of an old run has now and had not then, by path; items of
// lists have none. Whoever adds one says so here, and never removes one or changes what it says.
func newFields() []string { return nil }

// old is what the archive of schema version 5 has: see testdata/schema5/make.sh.
type old struct {
	dir   string            // in which it was made
	files map[string][]byte // by path
}

func readOld(t *testing.T) old {
	t.Helper()
	f, err := os.Open("testdata/schema5/history.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	o := old{files: map[string][]byte{}}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if o.files[filepath.Clean(h.Name)], err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	o.dir = string(o.files["dir"])
	return o
}

// unpack writes the files below one directory of the archive into the place.
func (o *old) unpack(p *place, below string) {
	p.t.Helper()
	for name, body := range o.files {
		if rest, ok := strings.CutPrefix(name, below+"/"); ok {
			if err := os.MkdirAll(filepath.Dir(p.path(rest)), 0o700); err != nil {
				p.t.Fatal(err)
			}
			p.write(rest, string(body))
		}
	}
}

// question is a command and what the old program answered.
type question struct {
	args   []string
	answer string
}

// move is what the paths in an old history become, and with them the hashes of workflows.
type move struct {
	from, to string
	hashes   []string // pairs
}

// workflow returns what a stored workflow and its hash become.
func (m *move) workflow(t *testing.T, hash string, body []byte) (newHash string, newBody []byte) {
	t.Helper()
	if hashOf(body) != hash {
		t.Fatalf("workflow %s is not what its hash says", hash)
	}
	newBody = bytes.ReplaceAll(body, []byte(m.from), []byte(m.to))
	newHash = hashOf(newBody)
	m.hashes = append(m.hashes, hash, newHash)
	return newHash, newBody
}

// hashOf returns the hash of a stored workflow, which is of all but the file's name at its end.
func hashOf(body []byte) string {
	end := bytes.LastIndex(body, []byte(`,"file":`))
	if end < 0 {
		end = len(body) - 1
	}
	sum := sha256.Sum256(body[:end])
	return hex.EncodeToString(sum[:])
}

// text returns what a text becomes.
func (m *move) text(s string) string {
	return strings.NewReplacer(append(m.hashes, m.from, m.to)...).Replace(s)
}

// questions returns those of a dialect, as if they had been asked in the place.
func (o *old) questions(m *move, dialect string) (all []question) {
	for line := range strings.Lines(m.text(string(o.files[dialect+".answers"]))) {
		if command, ok := strings.CutPrefix(line, "-- "); ok {
			command = strings.TrimSuffix(command, " --\n")
			all = append(all, question{args: strings.Fields(command)})
			continue
		}
		all[len(all)-1].answer += line
	}
	return all
}

// TestOldSQLite opens a history that the program of schema version 5 made and left when it
// was killed, and goes on with it.
func TestOldSQLite(t *testing.T) {
	t.Parallel()
	p, o := newPlace(t), readOld(t)
	o.unpack(p, "sqlite")
	m := &move{from: o.dir + "/sqlite", to: p.dir}
	p.moveSQLite(m)
	p.upgradesHistory(o.questions(m, "sqlite"))
}

func (p *place) moveSQLite(m *move) {
	t := p.t
	t.Helper()
	db := p.database()
	bodies := map[string][]byte{}
	rows, err := db.QueryContext(t.Context(), "SELECT hash, body FROM workflows")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var hash string
		var body []byte
		if err := rows.Scan(&hash, &body); err != nil {
			t.Fatal(err)
		}
		bodies[hash] = body
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	exec := func(query string, args ...any) {
		if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
			t.Fatal(err)
		}
	}
	for hash, body := range bodies {
		newHash, newBody := m.workflow(t, hash, body)
		exec("UPDATE workflows SET hash = ?, body = ? WHERE hash = ?", newHash, newBody, hash)
		exec("UPDATE attempts SET hash = ? WHERE hash = ?", newHash, hash)
	}
	exec("UPDATE runs SET working_dir = replace(working_dir, ?1, ?2), file = replace(file, ?1, ?2)", m.from, m.to)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOldPostgres does the same with a database of PostgreSQL.
func TestOldPostgres(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t)
	p, o := newPlace(t), readOld(t)
	o.unpack(p, "postgres")
	m := &move{from: o.dir + "/postgres", to: p.dir}
	stored := regexp.MustCompile(`INTO public\.workflows VALUES \('(\w+)', '\\x(\w+)'\)`)
	dump := stored.ReplaceAllStringFunc(string(o.files["postgres.sql"]), func(row string) string {
		parts := stored.FindStringSubmatch(row)
		body, err := hex.DecodeString(parts[2])
		if err != nil {
			t.Fatal(err)
		}
		_, body = m.workflow(t, parts[1], body)
		return strings.Replace(row, parts[2], hex.EncodeToString(body), 1)
	})
	cluster.DSN(t, "schema5")
	if err := cluster.Exec("schema5", m.text(dump)); err != nil {
		t.Fatal(err)
	}
	p.env = append(p.env, "EXECUTIONER_DATABASE=postgres:///schema5", "PGHOST="+cluster.SocketDir(), "PGUSER=postgres",
		"XDG_STATE_HOME="+p.path("state"))
	p.upgradesHistory(o.questions(m, "postgres"))
}

// upgradesHistory asks what the old program was asked, of several programs that all find the
// old schema, then goes on with what it left.
func (p *place) upgradesHistory(questions []question) {
	t := p.t
	t.Helper()
	equal(t, "questions", len(questions), 23)
	var first []*running
	for range 3 {
		first = append(first, p.start(questions[0].args...))
	}
	for _, r := range first {
		p.sameAnswer(questions[0], r.wait().ends(t, 0).out)
	}
	version := p.schemaVersion()
	fresh := newPlace(t)
	fresh.run("runs", "list").ends(t, 0)
	equal(t, "schema version of a new history", fresh.schemaVersion(), version)
	for _, q := range questions {
		p.sameAnswer(q, p.run(q.args...).ends(t, 0).out)
	}
	contains(t, "db check", p.run("db", "check").ends(t, 0).out, "8 runs and 108 transitions read\nall in order\n")
	p.countsOld()
	p.goesOn()
	contains(t, "db check in the end", p.run("db", "check").ends(t, 0).out, "8 runs and ", "all in order\n")
	equal(t, "schema version in the end", p.schemaVersion(), version)
}

func (p *place) schemaVersion() int {
	p.t.Helper()
	var v struct {
		Schema int `json:"schema_version"`
	}
	p.decode(p.run("db", "status", "--json").ends(p.t, 0).out, &v)
	if v.Schema <= 5 {
		p.t.Fatalf("schema version %d", v.Schema)
	}
	return v.Schema
}

// sameAnswer compares JSON by its values, without new fields, and all else as it is.
func (p *place) sameAnswer(q question, got string) {
	p.t.Helper()
	if !slices.Contains(q.args, "--json") {
		if d := cmp.Diff(q.answer, got); d != "" {
			p.t.Errorf("%v:\n%s", q.args, d)
		}
		return
	}
	var was, is any
	p.decode(q.answer, &was)
	p.decode(got, &is)
	if d := cmp.Diff(was, without(is, "")); d != "" {
		p.t.Errorf("%v:\n%s", q.args, d)
	}
}

// without returns a value without new fields.
func without(v any, path string) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = without(v[i], path)
		}
	case map[string]any:
		for name := range v {
			at := strings.TrimPrefix(path+"."+name, ".")
			if slices.Contains(newFields(), at) {
				delete(v, name)
				continue
			}
			v[name] = without(v[name], at)
		}
	}
	return v
}

// countsOld asks for the statistics, which nobody kept then.
func (p *place) countsOld() {
	p.t.Helper()
	type series struct {
		Application, Job string
		Ended, Tries     int
		Retries, Flaky   int
		States           map[string]int
	}
	var got struct{ Applications, Jobs []series }
	p.decode(p.run("stats", "--since", "all", "--json").ends(p.t, 0).out, &got)
	want := []series{
		{Application: "flaky", Ended: 2, Tries: 10, Retries: 4, States: map[string]int{"FAILED": 2}},
		{Application: "legacy", Ended: 1, Tries: 3, Retries: 1, States: map[string]int{"FAILED": 1}},
		{Application: "mended", Ended: 2, Tries: 4, Flaky: 1, States: map[string]int{"FAILED": 1, "SUCCESS": 1}},
		{Application: "skipping", Ended: 1, Tries: 2, States: map[string]int{"SUCCESS": 1}},
		{Application: "stopped", Ended: 1, Tries: 1, States: map[string]int{"CANCELLED": 1}},
		{Application: "values", Ended: 1, Tries: 2, States: map[string]int{"SUCCESS": 1}},
	}
	if d := cmp.Diff(want, got.Applications); d != "" {
		p.t.Error(d)
	}
	want = []series{
		{Application: "flaky", Job: "bad", Ended: 2, Tries: 6, Retries: 4, States: map[string]int{"FAILED": 2}},
		{Application: "legacy", Job: "bad", Ended: 1, Tries: 2, Retries: 1, States: map[string]int{"FAILED": 1}},
	}
	got.Jobs = slices.DeleteFunc(got.Jobs, func(s series) bool { return s.Job != "bad" })
	if d := cmp.Diff(want, got.Jobs); d != "" {
		p.t.Error(d)
	}
}

// goesOn resumes the run that was interrupted, which the old keeper's journal knows about,
// and one that had failed.
func (p *place) goesOn() {
	t := p.t
	t.Helper()
	contains(t, "resume", p.run("resume").ends(t, 1).out, "broken run 19: 3 jobs\ncarried on from where its program went away")
	p.isNow("19", `{"Run":19,"Attempt":1,"State":"FAILED","ended":"FAILED exit_code 3","left":"FAILED lost -","more":"SUCCESS exit_code 0"}`)
	var v struct {
		Jobs []struct {
			ID   string
			Took *float64 `json:"duration_seconds"`
		}
	}
	p.decode(p.run("runs", "show", "19", "--json").ends(t, 0).out, &v)
	if took := v.Jobs[0].Took; took == nil || *took > 60 {
		t.Errorf("%s took until it was taken up, and not until the old keeper saw it end: %v", v.Jobs[0].ID, took)
	}
	p.write("whole", "")
	p.write("go", "")
	p.run("resume", "19").ends(t, 0)
	p.isNow("19", `{"Run":19,"Attempt":2,"State":"SUCCESS","ended":"SUCCESS exit_code 0","left":"SUCCESS exit_code 0","more":"SUCCESS exit_code 0"}`)
	p.write("fixed", "")
	contains(t, "resume", p.run("resume", "14").ends(t, 0).out, "worse  not run again: already done")
	p.isNow("14", `{"Run":14,"Attempt":2,"State":"SUCCESS","good":"SUCCESS exit_code 0","bad":"SUCCESS exit_code 0","worse":"FAILED exit_code 9",`+
		`"after":"SUCCESS exit_code 0","last":"SUCCESS exit_code 0"}`)
	p.nobody()
}

// isNow compares a run, and each of its jobs by state, reason and exit code.
func (p *place) isNow(number, want string) {
	p.t.Helper()
	v := p.show(number)
	got := map[string]any{"Run": float64(v.Run), "Attempt": float64(v.Attempt), "State": v.State}
	for _, j := range v.Jobs {
		code := "-"
		if j.ExitCode != nil {
			b, _ := json.Marshal(*j.ExitCode)
			code = string(b)
		}
		got[j.ID] = j.State + " " + j.Reason + " " + code
	}
	var wanted map[string]any
	p.decode(want, &wanted)
	if d := cmp.Diff(wanted, got); d != "" {
		p.t.Errorf("run %s: %s", number, d)
	}
}
