package cli

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The token of the start is in no log, be it a file, a pipe or a journal.
func TestOneTimeTokenIsNotLogged(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "err"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var log bytes.Buffer
	for _, c := range []*command{{Program: Program{Err: &log}}, {Program: Program{Err: file}}} {
		log.Reset()
		c.tellToken(slog.New(slog.NewJSONHandler(&log, nil)), "127.0.0.1:8323", "exe_s3cret", "/x.sock.token")
		want := `"msg":"there are no users yet; until there is one or this ends, a token is in a file","for":"127.0.0.1:8323","file":"/x.sock.token"}` + "\n"
		if got := log.String(); !strings.HasSuffix(got, want) || strings.Contains(got, "s3cret") {
			t.Errorf("the log says %s", got)
		}
	}
	if told, err := os.ReadFile(file.Name()); err != nil || len(told) > 0 {
		t.Errorf("%q, %v", told, err)
	}
}
