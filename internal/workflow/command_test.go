package workflow

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/fault"
)

func TestSplitCommand(t *testing.T) {
	tests := []struct {
		command string
		want    []string
	}{
		{"", nil},
		{" \t\n", nil},
		{"ls", []string{"ls"}},
		{"ls  -l\t/tmp", []string{"ls", "-l", "/tmp"}},
		{`a 'b c' "d e" f\ g`, []string{"a", "b c", "d e", "f g"}},
		{`a b"c"'d'e`, []string{"a", "bcde"}},
		{`a ''`, []string{"a", ""}},
		{`a "\$x \n \" \\ \a"`, []string{"a", `$x \n " \ \a`}},
		{`a '$x *' "*" \* \~ \#`, []string{"a", "$x *", "*", "*", "~", "#"}},
		{"a \\\n b", []string{"a", "b"}},
		{"a \"b\\\nc\"", []string{"a", "bc"}},
		{"a 'b\nc'", []string{"a", "b\nc"}},
		{"a b=c x~ a#b", []string{"a", "b=c", "x~", "a#b"}},
		{"grep foo$ x", []string{"grep", "foo$", "x"}},
		{`find . -exec rm {} \;`, []string{"find", ".", "-exec", "rm", "{}", ";"}},
		{"[ -f x ]", []string{"[", "-f", "x", "]"}},
		{"a {b} {c", []string{"a", "{b}", "{c"}},
		{"é 漢", []string{"é", "漢"}},
		{"time ls", []string{"time", "ls"}},
	}
	for _, tt := range tests {
		got, err := SplitCommand(tt.command)
		if err != nil || !cmp.Equal(got, tt.want) {
			t.Errorf("SplitCommand(%q) = %q, %v, want %q", tt.command, got, err, tt.want)
		}
	}
}

func TestSplitCommandNeedsShell(t *testing.T) {
	tests := []struct{ command, want string }{
		{"a | b", "a pipe (|) needs a shell at byte 3 of the command"},
		{"a | b && c", "a pipe (|) needs a shell at byte 3 of the command"},
		{"a && b", "&& needs a shell at byte 3 of the command"},
		{"a || b", "|| needs a shell at byte 3 of the command"},
		{"a >x | b", "a redirection (>) needs a shell at byte 3 of the command"},
		{"a > x", "a redirection (>) needs a shell at byte 3 of the command"},
		{"a 2>&1", "a redirection (>&) needs a shell at byte 4 of the command"},
		{"a < x", "a redirection (<) needs a shell at byte 3 of the command"},
		{"a; b", "a semicolon (;) needs a shell at byte 2 of the command"},
		{"a;", "a semicolon (;) needs a shell at byte 2 of the command"},
		{"a\nb", "a second line needs a shell at byte 3 of the command"},
		{"a &", "running in the background (&) needs a shell at byte 3 of the command"},
		{"! a", "a negation (!) needs a shell at byte 1 of the command"},
		{"(a)", "a subshell ( ) needs a shell at byte 1 of the command"},
		{"{ a; }", "a block { } needs a shell at byte 1 of the command"},
		{"f() { a; }", "a function needs a shell at byte 1 of the command"},
		{"if a; then b; fi", "a construct such as if, for, while or case needs a shell at byte 1 of the command"},
		{"a $HOME", "a variable ($HOME) needs a shell at byte 3 of the command"},
		{"a ${X}", "a variable ($X) needs a shell at byte 3 of the command"},
		{`a "b${X}"`, "a variable ($X) needs a shell at byte 5 of the command"},
		{"a $(b)", "the output of a command ($( ) or ` `) needs a shell at byte 3 of the command"},
		{"a `b`", "the output of a command ($( ) or ` `) needs a shell at byte 3 of the command"},
		{"a $((1+1))", "arithmetic ($(( ))) needs a shell at byte 3 of the command"},
		{"a $'b'", "a dollar sign before quotes means different things to different shells and needs one at byte 3 of the command"},
		{"a ~/b", "a home directory (~) needs a shell at byte 3 of the command"},
		{"a b*", "a pattern for file names (*) needs a shell at byte 4 of the command"},
		{"a b?", "a pattern for file names (?) needs a shell at byte 4 of the command"},
		{"a [bc]", "a pattern for file names ([) needs a shell at byte 3 of the command"},
		{"a b{c,d}", "a list in braces ({c,d}) needs a shell at byte 4 of the command"},
		{"a {1..3}", "a list in braces ({1..3}) needs a shell at byte 3 of the command"},
		{"A=b c", "setting a variable (A=) before the command needs a shell at byte 1 of the command"},
		{"A=b", "setting a variable (A=) before the command needs a shell at byte 1 of the command"},
		{"a # b", "a comment (#) needs a shell at byte 3 of the command"},
		{"# b", "a comment (#) needs a shell at byte 1 of the command"},
		{"a\n# b", "a comment (#) needs a shell at byte 3 of the command"},
		{"cd /x", "cd is part of the shell and needs one at byte 1 of the command"},
		{"'' x", "the name of the program is empty at byte 1 of the command"},
		{"a 'b", "it can't be read: reached EOF without closing quote `'` at byte 3 of the command"},
		{"a\x00b", "it contains a NUL byte at byte 2 of the command"},
		{"a " + strings.Repeat("x", maxCommand), "it has 131074 bytes, more than the 131072 that can be passed at byte 1 of the command"},
	}
	for _, tt := range tests {
		got, err := SplitCommand(tt.command)
		if err == nil || err.Error() != tt.want || fault.CodeOf(err) != fault.InvalidWorkflow {
			t.Errorf("SplitCommand(%.40q) = %q, %v\nwant %s", tt.command, got, err, tt.want)
		}
	}
}

// TestSplitCommandDeep: what nests as deep as a command can must not take the stack.
func TestSplitCommandDeep(t *testing.T) {
	for _, opening := range []string{"(", "`", "$(", "{ ", "if ", "$((", "\"${a:-", "a|"} {
		_, err := SplitCommand(strings.Repeat(opening, maxCommand/len(opening)))
		var f *fault.Error
		if !errors.As(err, &f) {
			t.Errorf("%q: %v", opening, err)
		}
	}
}
