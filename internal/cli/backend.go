package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/executionerhq/executioner/internal/runs"
)

// peek opens the backend for one use that must leave no trace: no database is made,
// and no run is ended whose program is gone. It does nothing where there is no database.
func (c *command) peek(ctx context.Context, use func(s *runs.Service) error) error {
	path, err := c.databasePath()
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	b, err := c.Open(ctx, Settings{Database: path, Environ: c.jobEnviron()})
	if err != nil {
		return err
	}
	return errors.Join(use(b.Runs), b.Close())
}
