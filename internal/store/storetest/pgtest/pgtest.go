// Package pgtest starts private PostgreSQL servers for tests, from the programs that
// the distribution installs. Each is reached through a socket in a temporary
// directory, by nobody else, and ends with the test program, however that ends.
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Password is that of the role that has one, see Cluster.DSNWithPassword.
const Password = "pg test/p@ss:w%rd" //nolint:gosec // of a server that nobody else can reach

// patience is how long a server may take to start or end on a machine under heavy load.
const patience = 2 * time.Minute

// Cluster is a server. Its methods are safe for concurrent use, but those that stop
// and start it exclude each other.
type Cluster struct {
	bin string
	dir string // of all that is its own; "data" in it is the server's
	own owner  // who the server runs as
	// settings are those that New was given.
	settings []string

	mu   sync.Mutex // guards all below
	proc *process   // nil while it is stopped
	made map[string]bool
	// names were given.
	names int
}

// New starts a server whose commits survive the end of its processes, but not power
// loss, which makes it fast. Each of settings is a name=value of the server's that goes
// before ours. Stop it after use.
func New(settings ...string) (*Cluster, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pgtest-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{bin: bin, dir: dir, own: unprivileged(), settings: settings, made: map[string]bool{"database postgres": true}}
	if err := c.create(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return c, nil
}

// Start is New for one test, which it ends with.
func Start(t testing.TB) *Cluster {
	t.Helper()
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// Shared is a server for all tests of a program, which starts with the first that
// asks for it. The zero value is ready for use.
type Shared struct {
	once sync.Once
	c    *Cluster
	err  error
}

// Cluster returns the server.
func (s *Shared) Cluster(t testing.TB) *Cluster {
	t.Helper()
	s.once.Do(func() { s.c, s.err = New() })
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.c
}

// Stop ends the server if it was started. Call it when all tests have ended.
func (s *Shared) Stop() error {
	s.once.Do(func() { s.err = errors.New("stopped") })
	if s.c == nil {
		return nil
	}
	return s.c.Stop()
}

// errMissing says how to get what the tests need.
func errMissing() error {
	return errors.New("pgtest: no PostgreSQL server is installed; install it: apt-get install -y postgresql")
}

// binaries returns the directory of the newest server's programs.
func binaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	best, newest := "", 0
	for _, path := range found {
		dir := filepath.Dir(path)
		if n, err := strconv.Atoi(filepath.Base(filepath.Dir(dir))); err == nil && n > newest {
			best, newest = dir, n
		}
	}
	if best != "" {
		return best, nil
	}
	path, err := exec.LookPath("postgres")
	if err != nil {
		return "", errMissing()
	}
	return filepath.Dir(path), nil
}

func (c *Cluster) create() error {
	if err := c.own.give(c.dir); err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(c.bin, "initdb"), "--pgdata="+c.data(), "--username=postgres", "--auth=trust",
		"--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	c.own.become(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	hba := "local all with_password scram-sha-256\nlocal all all trust\n"
	if err := os.WriteFile(filepath.Join(c.data(), "pg_hba.conf"), []byte(hba), 0o644); err != nil { // the server reads it as another user
		return err
	}
	if err := c.Restart(); err != nil {
		return err
	}
	return c.Exec("postgres", "CREATE ROLE with_password LOGIN PASSWORD '"+Password+"'")
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

// SocketDir returns the directory of the server's socket, .s.PGSQL.5432.
func (c *Cluster) SocketDir() string { return c.dir }

// DSN returns the address of a database, which is created if need be.
func (c *Cluster) DSN(t testing.TB, database string) string {
	t.Helper()
	c.need(t, "database "+database, func() error {
		name := pgx.Identifier{database}.Sanitize()
		return c.Exec("postgres", "CREATE DATABASE "+name, "GRANT ALL ON DATABASE "+name+" TO with_password")
	})
	return Address(c.dir, "postgres", "", database)
}

// Name returns a name that nobody else has got, which begins with prefix.
func (c *Cluster) Name(prefix string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.names++
	return prefix + strconv.Itoa(c.names)
}

// Schema returns the address of an empty schema, for which the name is made unique.
// It is as good as a database of its own for most tests, and there ten times sooner.
func (c *Cluster) Schema(t testing.TB) string {
	t.Helper()
	name := c.Name("test")
	dsn := c.DSN(t, "tests")
	if err := c.Exec("tests", "CREATE SCHEMA "+name, "GRANT ALL ON SCHEMA "+name+" TO with_password"); err != nil {
		t.Fatal(err)
	}
	return dsn + "&search_path=" + name
}

// DSNWithPassword is DSN for a role that needs the password given; Password is the right one.
func (c *Cluster) DSNWithPassword(t testing.TB, database, password string) string {
	t.Helper()
	c.DSN(t, database)
	return Address(c.dir, "with_password", password, database)
}

// Address returns the address of a database whose server has its socket in dir.
func Address(dir, user, password, database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(user), Path: "/" + database, RawQuery: url.Values{"host": {dir}}.Encode()}
	if password != "" {
		u.User = url.UserPassword(user, password)
	}
	return u.String()
}

// need calls create unless that was done for the same name.
func (c *Cluster) need(t testing.TB, name string, create func() error) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made[name] {
		return
	}
	if err := create(); err != nil {
		t.Fatal(err)
	}
	c.made[name] = true
}

