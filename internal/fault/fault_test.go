package fault

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"testing"
)

func TestCodes(t *testing.T) {
	tests := []struct {
		code  Code
		exit  int
		http  int
		level slog.Level
	}{
		{"invalid_workflow", 3, 422, slog.LevelInfo},
		{"invalid_config", 2, 500, slog.LevelError},
		{"usage", 2, 400, slog.LevelInfo},
		{"not_found", 4, 404, slog.LevelInfo},
		{"conflict", 5, 409, slog.LevelInfo},
		{"locked", 5, 423, slog.LevelWarn},
		{"unavailable", 6, 503, slog.LevelError},
		{"unauthorized", 2, 401, slog.LevelInfo},
		{"forbidden", 2, 403, slog.LevelInfo},
		{"rate_limited", 6, 429, slog.LevelInfo},
		{"unsupported", 2, 501, slog.LevelInfo},
		{"cancelled", 130, 499, slog.LevelInfo},
		{"internal", 70, 500, slog.LevelError},
	}
	var codes []Code
	for _, tt := range tests {
		codes = append(codes, tt.code)
		if got := ExitCode(New(tt.code, "x")); got != tt.exit {
			t.Errorf("%s: exit code %d, want %d", tt.code, got, tt.exit)
		}
		if got := tt.code.HTTPStatus(); got != tt.http {
			t.Errorf("%s: HTTP %d, want %d", tt.code, got, tt.http)
		}
		if got := tt.code.Level(); got != tt.level {
			t.Errorf("%s: level %s, want %s", tt.code, got, tt.level)
		}
	}
	if !slices.Equal(codes, Codes()) {
		t.Errorf("Codes() = %v, want %v", Codes(), codes)
	}
	if len(table) != len(codes) {
		t.Errorf("the table has %d rows for %d codes", len(table), len(codes))
	}
}

// TestCodesIsTheWholeList compares the list with the constants of the source.
func TestCodesIsTheWholeList(t *testing.T) {
	var declared []Code
	file, err := parser.ParseFile(token.NewFileSet(), "fault.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && fmt.Sprint(spec.Type) == "Code" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			declared = append(declared, Code(text))
		}
		return true
	})
	if !slices.Equal(declared, Codes()) {
		t.Errorf("declared %v\nlisted   %v", declared, Codes())
	}
}

func TestErrorText(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"message", New(NotFound, "run %d does not exist", 7), "run 7 does not exist"},
		{"place", New(InvalidWorkflow, "unknown job").WithAt("a.json:3:5"), "a.json:3:5: unknown job"},
		{"cause", Wrap(io.EOF, Unavailable, "can't read %s", "x"), "can't read x: EOF"},
		{"place and cause", &Error{Code: Internal, Msg: "m", At: "p", Err: io.EOF}, "p: m: EOF"},
		{"the hint is left out", New(Usage, "m").WithHint("do %s", "this"), "m"},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestWrap(t *testing.T) {
	if err := Wrap(nil, Internal, "x"); err != nil {
		t.Errorf("Wrap(nil) = %v", err)
	}
	err := Wrap(io.EOF, Locked, "x")
	if !errors.Is(err, io.EOF) {
		t.Errorf("%v does not lead to its cause", err)
	}
	var f *Error
	if !errors.As(fmt.Errorf("round it: %w", err), &f) || f.Code != Locked || f.Err != io.EOF {
		t.Errorf("got %+v", f)
	}
}

func TestCodeHintAndExitOfAChain(t *testing.T) {
	inner := New(Locked, "held").WithHint("wait")
	tests := []struct {
		name string
		err  error
		code Code
		hint string
		exit int
	}{
		{"nil", nil, "", "", 0},
		{"no fault", io.EOF, Internal, "", 70},
		{"a fault", inner, Locked, "wait", 5},
		{"a fault in a plain error", fmt.Errorf("x: %w", inner), Locked, "wait", 5},
		{"the outer code wins, the inner hint is kept", Wrap(inner, Unavailable, "x"), Unavailable, "wait", 6},
		{
			"the outer hint wins",
			&Error{Code: NotFound, Msg: "x", Hint: "look", Err: inner}, NotFound, "look", 4,
		},
		{
			"a plain error between two faults",
			&Error{Code: NotFound, Msg: "x", Err: fmt.Errorf("y: %w", inner)}, NotFound, "wait", 4,
		},
		{"no hint anywhere", Wrap(io.EOF, NotFound, "x"), NotFound, "", 4},
	}
	for _, tt := range tests {
		if got := CodeOf(tt.err); got != tt.code {
			t.Errorf("%s: code %q, want %q", tt.name, got, tt.code)
		}
		if got := HintOf(tt.err); got != tt.hint {
			t.Errorf("%s: hint %q, want %q", tt.name, got, tt.hint)
		}
		if got := ExitCode(tt.err); got != tt.exit {
			t.Errorf("%s: exit code %d, want %d", tt.name, got, tt.exit)
		}
	}
}
