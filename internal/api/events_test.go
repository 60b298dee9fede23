package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// sent is one server-sent event.
type sent struct{ id, name, data string }

// stream reads events until it is told to stop, or the stream has ended.
func (c *caller) stream(path string, each func(sent) bool, begun ...func()) (comments int) {
	c.s.Helper()
	ctx, cancel := context.WithTimeout(c.s.Context(), deadline)
	defer cancel()
	resp := c.open(http.MethodGet, path, nil)
	defer resp.Body.Close()
	stop := context.AfterFunc(ctx, func() { resp.Body.Close() })
	defer stop()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		c.s.Fatalf("got %d %v", resp.StatusCode, resp.Header)
	}
	for _, f := range begun {
		f()
	}
	var e sent
	for lines := bufio.NewReader(resp.Body); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return comments
		}
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "" && e != (sent{}):
			if !each(e) {
				return comments
			}
			e = sent{}
		case strings.HasPrefix(line, ":"):
			comments++
			if !each(sent{name: ":"}) {
				return comments
			}
		case name == "id":
			e.id = value
		case name == "event":
			e.name = value
		case name == "data":
			e.data = value
		}
	}
}

// all reads the events of a stream that ends by itself.
func (c *caller) all(path string) (all []sent) {
	c.s.Helper()
	c.stream(path, func(e sent) bool {
		all = append(all, e)
		return true
	})
	return all
}

// isWhole checks that events are a run's whole history behind a number, and its end.
func (s *site) isWhole(got []sent, id run.ID, after int64) {
	s.Helper()
	ts, err := s.st.Transitions(s.Context(), id, after, 0)
	s.must(err)
	var want []sent
	for i := range ts {
		text, err := json.Marshal(wire.TransitionOf(id, &ts[i]))
		s.must(err)
		want = append(want, sent{fmt.Sprint(ts[i].Seq), "transition", string(text)})
	}
	if len(got) == 0 || !reflect.DeepEqual(got[:len(got)-1], want) {
		s.Fatalf("got %+v\nwant %+v", got, want)
	}
	last := got[len(got)-1]
	var end wire.End
	s.must(json.Unmarshal([]byte(last.data), &end))
	if last.name != "end" || end.Event != "end" || end.Run != id || !end.State.Ended() || len(end.Jobs) == 0 || last.id != want[len(want)-1].id {
		s.Errorf("the end is %+v", last)
	}
}

func TestEventsOfARun(t *testing.T) {
	s := newSite(t)
	c := s.local()
	id := c.submit(s.flow("app", "block: x", "a: x < block", "bad: x"))
	var all []sent
	c.stream("/api/v1/runs/1/events", func(e sent) bool {
		all = append(all, e)
		if len(all) == 3 { // it goes on while somebody watches
			s.runner.release()
		}
		return true
	})
	s.isWhole(all, id, 0)
	s.isWhole(c.all("/api/v1/runs/1/events"), id, 0)
	s.isWhole(c.with("Last-Event-ID", "4").all("/api/v1/runs/1/events"), id, 4)
	s.isWhole(c.all("/api/v1/runs/1/events?after=5"), id, 5)

	last := all[len(all)-1].id
	if a := c.with("Last-Event-ID", last).do(http.MethodGet, "/api/v1/runs/1/events", nil); a.status != http.StatusNoContent {
		t.Errorf("got %d: a browser would come back for ever", a.status)
	}
	for _, id := range []string{"x", "-1", "1-1"} {
		if p := c.with("Last-Event-ID", id).do(http.MethodGet, "/api/v1/runs/1/events", nil).problem(t); p.Code != fault.Usage {
			t.Errorf("got %+v", p)
		}
	}
	if p := c.do(http.MethodGet, "/api/v1/runs/1/events?bogus=1", nil).problem(t); p.Code != fault.Usage {
		t.Errorf("got %+v", p)
	}
}

// A stream of a run that another program owns is read from the store.
func TestEventsOfARunOfAnotherProgram(t *testing.T) {
	s := newSite(t)
	lease := s.foreign("app", "a: x")
	history := []run.Transition{
		{To: run.Queued, Reason: run.Submitted},
		{From: run.Queued, To: run.Running, Reason: run.Started},
		{Job: "a", To: run.Queued, Reason: run.DependenciesMet},
		{Job: "a", Try: 1, From: run.Queued, To: run.Running, Reason: run.Started},
		{Job: "a", Try: 1, From: run.Running, To: run.Success, Reason: run.Exited, Outcome: &well},
		{From: run.Running, To: run.Success, Reason: run.AllSucceeded},
	}
	n := 0
	record := func() {
		h := history[n]
		h.Attempt, h.At = 1, time.Now().UTC().Truncate(time.Microsecond)
		_, err := s.st.Append(s.Context(), lease, []run.Transition{h})
		s.must(err)
		n++
	}
	record()
	var all []sent
	s.local().stream("/api/v1/runs/1/events", func(e sent) bool {
		all = append(all, e)
		if n < len(history) {
			record()
		}
		return true
	})
	s.isWhole(all, lease.Run, 0)
}

