package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/fault"
)

// readPassword reads the new password of a user: from a file if one is named, or else from
// the terminal, twice and without showing it, or from a pipe. It is never an argument,
// which everybody on the host could see. The end of its line is no part of it.
func (c *command) readPassword(user, file string) (string, error) {
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return "", fault.Wrap(err, fault.Usage, "the password's file can't be read")
		}
		defer f.Close()
		return onlyLine(f)
	}
	if f, ok := c.In.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return c.askPassword(user, int(f.Fd()))
	}
	return onlyLine(c.In)
}

func onlyLine(from io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(from, access.MaxPassword+3))
	if err != nil {
		return "", fault.Wrap(err, fault.Usage, "the password can't be read")
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if strings.ContainsAny(text, "\r\n") {
		return "", fault.New(fault.Usage, "there is more than one line where the password should be")
	}
	return text, nil
}

func (c *command) askPassword(user string, terminal int) (string, error) {
	var answers [2]string
	for i, question := range []string{"New password of " + user, "The same again"} {
		fmt.Fprintf(c.Err, "%s: ", question)
		b, err := term.ReadPassword(terminal)
		fmt.Fprintln(c.Err)
		if err != nil {
			return "", fault.Wrap(err, fault.Usage, "the password can't be read")
		}
		answers[i] = string(b)
	}
	if answers[0] != answers[1] {
		return "", fault.New(fault.Usage, "the two passwords are not the same").WithHint("try again")
	}
	return answers[0], nil
}
