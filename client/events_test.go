package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/fault"
)

// history is a server that has recorded n transitions of run 1 and streams them as each of
// its connections says.
type history struct {
	n           int64
	connections []func(w *sse, after int64)
	asked       []string // Last-Event-ID of each connection
}

type sse struct{ w http.ResponseWriter }

func (s *sse) say(text string) {
	_, _ = io.WriteString(s.w, text)
	_ = http.NewResponseController(s.w).Flush()
}

func transitionText(seq int64) string {
	return fmt.Sprintf(`{"event":"transition","run":1,"attempt":1,"seq":%d,"at":"2026-01-31T12:00:00Z","from":"QUEUED","to":"RUNNING","reason":"started"}`, seq)
}

func (s *sse) transitions(from, to int64) {
	for seq := from; seq <= to; seq++ {
		s.say(fmt.Sprintf("id: %d\nevent: transition\ndata: %s\n\n", seq, transitionText(seq)))
	}
}

func (s *sse) end() {
	s.say("id: 99\nevent: end\ndata: {\"event\":\"end\",\"run\":1,\"state\":\"FAILED\"}\n\n")
}

func (h *history) serve(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/api/v1/runs/1":
		answerJSON(w, Run{Run: 1, State: StateFailed})
	case "/api/v1/runs/1/transitions":
		after, _ := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
		page := Transitions{Transitions: []Transition{}}
		for seq := after + 1; seq <= h.n; seq++ {
			if len(page.Transitions) == 3 {
				page.Next = &page.Transitions[2].Seq
				break
			}
			page.Transitions = append(page.Transitions, Transition{Event: EventTransition, Run: 1, Seq: seq})
		}
		answerJSON(w, page)
	case "/api/v1/runs/1/events":
		if r.Header.Get("Accept") != "text/event-stream" {
			w.WriteHeader(http.StatusNotAcceptable)
			return
		}
		id := r.Header.Get("Last-Event-ID")
		after, _ := strconv.ParseInt(id, 10, 64)
		next := h.connections[min(len(h.asked), len(h.connections)-1)]
		h.asked = append(h.asked, id)
		if next == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		next(&sse{w}, after)
	}
}

// followed is what a follower saw: sequence numbers and other events.
func followed(ctx context.Context, c *Client, after int64) (saw []string, err error) {
	for e, err := range c.Events(ctx, 1, after) {
		switch {
		case err != nil:
			return saw, err
		case e.Kind == EventTransition:
			saw = append(saw, strconv.FormatInt(e.Transition.Seq, 10))
		case e.Kind == EventEnd:
			saw = append(saw, "end "+e.End.State.String())
		default:
			saw = append(saw, e.Kind)
		}
	}
	return saw, nil
}

func TestEvents(t *testing.T) {
	for name, c := range map[string]struct {
		recorded    int64
		after       int64
		connections []func(w *sse, after int64)
		want        string
		asked       []string
	}{
		"all of it": {
			3, 0,
			[]func(*sse, int64){func(w *sse, _ int64) { w.transitions(1, 3); w.end() }},
			"1 2 3 end FAILED",
			[]string{"0"},
		},
		"from a place on, with comments and strangers": {
			5, 3,
			[]func(*sse, int64){func(w *sse, after int64) {
				w.say(": alive\n\nevent: new\ndata: {}\n\nretry: 5\n\n")
				w.transitions(after+1, 5)
				w.end()
			}},
			"4 5 end FAILED",
			[]string{"3"},
		},
		"twice told": {
			3, 0,
			[]func(*sse, int64){func(w *sse, _ int64) { w.transitions(1, 2); w.transitions(1, 3); w.end() }},
			"1 2 3 end FAILED",
			[]string{"0"},
		},
		"broken off": {
			6, 0,
			[]func(*sse, int64){
				func(w *sse, _ int64) { w.transitions(1, 2); w.say("id: 3\nevent: transition\ndata: {\"ev") },
				func(w *sse, _ int64) {},
				func(w *sse, after int64) { w.transitions(after+1, 6); w.end() },
			},
			"1 2 3 4 5 6 end FAILED",
			[]string{"0", "2", "2"},
		},
		"a gap that is told": {
			9, 0,
			[]func(*sse, int64){func(w *sse, _ int64) {
				w.transitions(1, 1)
				w.say("event: gap\ndata: {\"event\":\"gap\"}\n\n")
				w.transitions(9, 9)
				w.end()
			}},
			"1 2 3 4 5 6 7 8 9 end FAILED",
			[]string{"0"},
		},
		"a gap that is not told": {
			9, 0,
			[]func(*sse, int64){func(w *sse, _ int64) { w.transitions(1, 1); w.transitions(7, 8); w.end() }},
			"1 2 3 4 5 6 7 8 9 end FAILED",
			[]string{"0"},
		},
		"nothing more": {3, 3, []func(*sse, int64){nil}, "end FAILED", []string{"3"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := &history{n: c.recorded, connections: c.connections}
			s := serve(t, h.serve)
			got, err := followed(t.Context(), connect(t, Config{Server: s.URL}), c.after)
			if err != nil || strings.Join(got, " ") != c.want {
				t.Errorf("got  %s, %v\nwant %s", strings.Join(got, " "), err, c.want)
			}
			if diff := cmp.Diff(c.asked, h.asked); diff != "" {
				t.Errorf("connections (-want +got)\n%s", diff)
			}
		})
	}
}

