package cli

import (
	"context"
	"net"
	"testing"

	"github.com/executionerhq/executioner/client"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
)

// A server that is lost while its run is watched is told of once, in a sentence that begins
// with what matters.
func TestWatchedServerIsLost(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	server, err := client.New(client.Config{Server: "http://" + address, RetryFor: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var told []string
	w := &watched{server: server, about: runs.Attempt{Run: run.ID(1)}, notice: func(text string) {
		told = append(told, text)
		stop()
	}}
	if err := w.pass(ctx, make(chan client.Event)); err == nil {
		t.Error("it went on without an end")
	}
	want := "the run goes on, and its server is tried again: the server can't be reached: dial tcp " + address + ": connect: connection refused"
	if len(told) != 1 || told[0] != want {
		t.Errorf("told %q, want %q", told, want)
	}
}