// What an event leaves out is read from the store before it.
func TestEventsThatLeaveSomethingOut(t *testing.T) {
	s := newSite(t, func(c *api.Config) { c.Limits.Poll, c.Limits.Heartbeat = time.Hour, time.Hour })
	lease := s.foreign("app", "a: x")
	record := func(h run.Transition) run.Transition {
		h.Attempt, h.At = 1, time.Now().UTC().Truncate(time.Microsecond)
		var err error
		h.Seq, err = s.st.Append(s.Context(), lease, []run.Transition{h})
		s.must(err)
		return h
	}
	record(run.Transition{To: run.Queued, Reason: run.Submitted})
	var all []sent
	s.local().stream("/api/v1/runs/1/events", func(e sent) bool {
		if all = append(all, e); len(all) == 1 {
			record(run.Transition{From: run.Queued, To: run.Running, Reason: run.Started})
			s.hub.Publish(lease.Run, []run.Transition{record(run.Transition{From: run.Running, To: run.Success, Reason: run.AllSucceeded})})
		}
		return true
	})
	s.isWhole(all, lease.Run, 0)
}

// foreign begins a run that belongs to another program.
func (s *site) foreign(application string, jobs ...string) store.Lease {
	s.Helper()
	wf, err := s.load(s.Context(), api.Text{Source: workflow.Source{Name: "f.yaml", Data: []byte(s.flow(application, jobs...))}})
	s.must(err)
	body, hash, err := workflow.Encode(wf)
	s.must(err)
	l, err := s.st.CreateRun(s.Context(), store.NewRun{
		Application: application, WorkingDir: wf.WorkingDir, Hash: hash, Workflow: body, At: time.Now().UTC(),
		Attempt: store.NewAttempt{Hash: hash, Workflow: body, Jobs: len(wf.Jobs), At: time.Now().UTC()},
	}, store.Owner{Host: "elsewhere", PID: 7}, time.Hour)
	s.must(err)
	return l
}

func TestHeartbeat(t *testing.T) {
	s := newSite(t, func(c *api.Config) { c.Limits.Heartbeat = 20 * time.Millisecond })
	s.local().submit(s.flow("app", "block: x"))
	for _, path := range []string{"/api/v1/runs/1/events", "/api/v1/events"} {
		beats := s.local().stream(path, beatsUntil(3))
		if beats != 3 {
			t.Errorf("%s: got %d", path, beats)
		}
	}
}

func beatsUntil(n int) func(sent) bool {
	return func(e sent) bool {
		if e.name == ":" {
			n--
		}
		return n > 0
	}
}

// Whoever follows loses the stream with the right to follow.
func TestARevokedTokenEndsTheStream(t *testing.T) {
	s := newSite(t, func(c *api.Config) { c.Limits.Heartbeat = 20 * time.Millisecond })
	s.local().submit(s.flow("app", "block: x"))
	s.user("ann", access.Grant{Role: access.Viewer})
	for _, path := range []string{"/api/v1/runs/1/events", "/api/v1/events", "/api/v1/runs/1/log?follow=true"} {
		again := s.token("ann", time.Time{}, access.Grant{Role: access.Viewer})
		id, _ := access.TokenID(again)
		resp := s.bearer(again).open(http.MethodGet, path, nil)
		s.must(s.st.RevokeToken(t.Context(), id, s.now().UTC()))
		stop := time.AfterFunc(deadline, func() { resp.Body.Close() })
		_, err := io.Copy(io.Discard, resp.Body)
		if !stop.Stop() || err != nil {
			t.Errorf("%s: it goes on: %v", path, err)
		}
		resp.Body.Close()
	}
}

