package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// server is a service that runs.
type server struct {
	cmd     *exec.Cmd
	http    *http.Client
	dir     string
	flows   string // the directory of workflow files whose schedules count
	socket  string
	address string // host:port
}

// start starts a service with a database of its own and waits until it is ready.
func (s *settings) start(dir string, slots int) (*server, error) {
	config, flows := filepath.Join(dir, "service.yaml"), filepath.Join(dir, "flows")
	if err := os.Mkdir(flows, 0o700); err != nil {
		return nil, err
	}
	text := fmt.Sprintf("slots: %d\nlimits: {per_user: 1000000, per_address: 1000000}\nmax_active_runs: %d\nschedules: {directory: %q}\n",
		slots, max(s.active, 10_000)+100, flows)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "serve.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close() // the service has its own
	db := filepath.Join(dir, "h.db")
	cmd := exec.Command(s.program, "serve", "--config", config, "--listen", address)
	cmd.Env = append(os.Environ(), "EXECUTIONER_DATABASE="+db)
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	srv := &server{cmd: cmd, dir: dir, flows: flows, socket: db + ".sock", address: address}
	srv.http = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: s.clients + 10, DialContext: srv.dial}}
	for range 600 {
		if _, err := srv.get("/healthz/ready"); err == nil {
			return srv, nil
		}
		<-time.After(50 * time.Millisecond)
	}
	srv.kill()
	said, _ := os.ReadFile(log.Name())
	return nil, fmt.Errorf("the service did not start: %.500s", said)
}

func (srv *server) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "unix", srv.socket)
}

// freeAddress returns an address of this host that nobody listens at.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (srv *server) get(path string) ([]byte, error) { return srv.ask(http.MethodGet, path, nil) }

// post sends a value and reads the answer into another.
func (srv *server) post(path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	b, err := srv.ask(http.MethodPost, path, text)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

func (srv *server) ask(method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequest(method, "http://localhost"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := srv.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s: %s %.300s", path, res.Status, b)
	}
	return b, err
}

// tokens makes users and returns a token of each.
func (srv *server) tokens(n int) (all []string, err error) {
	for i := range n {
		name := fmt.Sprintf("user%d", i)
		var user, made struct{ Token string }
		err := srv.post("/api/v1/users", map[string]any{"name": name, "grants": []any{map[string]any{"role": "author"}}}, &user)
		if err == nil {
			err = srv.post("/api/v1/users/"+name+"/tokens", map[string]any{"name": "bench"}, &made)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, made.Token)
	}
	return all, nil
}

// await polls the run list until there is nothing left to do.
func (srv *server) await() error {
	for {
		b, err := srv.get("/api/v1/runs?state=PENDING,QUEUED,RUNNING&limit=1")
		if err != nil {
			return err
		}
		var list struct{ Runs []any }
		if err := json.Unmarshal(b, &list); err != nil {
			return err
		}
		if len(list.Runs) == 0 {
			return nil
		}
		<-time.After(10 * time.Millisecond)
	}
}

// processes returns the service and its keeper.
func (srv *server) processes() (pids []int) {
	all, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range all {
		if exe, err := os.Readlink(link); err == nil && exe == srv.cmd.Path {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link))); err == nil && srv.is(pid) {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// is reports whether a process of the program is this service's, not another round's.
func (srv *server) is(pid int) bool {
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return pid == srv.cmd.Process.Pid || err == nil && bytes.Contains(environ, []byte(filepath.Join(srv.dir, "h.db")))
}

// cpu returns the processor time of the service and its keeper, without the jobs.
func (srv *server) cpu() (all time.Duration) {
	for _, pid := range srv.processes() {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		_, rest, _ := strings.Cut(string(b), ") ")
		fields := strings.Fields(rest)
		if len(fields) < 13 {
			continue
		}
		user, _ := strconv.Atoi(fields[11])
		system, _ := strconv.Atoi(fields[12])
		all += time.Duration(user+system) * 10 * time.Millisecond
	}
	return all
}

// memory returns the resident memory of the service and its keeper, in MiB.
func (srv *server) memory() (mib float64) {
	for _, pid := range srv.processes() {
		mib += status(pid, "VmRSS:")
	}
	return mib
}

// peak returns the most memory that the service has had, in MiB, and forgets it.
func (srv *server) peak() float64 {
	mib := status(srv.cmd.Process.Pid, "VmHWM:")
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", srv.cmd.Process.Pid), []byte("5"), 0)
	return mib
}

func status(pid int, name string) float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			kib, _ := strconv.Atoi(strings.Fields(rest)[0])
			return float64(kib) / 1024
		}
	}
	return 0
}

func (srv *server) files() int {
	entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", srv.cmd.Process.Pid))
	return len(entries)
}

// kill ends the service and its keeper. What jobs are left end by themselves.
func (srv *server) kill() {
	srv.http.CloseIdleConnections()
	_ = srv.cmd.Process.Kill()
	_ = srv.cmd.Wait()
	for _, pid := range srv.processes() {
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Kill()
		}
	}
}

// quiet returns what part of one processor the service uses in a while, in percent.
func (srv *server) quiet(while time.Duration) float64 {
	before := srv.cpu()
	<-time.After(while)
	return 100 * float64(srv.cpu()-before) / float64(while)
}

var errNoAnswer = errors.New("there is no answer")
