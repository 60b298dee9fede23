package check

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/workflow"
)

var now = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// input returns an Input with these files, changed an hour ago, in its directory.
func input(t *testing.T, files map[string]string) Input {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600),
			os.Chtimes(path, now, now.Add(-time.Hour))); err != nil {
			t.Fatal(err)
		}
	}
	return Input{
		Dir: dir, Now: now, Log: filepath.Join(dir, "job.log"),
		Env: strings.NewReplacer("${DAY}", "monday", "${N}", "5").Replace,
	}
}

func TestChecks(t *testing.T) {
	long := strings.Repeat("x", 3*lineBuffer)
	files := map[string]string{
		"out/monday.csv": "12345",
		"clean.log":      "all\nfine\n",
		"ora.log":        "one\r\ntwo\r\n  ORA-00942: table or view does not exist\r\n",
		"sp2.log":        "SP2-0310: unable to open file",
		"long.log":       "one\n" + long + "ORA-1 here" + long + "\nend SUCCESS\r\n",
		"binary.log":     "\x00\xff\n\x00\xffORA-9\x1b[31m\x07\xff\n",
		"logs/a.log":     "fine\n",
		"logs/b.log":     "ORA-00001\n",
		"[x].log":        "odd name",
		"100%.log":       "ORA-5",
		"empty.log":      "",
		"job.log":        "earlier ERROR\nrows: 42\nnext try's note: SUCCESS\n",
	}
	type p = map[string]any
	tests := []struct {
		name   string
		params p
		want   string // detail; empty: passed
	}{
		{"check_file_exists", p{"path": "clean.log"}, ""},
		{"check_file_exists", p{"path": "out"}, ""},
		{"check_file_exists", p{"path": "/"}, ""},
		{"check_no_ora_errors", p{"log_file": "/proc/self/status"}, ""},
		{"check_file_exists", p{"path": "out/${DAY}.csv"}, ""},
		{"check_file_exists", p{"path": "out/sunday.csv"}, "there is no file out/sunday.csv"},
		{"check_file_exists", p{"path": "out/*.csv"}, "there is no file out/*.csv"},
		{"check_file_exists", p{"path": "clean.log/x"}, "clean.log/x: not a directory"},
		{"check_file_exists", p{"path": "a\x00b"}, "ab: invalid argument"},
		{"check_file_exists", p{}, "its parameter path is missing or empty"},
		{"check_file_exists", p{"path": " "}, "its parameter path is missing or empty"},

		{"check_no_ora_errors", p{"log_file": "clean.log"}, ""},
		{"check_no_ora_errors", p{"log_file": "sp2.log"}, ""},
		{"check_no_ora_errors", p{"log_file": "empty.log"}, ""},
		{"check_no_ora_errors", p{"log_file": "ora.log"}, "ora.log:3: ORA-00942: table or view does not exist"},
		{"check_no_ora_errors", p{"log_file": "logs/*.log"}, "logs/b.log:1: ORA-00001"},
		{"check_no_ora_errors", p{"log_file": "logs/a*.log"}, ""},
		{"check_no_ora_errors", p{"log_file": "[x].log"}, ""},
		{"check_no_ora_errors", p{"log_file": "100%.log"}, "100%.log:1: ORA-5"},
		{"check_no_ora_errors", p{"log_file": "no*.log"}, "there is no file no*.log"},
		{"check_no_ora_errors", p{"log_file": "[.log"}, "its parameter log_file is wrong: syntax error in pattern"},
		{"check_no_ora_errors", p{}, "its parameter log_file is missing or empty"},
		{"check_no_ora_errors", p{"log_file": "binary.log"}, "binary.log:2: ?ORA-9?"},
		{"check_no_ora_errors", p{"log_file": "long.log"}, "long.log:2: " + strings.Repeat("x", 50) + "ORA-1 here" + strings.Repeat("x", 140)},
		{"check_no_ora_or_sp2_errors", p{"log_file": "clean.log"}, ""},
		{"check_no_ora_or_sp2_errors", p{"log_file": "sp2.log"}, "sp2.log:1: SP2-0310: unable to open file"},
		{"check_no_ora_or_sp2_errors", p{"log_file": "ora.log"}, "ora.log:3: ORA-00942: table or view does not exist"},

		{"file_fresh", p{"path": "clean.log", "max_age": 3600.0}, ""},
		{"file_fresh", p{"path": "clean.log", "max_age": 3599.0}, "clean.log was changed 1h0m0s ago, max_age is 59m59s"},
		{"file_fresh", p{"path": "clean.log", "max_age": "${N}"}, "clean.log was changed 1h0m0s ago, max_age is 5s"},
		{"file_fresh", p{"path": "clean.log", "max_age": 1e300}, ""},
		{"file_fresh", p{"path": "no.log", "max_age": 1.0}, "there is no file no.log"},
		{"file_fresh", p{"path": "clean.log"}, "its parameter max_age is missing or empty"},
		{"file_fresh", p{"path": "clean.log", "max_age": "soon"}, `its parameter max_age is "soon", which is no number of 0 or more`},

		{"file_size", p{"path": "out/monday.csv"}, ""},
		{"file_size", p{"path": "out/monday.csv", "min": "${N}", "max": 5.0}, ""},
		{"file_size", p{"path": "out/monday.csv", "min": 6.0}, "out/monday.csv has 5 bytes, min is 6"},
		{"file_size", p{"path": "out/monday.csv", "max": 4.0}, "out/monday.csv has 5 bytes, max is 4"},
		{"file_size", p{"path": "out"}, "out is not a regular file"},
		{"file_size", p{"path": "no"}, "there is no file no"},
		{"file_size", p{"path": "out", "min": -1.0}, `its parameter min is "-1", which is no number of 0 or more`},
		{"file_size", p{"path": "out", "max": true}, `its parameter max is "true", which is no number of 0 or more`},

		{"log_matches", p{"pattern": `^rows: \d+$`}, ""},
		{"log_matches", p{"pattern": "earlier"}, "no line of the output matches earlier"},
		{"log_matches", p{"pattern": "SUCCESS"}, "no line of the output matches SUCCESS"},
		{"log_matches", p{"pattern": `^end SUCCESS$`, "log_file": "long.log"}, ""},
		{"log_matches", p{"pattern": `^x+ORA-1 herex+$`, "log_file": "long.log"}, ""},
		{"log_matches", p{"pattern": `^x+ORA-2 herex+$`, "log_file": "long.log"}, `no line of long.log matches ^x+ORA-2 herex+$`},
		{"log_matches", p{"pattern": "^$", "log_file": "clean.log"}, "no line of clean.log matches ^$"},
		{"log_matches", p{"pattern": "fine", "log_file": "logs/*.log"}, ""},
		{"log_matches", p{"pattern": "x", "log_file": "no.log"}, "there is no file no.log"},
		{"log_matches", p{"pattern": "x", "log_file": "logs"}, "DIR/logs: it is not a regular file"},
		{"log_matches", p{"pattern": "("}, "its parameter pattern is wrong: error parsing regexp: missing closing ): `(`"},
		{"log_matches", p{}, "its parameter pattern is missing or empty"},
		{"log_lacks", p{"pattern": "ERROR|SUCCESS"}, ""},
		{"log_lacks", p{"pattern": "rows"}, "line 1 of the output: rows: 42"},
		{"log_lacks", p{"pattern": "x$", "log_file": "long.log"}, "long.log:2: " + strings.Repeat("x", 200)},
		{"log_lacks", p{"pattern": "(?i)ora", "log_file": "ora.log"}, "ora.log:3: ORA-00942: table or view does not exist"},
		{"log_lacks", p{"pattern": "x", "log_file": "no.log"}, "there is no file no.log"},
		{"log_lacks", p{"pattern": "("}, "its parameter pattern is wrong: error parsing regexp: missing closing ): `(`"},

		{"check_file_exist", p{"path": "x"}, `there is no check "check_file_exist"; did you mean "check_file_exists"?`},
		{"nonsense", nil, `there is no check "nonsense"`},
	}
	in := input(t, files)
	in.LogFrom = int64(len("earlier ERROR\n"))
	in.LogTo = in.LogFrom + int64(len("rows: 42\n"))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Run(t.Context(), workflow.Check{Name: tt.name, Params: tt.params}, in)
			got.Detail = strings.ReplaceAll(got.Detail, in.Dir, "DIR")
			if got != (Result{OK: tt.want == "", Detail: tt.want}) {
				t.Errorf("%v: got %+v, want %q", tt.params, got, tt.want)
			}
		})
	}
}