func TestEventsOfAllRuns(t *testing.T) {
	s := newSite(t)
	c := s.local()
	c.ended(s.flow("one", "a: x")) // all of it was published before the stream begins
	var got []sent
	c.stream("/api/v1/events", func(e sent) bool {
		got = append(got, e)
		return len(got) < 12
	}, func() { // once it has begun
		c.ended(s.flow("one", "a: x"))
		c.ended(s.flow("two", "a: x"))
	})
	s.areRuns(got, 2, 3)

	got = nil
	c.stream("/api/v1/events?application=two", func(e sent) bool {
		got = append(got, e)
		return len(got) < 6
	}, func() {
		c.ended(s.flow("one", "a: x"))
		c.ended(s.flow("two", "a: x"))
	})
	s.areRuns(got, 5)

	// Who comes back gets the rest of the run that it heard of last, and a gap for the others.
	got = nil
	c.with("Last-Event-ID", "3-2").stream("/api/v1/events", func(e sent) bool {
		got = append(got, e)
		return len(got) < 5
	})
	if got[0].name != "gap" || got[0].data != `{"event":"gap"}` || got[1].id != "3-3" || got[4].id != "3-6" {
		t.Errorf("got %+v", got)
	}
	for _, id := range []string{"x", "3", "-1-2", "3-x"} {
		if p := c.with("Last-Event-ID", id).do(http.MethodGet, "/api/v1/events", nil).problem(t); p.Code != fault.Usage {
			t.Errorf("got %+v", p)
		}
	}
}

// areRuns checks that events are whole histories of runs.
func (s *site) areRuns(got []sent, ids ...run.ID) {
	s.Helper()
	seen := map[run.ID][]int64{}
	for _, e := range got {
		var tr wire.Transition
		s.must(json.Unmarshal([]byte(e.data), &tr))
		if e.id != fmt.Sprintf("%d-%d", tr.Run, tr.Seq) || e.name != "transition" {
			s.Errorf("got %+v", e)
		}
		seen[tr.Run] = append(seen[tr.Run], tr.Seq)
	}
	want := map[run.ID][]int64{}
	for _, id := range ids {
		want[id] = []int64{1, 2, 3, 4, 5, 6}
	}
	if !reflect.DeepEqual(seen, want) {
		s.Errorf("got %v, want %v", seen, want)
	}
}

// A stream about all runs shows those of the applications that one may see.
func TestEventsOfTheApplicationsOneMaySee(t *testing.T) {
	s := newSite(t)
	ann := s.bearer(s.user("ann", access.Grant{Role: access.Viewer, Application: "two"}))
	var got []sent
	ann.stream("/api/v1/events", func(e sent) bool {
		got = append(got, e)
		return len(got) < 6
	}, func() {
		s.local().ended(s.flow("one", "a: x"))
		s.local().ended(s.flow("two", "a: x"))
	})
	s.areRuns(got, 2)
	if p := ann.do(http.MethodGet, "/api/v1/events?application=one", nil).problem(t); p.Code != fault.Forbidden {
		t.Errorf("got %+v", p)
	}
	got = nil // the id of a run that one may not see gets nothing of it
	ann.with("Last-Event-ID", "1-0").stream("/api/v1/events", func(e sent) bool {
		got = append(got, e)
		return len(got) < 7
	}, func() { s.local().ended(s.flow("two", "a: x")) })
	if got[0].name != "gap" {
		t.Fatalf("got %+v", got)
	}
	s.areRuns(got[1:], 3)
}

// A reader that has stopped to read costs the engine nothing, and loses the connection. When
// it comes back it misses nothing.
func TestFrozenReaders(t *testing.T) {
	s := newSite(t, func(c *api.Config) {
		c.Limits.WriteTime, c.Limits.StreamsOfOne = 200*time.Millisecond, 21
	})
	frozen := make([]net.Conn, 20)
	for i := range frozen {
		conn, err := net.Dial("unix", s.socket)
		s.must(err)
		defer conn.Close()
		frozen[i] = conn
		_, err = fmt.Fprintf(conn, "GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
		s.must(err)
	}
	var jobs []string
	for i := range 300 { // more than the buffers of a socket take
		jobs = append(jobs, fmt.Sprintf("a%d: x", i))
	}
	for range 8 {
		s.local().ended(s.flow("app", jobs...))
	}
	taken := 0
	s.until("their places are free", func() bool { // all of them: there are no more
		resp := s.local().open(http.MethodGet, "/api/v1/events", nil)
		if resp.StatusCode != http.StatusOK {
			resp.Body.Close()
			return false
		}
		s.Cleanup(func() { resp.Body.Close() })
		taken++
		return taken == 21
	})
	for _, conn := range frozen { // it was cut off: what was sent comes to an end
		s.must(conn.SetReadDeadline(time.Now().Add(deadline)))
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("a reader that was frozen is still served")
		}
	}
}