// Exec runs statements as the superuser, each in a transaction of its own.
func (c *Cluster) Exec(database string, statements ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, Address(c.dir, "postgres", "", database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // the statements have been answered
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// Restart starts the server if it does not run, and returns when it takes connections.
func (c *Cluster) Restart() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.proc != nil {
		return nil
	}
	var log []byte
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		p, err := c.launch()
		if err != nil {
			return err
		}
		if c.answers(p, deadline) {
			c.proc = p
			return nil
		}
		p.end() // what is left of a server that was killed may stand in its way for a moment
		log = p.log.Bytes()
	}
	return fmt.Errorf("pgtest: the server does not start\n%s", log)
}

// answers waits until the server takes connections, and reports false when it ended.
func (c *Cluster) answers(p *process, deadline time.Time) bool {
	for time.Now().Before(deadline) {
		if c.Exec("postgres") == nil {
			return true
		}
		select {
		case <-p.ended:
			return false
		case <-time.After(5 * time.Millisecond):
		}
	}
	return false
}

// Stop ends the server for good and removes all that it left.
func (c *Cluster) Stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.proc != nil {
		c.proc.end()
		c.proc = nil
	}
	return os.RemoveAll(c.dir)
}

// Kill9 kills all processes of the server, which get no chance to do anything.
func (c *Cluster) Kill9() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.proc == nil {
		return errors.New("pgtest: the server does not run")
	}
	err := c.proc.kill(c.data())
	c.proc.end()
	c.proc = nil
	return err
}

// Freeze stops all processes of the server, as a machine does that hangs, until the
// returned function is called. Connections are taken meanwhile, but nothing is answered.
func (c *Cluster) Freeze() (thaw func() error, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.proc == nil {
		return nil, errors.New("pgtest: the server does not run")
	}
	return freeze(c.data())
}

// process is a server that runs under a shell, which ends it when its own input
// ends, as it does with the test program.
type process struct {
	cmd   *exec.Cmd
	input io.WriteCloser
	log   *bytes.Buffer // complete when ended is closed
	ended chan struct{}
}

// guard runs a server and ends it when a line is read. When there is no more input
// without one, the test program has ended, and can't clean up any more.
const guard = `dir=$1; shift; exec 3<&0; "$@" & server=$!
{
	if read -r _; then kill -QUIT $server 2>/dev/null; exit; fi
	kill -QUIT $server 2>/dev/null
	while kill -0 $server 2>/dev/null; do sleep 0.1; done
	rm -rf "$dir"
} <&3 &
wait $server
exit 0`

func (c *Cluster) launch() (*process, error) {
	cmd := exec.Command("/bin/sh", "-c", guard, "sh", c.dir, filepath.Join(c.bin, "postgres"), "-D", c.data(),
		"-c", "listen_addresses=", "-c", "unix_socket_directories="+c.dir, "-c", "fsync=off", "-c", "max_connections=200",
		"-c", "shared_buffers=16MB", "-c", "max_wal_size=256MB", "-c", "log_min_messages=fatal", "-c", "deadlock_timeout=100ms",
		"-c", "logging_collector=off", "-c", "autovacuum=on")
	for _, s := range c.settings { // the last one counts
		cmd.Args = append(cmd.Args, "-c", s)
	}
	c.own.become(cmd)
	cmd.Dir = c.dir
	log := new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = log, log
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, input: input, log: log, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // how it ended does not matter
	}()
	return p, nil
}

// end ends the server at once and waits for that.
func (p *process) end() {
	_, _ = io.WriteString(p.input, "end\n") // it may have ended before
	_ = p.input.Close()
	select {
	case <-p.ended:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// postmaster returns the id of the server's first process.
func postmaster(data string) (int, error) {
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(line)
}
