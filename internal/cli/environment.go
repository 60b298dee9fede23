package cli

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/local"
)

// DatabaseVariable names the database when --database does not.
const DatabaseVariable = "EXECUTIONER_DATABASE"

// getenv returns the last value of a variable of the program's environment.
func (c *command) getenv(name string) string {
	value := ""
	for _, v := range c.Environ {
		if n, val, ok := strings.Cut(v, "="); ok && n == name {
			value = val
		}
	}
	return value
}

// databasePath returns where the history is: --database, EXECUTIONER_DATABASE, or
// executioner/history.db under $XDG_STATE_HOME, which is ~/.local/state by default.
func (c *command) databasePath() (string, error) {
	path := c.database
	if path == "" {
		path = c.getenv(DatabaseVariable)
	}
	if path == "" {
		dir, err := c.stateDir()
		if err != nil {
			return "", err
		}
		path = filepath.Join(dir, "executioner", "history.db")
	}
	path = strings.TrimPrefix(path, "sqlite:")
	if scheme, _, ok := strings.Cut(path, "://"); ok {
		return "", fault.New(fault.Unsupported, "this version keeps its history in SQLite only, not in %s", scheme).
			WithHint("give a file: --database /var/lib/executioner/history.db")
	}
	abs, err := filepath.Abs(path)
	return abs, fault.Wrap(err, fault.Unavailable, "the current directory is not known")
}

func (c *command) stateDir() (string, error) {
	if dir := c.getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return dir, nil
	}
	if home := c.home(); home != "" {
		return filepath.Join(home, ".local", "state"), nil
	}
	return "", fault.New(fault.InvalidConfig, "there is no place for the history: neither HOME nor XDG_STATE_HOME is set").
		WithHint("give one with --database FILE or %s=FILE", DatabaseVariable)
}

// home returns the user's home directory, or "".
func (c *command) home() string {
	if home := c.getenv("HOME"); home != "" {
		return home
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return home
}

// jobEnviron is what jobs may inherit.
func (c *command) jobEnviron() []string { return local.Inherited(c.Environ) }

// user names whoever is at the keyboard, for the record.
func (c *command) user() string {
	for _, name := range []string{"SUDO_USER", "USER", "LOGNAME"} {
		if v := c.getenv(name); v != "" {
			return v
		}
	}
	return "uid " + itoa(os.Getuid())
}
