package cli

import (
	"errors"
	"strings"

	"github.com/executionerhq/executioner/client"
	"github.com/executionerhq/executioner/internal/fault"
)

// inCommands returns an error of a server with a hint about what can be done on the command
// line: the server's own is for whoever asks it by HTTP.
func (c *command) inCommands(err error) error {
	var told *client.Error
	if !errors.As(err, &told) {
		return err
	}
	hint := ""
	switch {
	case told.Code == fault.Unauthorized && told.Status != 0:
		hint = c.tokenHint()
	case told.Code == fault.Unauthorized && strings.Contains(told.Hint, "name the certificates"):
		hint = "check that it is the right server; if it is, have " + certificateVariable + " name a file with the certificate of its signer"
	case told.Code == fault.NotFound && strings.HasPrefix(told.Hint, "GET /api/"):
		hint = "executioner runs list" + c.serverFlag() + " shows those that you may see"
	}
	if hint == "" {
		return err
	}
	return &fault.Error{Code: told.Code, Msg: err.Error(), Hint: hint}
}

// tokenHint says how to log in, or what may be wrong with how it was done.
func (c *command) tokenHint() string {
	const (
		makes  = "executioner token create makes one, on the server's host"
		report = " may have ended or been revoked, or be for another server; " + makes
	)
	switch {
	case c.getenv(tokenVariable) != "":
		return "the token in " + tokenVariable + report
	case c.getenv(tokenFileVariable) != "":
		return "the token in the file that " + tokenFileVariable + " names" + report
	default:
		return "put a token into " + tokenVariable + ", or the name of its file into " + tokenFileVariable + "; " + makes
	}
}
