package api

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// call is one request on its way: who asks, and what about. It belongs to the goroutine
// of the request.
type call struct {
	id      string // of the request
	who     access.Principal
	csrf    string // what a change has to repeat; empty where no cookie proved who asks
	session string // the hash of the session, when one proved who asks
	from    string // the address as it is counted, fromSocket for a local one
	address string // the whole address
	local   bool   // it came by the unix socket from the user that runs the service
	run     store.Run
	about   object

	// For the audit log:
	action      string
	object      string
	application string
	detail      string
	recorded    bool   // that it was done is in the log already: see recorded
	registered  string // the version of a registered workflow that it is about, as NAME@VERSION
	failed      error  // how it ended, when not well
	hidden      bool   // it is about something that is not there for this caller
}

type callKey struct{}

// callOf returns the call that a context belongs to, an empty one for a context of none.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

// may returns nil when the caller may do something in an application. It is for what only
// a handler can know; the guard has checked that the caller may do it in some application.
func (s *server) may(ctx context.Context, a access.Action, application string) error {
	c := callOf(ctx)
	if c.application == "" {
		c.application = application
	}
	return access.Check(c.who, a, application)
}

// visible returns what applications the caller may look at: all, or some.
func visible(ctx context.Context, a access.Action) (all bool, some []string) {
	return access.Applications(callOf(ctx).who, a)
}

// fromSocket stands for the address of those who come by the unix socket.
const fromSocket = "socket"

// wholeAddress returns where a request came from, as people want to know it.
func wholeAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err == nil {
		return host
	}
	if p := peerOf(r.Context()); p.known {
		return fromSocket + " uid " + strconv.Itoa(p.uid)
	}
	return fromSocket
}

// addressOf returns where a request came from, as it is counted: IPv6 by network, as one
// who has one has them all.
func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return fromSocket
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if a = a.Unmap().WithZone(""); a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// loopback reports whether a request came from this host.
func loopback(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// found returns the run that a reference names, for somebody who may see only some
// applications. What they may not see is not there for them, and no hint tells of it.
func (s *server) found(ctx context.Context, ref string, a access.Action) (store.Run, error) {
	who := callOf(ctx).who
	all, some := access.Applications(who, access.RunRead)
	if all {
		r, err := s.Runs.Find(ctx, ref, "")
		if err != nil {
			return r, err
		}
		return r, access.Check(who, a, r.Application)
	}
	r, err := s.findAmong(ctx, ref, some)
	if err != nil {
		s.noteHidden(ctx, ref)
		return store.Run{}, err
	}
	return r, access.Check(who, a, r.Application)
}

func (s *server) findAmong(ctx context.Context, ref string, applications []string) (store.Run, error) {
	absent := fault.New(fault.NotFound, "there is no run %s", ref).WithHint("GET %s/runs lists those that you may see", prefix)
	var newest store.Run
	for _, app := range applications {
		r, err := s.Runs.Find(ctx, ref, app)
		switch {
		case fault.CodeOf(err) == fault.NotFound:
			continue
		case err != nil:
			return r, err
		case r.Application == app && r.ID > newest.ID:
			newest = r
		}
	}
	if newest.ID == 0 {
		return newest, absent
	}
	return newest, nil
}

// noteHidden notes for the audit log that a run which was not found is there.
func (s *server) noteHidden(ctx context.Context, ref string) {
	n, err := strconv.ParseInt(ref, 10, 64)
	if err != nil {
		return
	}
	r, err := s.History.Run(ctx, run.ID(n))
	if c := callOf(ctx); err == nil {
		c.hidden, c.application = true, r.Application
	}
}

// runOf returns the run that the request is about, as of when the guard looked.
func runOf(ctx context.Context) store.Run { return callOf(ctx).run }

// seen reads the run of the request again.
func (s *server) seen(ctx context.Context) (store.Run, error) {
	return s.History.Run(ctx, callOf(ctx).run.ID)
}

func runName(id run.ID) string { return "run " + id.String() }

func slogError(err error) slog.Attr   { return slog.String("error", err.Error()) }
func slogRequest(id string) slog.Attr { return slog.String("request", id) }
