package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/runs"
)

// historyExists refuses a --database that is not there: whoever reads means one that is,
// and an empty new one would look like a lost history.
func (c *command) historyExists() error {
	if c.database == "" {
		return nil
	}
	address, err := c.databasePath()
	if err != nil {
		return err
	}
	path := c.Databases.File(address)
	if path == "" {
		return nil // a server says so itself
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.NotFound, "there is no history %s", path).
			WithHint("check the name; executioner run makes a new one")
	}
	return nil
}

// peek opens the backend for one use that must leave no trace: no database is made,
// and no run is ended whose program is gone. It does nothing where there is no database.
func (c *command) peek(ctx context.Context, use func(s Runs) error) error {
	if c.remotely() {
		return c.withServer(use)
	}
	return c.peekHere(ctx, func(s *runs.Service) error { return use(here{s, nil}) })
}

// peekHere is peek for what only works on a database.
func (c *command) peekHere(ctx context.Context, use func(s *runs.Service) error) error {
	path, err := c.databasePath()
	if err != nil {
		return err
	}
	if file := c.Databases.File(path); file != "" {
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	b, err := c.Open(ctx, c.settings(path, nil))
	if err != nil {
		return err
	}
	return errors.Join(use(b.Runs), b.Close())
}