func TestEventsTell(t *testing.T) {
	s := serve(t, (&history{connections: []func(*sse, int64){func(w *sse, _ int64) {
		w.say("event: transition\ndata: {\"run\":1,\"attempt\":2,\"seq\":1,\ndata: \"job\":\"load\",\"to\":\"FAILED\",\"exit_code\":3}\r\n\r\n")
		w.end()
	}}}).serve)
	for e, err := range connect(t, Config{Server: s.URL}).Events(t.Context(), 1, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind != EventTransition {
			continue
		}
		three := 3
		want := &Transition{Run: 1, Attempt: 2, Seq: 1, Job: "load", To: StateFailed, ExitCode: &three}
		if diff := cmp.Diff(want, e.Transition); diff != "" || e.Run != 1 {
			t.Error(diff)
		}
	}
}

func TestEventsLeft(t *testing.T) {
	gone := make(chan struct{})
	s := serve(t, (&history{connections: []func(*sse, int64){func(w *sse, _ int64) {
		w.transitions(1, 2)
		<-gone
	}}}).serve)
	defer close(gone)
	c := connect(t, Config{Server: s.URL})
	for e := range c.Events(t.Context(), 1, 0) { // whoever leaves does not wait for the server
		if e.Transition.Seq == 1 {
			break
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for e, err := range c.Events(ctx, 1, 0) {
		switch {
		case err == nil && e.Transition.Seq == 2:
			cancel()
		case err != nil && fault.CodeOf(err) != CodeCancelled:
			t.Error(err)
		}
	}
}

func TestEventsRefused(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		answerProblem(w, 403, `{"code":"forbidden","detail":"you may not"}`)
	})
	_, err := followed(t.Context(), connect(t, Config{Server: s.URL}), 0)
	sameError(t, err, Error{Code: CodeForbidden, Message: "you may not", Status: 403})
	for _, text := range []string{
		"event: transition\ndata: {]\n\n",
		"event: end\ndata: 7\n\n",
		"event: gap\ndata: x\n\n",
	} {
		s := serve(t, (&history{connections: []func(*sse, int64){func(w *sse, _ int64) { w.say(text) }}}).serve)
		if _, err := followed(t.Context(), connect(t, Config{Server: s.URL}), 0); fault.CodeOf(err) != CodeUnsupported {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAllEvents(t *testing.T) {
	connections := 0
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/events" {
			t.Error(r.URL.Path)
		}
		connections++
		out := &sse{w}
		switch connections {
		case 1:
			out.transitions(1, 1)
		case 2:
			out.transitions(5, 5)
			out.say("event: gap\ndata: {\"event\":\"gap\",\"run\":1}\n\nevent: new\ndata: {}\n\n")
		case 3:
			answerProblem(w, 401, `{"code":"unauthorized","detail":"the token was revoked"}`)
		}
	})
	var saw []string
	for e, err := range connect(t, Config{Server: s.URL}).AllEvents(t.Context()) {
		switch {
		case err != nil:
			saw = append(saw, err.Error())
		case e.Transition != nil:
			saw = append(saw, strconv.FormatInt(e.Transition.Seq, 10))
		default:
			saw = append(saw, e.Kind)
		}
	}
	want := []string{"1", "gap", "5", "gap", "gap", "the token was revoked"}
	if diff := cmp.Diff(want, saw); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestMessageTooLong(t *testing.T) {
	in := newMessages(io.MultiReader(strings.NewReader("data: "), strings.NewReader(strings.Repeat("x", maxMessage+1))))
	if _, err := in.next(func() {}); !errors.Is(err, errTooLong) {
		t.Error(err)
	}
	many := newMessages(strings.NewReader(strings.Repeat("data: "+strings.Repeat("x", 1<<20)+"\n", 17)))
	if _, err := many.next(func() {}); !errors.Is(err, errTooLong) {
		t.Error(err)
	}
}

// TestSilence has a stream end that says nothing, not even that it is alive.
func TestSilence(t *testing.T) {
	stopped := make(chan struct{})
	timer := watch(time.Nanosecond, func() { close(stopped) })
	defer timer.Stop()
	<-stopped
}

func TestLogs(t *testing.T) {
	const text = "one\ntwo\nthree\n"
	for name, c := range map[string]struct {
		options LogOptions
		breaks  bool
		want    string
		asked   string
		failed  Code
	}{
		"the run's":         {LogOptions{Tail: -1}, false, text, "log?", ""},
		"a job's":           {LogOptions{Job: "a/b", Tail: -1, Offset: 4}, false, "two\nthree\n", "jobs/a%2Fb/log?offset=4", ""},
		"its last lines":    {LogOptions{Job: "a", Tail: 1}, false, "three\n", "jobs/a/log?tail=1", ""},
		"followed":          {LogOptions{Tail: -1, Follow: true}, true, text, "log?follow=true log?follow=true&offset=4", ""},
		"followed from end": {LogOptions{Tail: 1, Follow: true}, true, "thre", "log?follow=true&tail=1", CodeUnavailable},
		"none":              {LogOptions{Job: "none", Tail: -1}, false, "", "jobs/none/log?", CodeNotFound},
		"none to follow":    {LogOptions{Job: "none", Tail: -1, Follow: true}, false, "", "jobs/none/log?follow=true", CodeNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				path := strings.TrimPrefix(r.URL.EscapedPath(), "/api/v1/runs/1")
				if path == "" {
					answerJSON(w, Run{Run: 1, State: StateSuccess})
					return
				}
				asked = append(asked, path[1:]+"?"+r.URL.RawQuery)
				if strings.Contains(path, "none") {
					answerProblem(w, 404, `{"code":"not_found","detail":"the log is not there"}`)
					return
				}
				offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
				rest := text[offset:]
				if r.URL.Query().Get("tail") != "" {
					rest = "three\n"
				}
				if c.breaks && len(asked) == 1 {
					(&sse{w}).say(rest[:4])
					panic(http.ErrAbortHandler)
				}
				_, _ = io.WriteString(w, rest)
			})
			s.Config.ErrorLog = nil
			var got strings.Builder
			err := connect(t, Config{Server: s.URL}).CopyLog(t.Context(), 1, c.options, &got)
			if fault.CodeOf(err) != c.failed || got.String() != c.want || strings.Join(asked, " ") != c.asked {
				t.Errorf("got %q, %v after %s", got.String(), err, strings.Join(asked, " "))
			}
		})
	}
}

// fullDisk is a writer that takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestLogCannotBeWritten(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "text") })
	err := connect(t, Config{Server: s.URL}).CopyLog(t.Context(), 1, LogOptions{Tail: -1, Follow: true}, fullDisk{})
	sameError(t, err, Error{Code: CodeUnavailable, Message: "the log can't be written: no space left"})
}