// However many readers have stopped to read, what they have not read is kept once.
func TestFrozenReadersTakeBoundedMemory(t *testing.T) {
	s := newSite(t)
	id := s.local().ended(s.flow("app", "a: x")).Run
	for range 100 {
		conn, err := net.Dial("unix", s.socket)
		s.must(err)
		defer conn.Close()
		_, err = fmt.Fprintf(conn, "GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
		s.must(err)
		_, err = io.ReadFull(conn, make([]byte, 15)) // it follows; no more is read of it
		s.must(err)
	}
	before := heap()
	publish := func(seq int64) {
		s.hub.Publish(id, []run.Transition{{Seq: seq, Attempt: 1, At: time.Now(), Detail: strings.Repeat("x", 100)}})
	}
	for seq := range int64(20_000) {
		publish(100 + seq)
	}
	s.until("the feed has heard of it all", func() bool { // one who comes later hears of what comes later
		last := int64(0)
		s.local().stream("/api/v1/events", func(e sent) bool {
			last, _ = strconv.ParseInt(strings.TrimPrefix(e.id, id.String()+"-"), 10, 64)
			return false
		}, func() { publish(30_000) })
		return last == 30_000
	})
	if grown := heap() - before; grown > 12<<20 {
		t.Errorf("it takes %d MiB", grown>>20)
	}
}

// heap returns what is in use of it, in bytes.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}

// One that is only slow is told of what it missed, and gets what it is in the middle of.
func TestSlowReaderOfAllRuns(t *testing.T) {
	s := newSite(t, func(c *api.Config) { c.Limits.Room = 4 })
	var got []sent
	s.local().stream("/api/v1/events", func(e sent) bool {
		if len(got) == 0 { // it stops to read while this goes on
			for range 40 {
				s.local().ended(s.flow("app", "a: x", "b: x", "c: x"))
			}
		}
		got = append(got, e)
		return e.name != "gap"
	}, func() { s.local().ended(s.flow("app", "a: x")) })
	last := map[run.ID]int64{}
	for _, e := range got {
		var tr wire.Transition
		if e.name == "gap" {
			return
		}
		s.must(json.Unmarshal([]byte(e.data), &tr))
		if was := last[tr.Run]; was > 0 && tr.Seq != was+1 {
			t.Errorf("run %d jumps from %d to %d without a gap", tr.Run, was, tr.Seq)
		}
		last[tr.Run] = tr.Seq
	}
}

func TestTooManyStreams(t *testing.T) {
	s := newSite(t, func(c *api.Config) { c.Limits.StreamsOfOne = 2 })
	s.local().submit(s.flow("app", "block: x"))
	for range 2 {
		resp := s.local().open(http.MethodGet, "/api/v1/runs/1/events", nil)
		defer resp.Body.Close()
	}
	a := s.local().do(http.MethodGet, "/api/v1/events", nil)
	if p := a.problem(t); p.Code != fault.RateLimited || a.header.Get("Retry-After") == "" {
		t.Errorf("got %+v", p)
	}
	other := s.bearer(s.user("ann", access.Grant{Role: access.Viewer}))
	resp := other.open(http.MethodGet, "/api/v1/runs/1/events", nil)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("got %d", resp.StatusCode)
	}
}

// When the service stops, nobody waits for those who only listen.
func TestStreamsEndWithTheService(t *testing.T) {
	stopping, stop := context.WithCancel(t.Context())
	defer stop()
	s := newSite(t, func(c *api.Config) { c.Streams = stopping })
	c := s.local()
	c.submit(s.flow("app", "block: x"))
	s.writeLog("app", "block", 1, "text\n")
	var open []*http.Response
	for _, path := range []string{"/api/v1/runs/1/events", "/api/v1/events", "/api/v1/runs/1/jobs/block/log?follow=true"} {
		open = append(open, c.open(http.MethodGet, path, nil))
	}
	var out wire.Submitted
	waited := make(chan answer)
	go func() {
		waited <- c.do(http.MethodPost, "/api/v1/runs?wait=10m", wire.Submit{Flow: wire.Flow{Source: s.flow("app", "block: x")}})
	}()
	s.until("the other run is there", func() bool {
		var list wire.List
		c.get("/api/v1/runs", &list)
		return len(list.Runs) == 2
	})
	stop()
	c.good(<-waited, &out)
	if out.State.Ended() || out.Run != 2 {
		t.Errorf("got %+v", out)
	}
	for _, resp := range open {
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Error(err)
		}
		resp.Body.Close()
	}
}

// A server's time limit for requests is not one for streams.
func TestAStreamOutlivesTheReadTimeout(t *testing.T) {
	s := newSite(t, func(c *api.Config) { c.Limits.Heartbeat = 100 * time.Millisecond })
	s.must(s.server.Config.Close())
	s.server.Close()
	s.readTimeout = 50 * time.Millisecond
	s.listen("s2")
	s.local().submit(s.flow("app", "block: x"))
	if beats := s.local().stream("/api/v1/runs/1/events", beatsUntil(4)); beats != 4 {
		t.Errorf("it ended after %d", beats)
	}
}
