package e2e

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// peak returns the largest resident memory of a process so far, in bytes.
func (r *running) peak() int64 {
	r.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.pid()))
	if err != nil {
		r.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		r.t.Fatal(err)
	}
	return kib << 10
}

// TestLongLine has a job write 350 MB without a line break, with a secret to look for.
func TestLongLine(t *testing.T) {
	t.Parallel()
	const length = 350_000_000
	p := newPlace(t)
	r := p.start("run", p.flow("long", map[string]any{"env_variables": map[string]string{"MY_TOKEN": "xxxxgeheim"}},
		job{"id": "a", "command": "head -c " + strconv.Itoa(length) + " /dev/zero | tr '\\0' x; touch started; while ! test -e go; do sleep 0.02; done"}), "-q")
	p.await("started")
	if peak := r.peak(); peak >= 100<<20 {
		t.Errorf("%d MiB of memory", peak>>20)
	} else {
		t.Logf("%d MiB of memory", peak>>20)
	}
	p.write("go", "")
	r.wait().ends(t, 0)
	j := p.show("1").Jobs[0]
	equal(t, "output", j.OutputBytes, length)
	info, err := os.Stat(p.path(p.log("long", "a")))
	if err != nil {
		t.Fatal(err)
	}
	if kept := j.OutputBytes - j.DroppedBytes; kept > 64<<20 || info.Size() < kept || info.Size() > kept+1024 {
		t.Errorf("the log has %d bytes, of %d that are kept", info.Size(), kept)
	}
}

// TestFlood has a job write more than its limit: the beginning and the end are kept.
func TestFlood(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.run("run", p.flow("flood", nil, job{"id": "a", "command": "echo first; yes | head -c 50000000; echo last", "output_limit": 10000}), "-q").ends(t, 0)
	j := p.show("1").Jobs[0]
	equal(t, "output", j.OutputBytes, 50_000_000+6+5)
	log := p.read(p.log("flood", "a"))
	contains(t, "log", log, "\nfirst\ny\n", "\ny\nlast\n",
		fmt.Sprintf("\n... %d bytes of output left out here (output_limit is 10000 bytes) ...\n", j.DroppedBytes))
	if len(log) > 10_000+300 {
		t.Errorf("%d bytes of log", len(log))
	}
}

// TestLargeFileWithOneError tells that error and nothing else.
func TestLargeFileWithOneError(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	f, err := os.Create(p.path("large.json"))
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprintf(w, "{\"working_dir\": %q, \"jobs\": [\n", p.dir)
	description := strings.Repeat("x", 100_000)
	for i := range 1000 {
		command := `"command"`
		if i == 700 {
			command = `"comand"`
		}
		fmt.Fprintf(w, "{\"id\": \"j%d\", \"description\": %q, %s: \"true\"},\n", i, description, command)
	}
	fmt.Fprint(w, "{\"id\": \"last\", \"command\": \"true\"}]}\n")
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	r := p.run("run", "large.json").ends(t, 3)
	contains(t, "stderr", r.err, "large.json:702:", `job "j700"`, "command is missing", `"comand"`)
	if len(r.err) > 2000 {
		t.Errorf("%d bytes of message", len(r.err))
	}
}

// TestManyJobs validates a million jobs, each of which needs the one before.
func TestManyJobs(t *testing.T) {
	t.Parallel()
	count := 1_000_000
	if testing.Short() {
		count = 50_000
	}
	p := newPlace(t)
	f, err := os.Create(p.path("many.json"))
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprintf(w, `{"working_dir": %q, "jobs": [{"id": "j0", "command": "true"}`, p.dir)
	for i := 1; i < count; i++ {
		fmt.Fprintf(w, ",\n{\"id\": \"j%d\", \"command\": \"true\", \"dependencies\": [\"j%d\"]}", i, i-1)
	}
	fmt.Fprint(w, "]}\n")
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	r := p.run("validate", "many.json").ends(t, 0)
	equal(t, "stdout", r.out, fmt.Sprintf("many.json: ok: %d jobs\n", count))
	took := time.Since(began)
	t.Logf("%d jobs in %s", count, took)
	if took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
}
