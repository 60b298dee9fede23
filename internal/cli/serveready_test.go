package cli_test

import (
	"net"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// A service that found its port in use left a new history behind.
func TestServeOnAPortInUseLeavesNothing(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	p := newPlace(t, txtar.Parse([]byte(served)))
	before := files(t, p.dir)
	got := p.run("executioner serve --listen " + l.Addr().String() + " --database new.db")
	if got.Code != "6" || !strings.Contains(got.Err, "address already in use") {
		t.Errorf("%+v", got)
	}
	if after := files(t, p.dir); after != before {
		t.Errorf("there are %s, and were %s", after, before)
	}
}

func files(t *testing.T, dir string) string {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range all {
		names = append(names, d.Name())
	}
	return strings.Join(names, " ")
}
