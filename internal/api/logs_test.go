package api_test

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
)

func TestLogs(t *testing.T) {
	s := newSite(t)
	c := s.local()
	out := c.ended(s.flow("app", "a: x", "never: < a"))
	s.writeLog("app", "a", out.Run, "one\ntwo\nthree\n")
	tests := []struct {
		path, rng string
		status    int
		want      string
	}{
		{"jobs/a/log", "", 200, "one\ntwo\nthree\n"},
		{"jobs/a/log?tail=1", "", 200, "three\n"},
		{"jobs/a/log?tail=2", "", 200, "two\nthree\n"},
		{"jobs/a/log?tail=0", "", 200, ""},
		{"jobs/a/log?offset=4", "", 200, "two\nthree\n"},
		{"jobs/a/log?offset=400", "", 200, ""},
		{"jobs/a/log", "bytes=4-6", 206, "two"},
		{"jobs/a/log", "bytes=-6", 206, "three\n"},
		{"jobs/a/log?follow=true", "", 200, "one\ntwo\nthree\n"},
		{"jobs/a/log?follow=true&tail=1", "", 200, "three\n"},
		{"jobs/a/log?follow=true&offset=8", "", 200, "three\n"},
	}
	for _, tt := range tests {
		who := c
		if tt.rng != "" {
			who = c.with("Range", tt.rng)
		}
		a := who.do(http.MethodGet, "/api/v1/runs/1/"+tt.path, nil)
		if a.status != tt.status || string(a.body) != tt.want {
			t.Errorf("%s %s: got %d %q", tt.path, tt.rng, a.status, a.body)
		}
		h := a.header
		if h.Get("Content-Type") != "text/plain; charset=utf-8" || h.Get("X-Content-Type-Options") != "nosniff" ||
			!strings.Contains(h.Get("Content-Security-Policy"), "sandbox") || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment") {
			t.Errorf("%s: a browser would run it: %v", tt.path, h)
		}
	}
	s.until("the run's log is written", func() bool {
		a := c.do(http.MethodGet, "/api/v1/runs/1/log", nil)
		return a.status == 200 && strings.Contains(string(a.body), "SUCCESS")
	})
	for path, code := range map[string]fault.Code{
		"jobs/never/log": fault.NotFound, "jobs/zz/log": fault.NotFound, "jobs/a/log?tail=-1": fault.Usage, "jobs/a/log?tail=x": fault.Usage,
		"jobs/a/log?tail=1&offset=1": fault.Usage, "jobs/a/log?follow=maybe": fault.Usage, "jobs/a/log?bogus": fault.Usage,
	} {
		if p := c.do(http.MethodGet, "/api/v1/runs/1/"+path, nil).problem(t); p.Code != code {
			t.Errorf("%s: got %+v", path, p)
		}
	}
}

// A log is followed while it is written, until its run has ended, and nothing of it is lost.
func TestFollowALog(t *testing.T) {
	s := newSite(t)
	id := s.local().submit(s.flow("app", "block: x"))
	s.writeLog("app", "block", id, "one\ntwo\n")
	resp := s.local().open(http.MethodGet, "/api/v1/runs/1/jobs/block/log?follow=true&tail=1", nil)
	defer resp.Body.Close()
	defer time.AfterFunc(deadline, func() { resp.Body.Close() }).Stop()
	buf := make([]byte, 64)
	n, err := io.ReadAtLeast(resp.Body, buf, 4)
	if string(buf[:n]) != "two\n" || err != nil {
		t.Fatalf("got %q, %v", buf[:n], err)
	}
	s.writeLog("app", "block", id, "three\n")
	if n, err = io.ReadAtLeast(resp.Body, buf, 6); string(buf[:n]) != "three\n" || err != nil {
		t.Fatalf("got %q, %v", buf[:n], err)
	}
	s.writeLog("app", "block", id, "four\n")
	s.runner.release()
	rest, err := io.ReadAll(resp.Body)
	if string(rest) != "four\n" || err != nil {
		t.Errorf("got %q, %v", rest, err)
	}
}

// What stands where a log should be is not shown when it is something else.
func TestALogThatIsNone(t *testing.T) {
	s := newSite(t)
	out := s.local().ended(s.flow("app", "a: x"))
	path := s.writeLog("app", "a", out.Run, "")
	s.must(os.Remove(path))
	s.must(os.Mkdir(path, 0o700))
	for _, query := range []string{"", "?tail=1"} {
		if a := s.local().do(http.MethodGet, "/api/v1/runs/1/jobs/a/log"+query, nil); a.status/100 == 2 {
			t.Errorf("got %d %q", a.status, a.body)
		}
	}
}
