package cli

import (
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/local"
)

// DatabaseVariable names the database when --database does not.
const DatabaseVariable = "EXECUTIONER_DATABASE"

// durabilityVariable says what a recorded result survives when --durability does not.
const durabilityVariable = "EXECUTIONER_DURABILITY"

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

// Where else the address of the database and its password may be: variables of jobs that
// start this program should not have them.
const (
	addressFileVariable  = DatabaseVariable + "_FILE"
	passwordVariable     = DatabaseVariable + "_PASSWORD"
	passwordFileVariable = passwordVariable + "_FILE"
)

// databasePath returns where the history is: --database, EXECUTIONER_DATABASE, or
// executioner/history.db under $XDG_STATE_HOME, which is ~/.local/state by default. A
// file's path is absolute. An address has the password that is given beside it.
func (c *command) databasePath() (string, error) {
	if err := c.onlyHere(); err != nil {
		return "", err
	}
	address, err := c.databaseAddress()
	if err != nil {
		return "", err
	}
	path := c.Databases.File(address)
	if path == "" {
		return c.withPassword(address)
	}
	abs, err := filepath.Abs(path)
	return abs, fault.Wrap(err, fault.Unavailable, "the current directory is not known")
}

// withPassword returns the address of a server with the password that is given beside it.
// That of a file needs none.
func (c *command) withPassword(address string) (string, error) {
	if c.Databases.File(address) != "" {
		return address, nil
	}
	password, err := c.secret(passwordVariable, passwordFileVariable)
	if err != nil || password == "" {
		return address, err
	}
	return c.WithPassword(address, password)
}

func (c *command) databaseAddress() (string, error) {
	if c.database != "" {
		if c.Databases.Show(c.database) != c.database {
			return "", fault.New(fault.Usage, "everybody on this host can see a password on the command line").
				WithHint("leave it out of --database, and give it in a file: %s=FILE", passwordFileVariable)
		}
		return c.database, nil
	}
	address, err := c.secret(DatabaseVariable, addressFileVariable)
	if err != nil || address != "" {
		return address, err
	}
	dir, err := c.stateDir()
	return filepath.Join(dir, "executioner", "history.db"), err
}

// secret returns the value of a variable, or else the content of the file that another
// one names.
func (c *command) secret(variable, fileVariable string) (string, error) {
	if value := c.getenv(variable); value != "" {
		return value, nil
	}
	name := c.getenv(fileVariable)
	if name == "" {
		return "", nil
	}
	content, err := os.ReadFile(name)
	return strings.TrimRight(string(content), "\r\n"), fault.Wrap(err, fault.InvalidConfig, "the file that %s names can't be read", fileVariable)
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

// jobEnviron is what jobs may inherit: not the way into the database, if that takes a password.
func (c *command) jobEnviron() []string {
	return slices.DeleteFunc(local.Inherited(c.Environ), func(v string) bool {
		name, value, _ := strings.Cut(v, "=")
		switch name {
		case addressFileVariable, passwordVariable, passwordFileVariable, tokenVariable, tokenFileVariable:
			return true
		case DatabaseVariable:
			return c.Databases != nil && c.Databases.Show(value) != value
		default:
			return false
		}
	})
}

// user names whoever is at the keyboard, for the record.
func (c *command) user() string {
	for _, name := range []string{"SUDO_USER", "USER", "LOGNAME"} {
		if v := c.getenv(name); v != "" {
			return v
		}
	}
	if who, err := user.Current(); err == nil && who.Username != "" {
		return who.Username
	}
	return "uid " + itoa(os.Getuid())
}