func TestCommand(t *testing.T) {
	tests := []struct {
		params  map[string]any
		exit    int
		output  string
		err     error
		asked   string // command and timeout that Exec is given
		want    string
		noCalls bool
	}{
		{params: map[string]any{"command": "test -f ${DAY}"}, asked: "test -f ${DAY} 1m0s"},
		{params: map[string]any{"command": "x", "timeout": 1.5}, asked: "x 1.5s"},
		{params: map[string]any{"command": "x", "timeout": "${N}"}, asked: "x 5s"},
		{
			params: map[string]any{"command": "x"}, exit: 3, output: "first\nlast \x1b[31mline\n\n", asked: "x 1m0s",
			want: "the command's exit code is 3: last line",
		},
		{params: map[string]any{"command": "x"}, exit: 1, asked: "x 1m0s", want: "the command's exit code is 1"},
		{
			params: map[string]any{"command": "x"}, exit: -1, output: strings.Repeat("y", 300), err: errors.New("timed out"), asked: "x 1m0s",
			want: "the command did not end by itself: timed out: " + strings.Repeat("y", 200),
		},
		{params: map[string]any{"command": ""}, want: "its parameter command is missing or empty"},
		{params: map[string]any{"command": "x", "timeout": "y"}, want: `its parameter timeout is "y", which is no number of 0 or more`},
	}
	for _, tt := range tests {
		in := input(t, nil)
		asked := ""
		in.Exec = func(_ context.Context, command string, timeout time.Duration) (int, []byte, error) {
			asked = fmt.Sprint(command, " ", timeout)
			return tt.exit, []byte(tt.output), tt.err
		}
		got := Run(t.Context(), workflow.Check{Name: "command", Params: tt.params}, in)
		if got != (Result{tt.want == "", tt.want}) || asked != tt.asked {
			t.Errorf("%v: got %+v after %q, want %q after %q", tt.params, got, asked, tt.want, tt.asked)
		}
	}
}

