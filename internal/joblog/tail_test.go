package joblog

import (
	"fmt"
	"strings"
	"testing"

	"github.com/executionerhq/executioner/internal/fault"
)

func TestTail(t *testing.T) {
	long := strings.Repeat("x", 3*tailBlock)
	var many strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&many, "line %05d\n", i)
	}
	tests := []struct {
		name  string
		text  string
		lines int
		max   int64
		want  string
	}{
		{"empty", "", 5, 100, ""},
		{"one line", "a\n", 5, 100, "a\n"},
		{"exactly", "a\nb\n", 2, 100, "a\nb\n"},
		{"last of three", "a\nb\nc\n", 1, 100, "c\n"},
		{"not ended", "a\nb\nc", 2, 100, "b\nc"},
		{"empty lines", "a\n\n\n", 2, 100, "\n\n"},
		{"all lines", "a\nb\nc\n", 0, 100, "a\nb\nc\n"},
		{"over blocks", long + "\n" + long + "\nend\n", 2, 1 << 20, long + "\nend\n"},
		{"many", many.String(), 7000, 1 << 20, many.String()[13_000*11:]},
		{"bounded by bytes", "aaaa\nbbbb\ncccc\n", 3, 12, "bbbb\ncccc\n"},
		{"bounded at a line", "aaaa\nbbbb\ncccc\n", 3, 10, "bbbb\ncccc\n"},
		{"one long line", "aaaa\nbbbbbbbb", 3, 4, "bbbb"},
		{"one long line, ended", "aaaabbbb\n", 3, 4, "bbb\n"},
		{"no bytes", "a\n", 3, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Tail(fileOf(t, tt.text), tt.lines, tt.max)
			if err != nil || string(got) != tt.want {
				t.Errorf("%.60q (%d bytes), %v; want %.60q (%d)", got, len(got), err, tt.want, len(tt.want))
			}
		})
	}
}

func TestTailFaults(t *testing.T) {
	if _, err := Tail(t.TempDir()+"/no.log", 5, 100); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("no file: %v", err)
	}
	if _, err := Tail(t.TempDir(), 5, 100); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("a directory: %v", err)
	}
}
