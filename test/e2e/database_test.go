package e2e

import (
	"database/sql"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite" // to do to a database what other programs do

	"github.com/executionerhq/executioner/internal/store/sqlstore/pagesum"
)

// gated is a run of two jobs of which the first waits for the file go.
func (p *place) gated(args ...string) *running {
	p.t.Helper()
	file := p.flow("gated", map[string]any{"log_dir": p.path("logs")},
		job{"id": "first", "command": ledger + "; touch started; while ! test -e go; do sleep 0.02; done"},
		job{"id": "second", "command": ledger, "dependencies": []string{"first"}})
	r := p.start(append([]string{"run", file}, args...)...)
	p.await("started")
	return r
}

const (
	unrecorded = "results can't be recorded for now, nothing new is started"
	recovered  = "results are being recorded again"
)

// lostNothing checks a gated run that had trouble on its way.
func (p *place) lostNothing(r result) {
	p.t.Helper()
	equal(p.t, "messages", strings.Count(r.err, unrecorded), 1)
	equal(p.t, "good news", strings.Count(r.err, recovered), 1)
	p.started("first 1.1", "second 1.1")
	v := p.show("1")
	equal(p.t, "jobs", v.State+" "+v.Jobs[0].State+" "+v.Jobs[1].State, "SUCCESS SUCCESS SUCCESS")
}

// TestFullDisk has the history on a disk that fills up, and then has room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	disk := p.path("disk")
	mountDisk(t, disk)
	p.env = append(p.env, "EXECUTIONER_DATABASE="+disk+"/history.db")
	r := p.gated()
	fill(t, disk+"/filler")
	p.write("go", "")
	p.eventually("it says so", func() bool { return strings.Contains(r.err.String(), unrecorded) })
	contains(t, "stderr", r.err.String(), "the disk is full")
	p.started("first 1.1") // nothing is acted on that is not recorded
	if err := os.Remove(disk + "/filler"); err != nil {
		t.Fatal(err)
	}
	p.lostNothing(r.wait().ends(t, 0))
}

// TestFullDiskInterrupted gives the run up at the second signal, since nobody could end
// it otherwise. The run is not alive for ever.
func TestFullDiskInterrupted(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	disk := p.path("disk")
	mountDisk(t, disk)
	p.env = append(p.env, "EXECUTIONER_DATABASE="+disk+"/history.db")
	r := p.gated()
	fill(t, disk+"/filler")
	p.write("go", "")
	p.eventually("it says so", func() bool { return strings.Contains(r.err.String(), unrecorded) })
	r.signal(syscall.SIGINT)
	p.eventually("it hears", func() bool { return strings.Contains(r.err.String(), "stopping the running jobs") })
	r.signal(syscall.SIGINT)
	end := r.wait()
	if end.code == 0 {
		t.Error("it ended with 0")
	}
	if err := os.Remove(disk + "/filler"); err != nil {
		t.Fatal(err)
	}
	equal(t, "state", p.show("1").State, "RUNNING") // its keeper knows how the first job ended
	p.run("resume").ends(t, 0)
	p.started("first 1.1", "second 1.1")
}

// mountDisk mounts a disk of 1 MiB.
func mountDisk(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("a disk can't be mounted here: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
}

// fill writes a file until there is no room.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for b := make([]byte, 4096); err == nil; {
		_, err = f.Write(b)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLockedDatabase has another program hold the database for a minute, far longer than one
// waits.
func TestLockedDatabase(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	r := p.gated()
	c, err := p.database().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.ExecContext(t.Context(), "BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	release := time.After(time.Minute)
	p.write("go", "")
	p.eventually("it says so", func() bool { return strings.Contains(r.err.String(), unrecorded) })
	contains(t, "stderr", r.err.String(), "the database is locked by another program")
	<-release
	if _, err := c.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	p.lostNothing(r.wait().ends(t, 0))
}

// database opens the history as another program would.
func (p *place) database() *sql.DB {
	p.t.Helper()
	vfs, err := pagesum.Register() // whoever writes without it damages the file
	if err != nil {
		p.t.Fatal(err)
	}
	u := url.URL{Scheme: "file", Path: p.path("history.db"), RawQuery: "_pragma=busy_timeout(10000)&vfs=" + vfs}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = db.Close() })
	return db
}

// TestNewerSchema is refused, and nothing is changed or run.
func TestNewerSchema(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	file := p.flow("a", nil, job{"id": "a", "command": ledger})
	p.run("runs", "list").ends(t, 0)
	db := p.database()
	if _, err := db.ExecContext(t.Context(), "PRAGMA user_version = 1000"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	r := p.run("run", file).ends(t, 6)
	contains(t, "stderr", r.err, "the database has schema version 1000", "install a newer executioner")
	p.run("runs", "list").ends(t, 6)
	if p.exists("ledger") {
		t.Error("it was run")
	}
}

// TestDamagedDatabase is refused, and left as it is.
func TestDamagedDatabase(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	file := p.flow("a", nil, job{"id": "a", "command": ledger})
	p.run("run", file, "-q").ends(t, 0)
	good := p.read("history.db")
	for name, damage := range map[string]string{
		"another file":     strings.Repeat("this is a text\n", 1000),
		"a broken header":  "SQLite format 4" + good[15:],
		"a broken catalog": good[:100] + strings.Repeat("\xff", 4000) + good[4100:],
	} {
		_ = os.Remove(p.path("history.db-wal"))
		_ = os.Remove(p.path("history.db-shm"))
		p.write("history.db", damage)
		r := p.run("run", file).ends(t, 6)
		contains(t, name, r.err, "executioner: ", "→ ", "history.db")
		if p.read("history.db") != damage {
			t.Errorf("%s was changed", name)
		}
	}
	p.started("a 1.1")
}