// Words and lines that lie across the border of the buffer are found there too.
func TestAcrossTheBuffer(t *testing.T) {
	for shift := -12; shift <= 3; shift++ {
		before := strings.Repeat("é", (lineBuffer+shift)/2) + strings.Repeat("y", shift&1)
		in := input(t, map[string]string{
			"a.log": "0\n" + before + "SP2-7\r\n" + before + "\r\nlast",
		})
		run := func(name, key, value string) string {
			p := map[string]any{"log_file": "a.log"}
			p[key] = value
			return Run(t.Context(), workflow.Check{Name: name, Params: p}, in).Detail
		}
		if got := run("check_no_ora_or_sp2_errors", "x", ""); !strings.HasPrefix(got, "a.log:2: ") || !strings.Contains(got, "SP2-") {
			t.Errorf("shift %d: %q", shift, got)
		}
		if got := run("log_matches", "pattern", "^é+y?SP2-7$"); got != "" {
			t.Errorf("shift %d: %q", shift, got)
		}
		if got := run("log_matches", "pattern", "^é+y?$"); got != "" {
			t.Errorf("shift %d: %q", shift, got)
		}
		if got := run("log_lacks", "pattern", "^last$"); got != "a.log:4: last" {
			t.Errorf("shift %d: %q", shift, got)
		}
	}
}

func TestInterrupted(t *testing.T) {
	in := input(t, map[string]string{"a.log": "ORA-1", "long.log": strings.Repeat("x", 3*lineBuffer)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []workflow.Check{
		{Name: "check_no_ora_errors", Params: map[string]any{"log_file": "a.log"}},
		{Name: "log_matches", Params: map[string]any{"log_file": "long.log", "pattern": "z"}},
		{Name: "log_lacks", Params: map[string]any{"log_file": "long.log", "pattern": "z"}},
	} {
		if got := Run(ctx, c, in); got.OK || !strings.HasSuffix(got.Detail, "context canceled") {
			t.Errorf("%s: %+v", c.Name, got)
		}
	}
	// An error in the middle of a long line is no end of the text.
	l := newLines(t.Context(), &failsLater{n: 2 * lineBuffer})
	if n, _, err := l.find([][]byte{[]byte("ORA-")}); n != 0 || !errors.Is(err, errBroken) {
		t.Errorf("find: %d, %v", n, err)
	}
	re, _ := pattern(params{values: map[string]any{"pattern": "z|x$"}})
	l = newLines(t.Context(), &failsLater{n: 2 * lineBuffer})
	if n, _, err := l.match(re); n != 0 || !errors.Is(err, errBroken) {
		t.Errorf("match: %d, %v", n, err)
	}
}

var errBroken = errors.New("broken")

type failsLater struct{ n int }

func (f *failsLater) Read(p []byte) (int, error) {
	if f.n == 0 {
		return 0, errBroken
	}
	n := min(f.n, len(p))
	f.n -= n
	return copy(p[:n], strings.Repeat("x", n)), nil
}

func TestNamedPipeDoesNotHang(t *testing.T) {
	in := input(t, nil)
	if err := syscall.Mkfifo(filepath.Join(in.Dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := Run(t.Context(), workflow.Check{Name: "check_no_ora_errors", Params: map[string]any{"log_file": "pipe"}}, in)
	if got.OK || !strings.Contains(got.Detail, "not a regular file") {
		t.Errorf("%+v", got)
	}
}

func TestWithoutEnv(t *testing.T) {
	in := input(t, map[string]string{"${DAY}": ""})
	in.Env = nil
	if got := Run(t.Context(), workflow.Check{Name: "check_file_exists", Params: map[string]any{"path": "${DAY}"}}, in); !got.OK {
		t.Errorf("%+v", got)
	}
}

func TestDocs(t *testing.T) {
	want := []string{
		"check_file_exists", "check_no_ora_errors", "check_no_ora_or_sp2_errors", "command",
		"file_fresh", "file_size", "log_matches", "log_lacks",
	}
	if got := Names(); !slices.Equal(got, want) {
		t.Errorf("Names() = %q, want %q", got, want)
	}
	for _, d := range Docs() {
		if d.Meaning == "" || len(d.Params) == 0 {
			t.Errorf("%s is not described", d.Name)
		}
		for _, p := range d.Params {
			if p.Name == "" || p.Meaning == "" || p.Type != "string" && p.Type != "number" {
				t.Errorf("%s: parameter %+v is not described", d.Name, p)
			}
		}
	}
}
