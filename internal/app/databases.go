package app

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/history"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/sqlstore"
)

var _ history.Databases = Databases{}

// NetworkVariable, set to 1, lets a database be on a network file system.
const NetworkVariable = "EXECUTIONER_ALLOW_NETWORK_FS"

// storeConfig is how this program opens a database.
func storeConfig() sqlstore.Config {
	return sqlstore.Config{NetworkFS: os.Getenv(NetworkVariable) == "1"}
}

// Databases is the histories that this program can open.
type Databases struct{}

// Open implements history.Databases.
func (Databases) Open(ctx context.Context, address string) (store.Store, error) {
	st, err := sqlstore.Open(ctx, address, storeConfig())
	if err != nil {
		return nil, err
	}
	return st, nil
}

// File implements history.Databases.
func (Databases) File(address string) string {
	if sqlstore.Kind(address) != sqlstore.SQLite {
		return ""
	}
	if rest, ok := strings.CutPrefix(address, "sqlite:"); ok {
		return strings.TrimPrefix(rest, "//")
	}
	return address
}

// Show implements history.Databases.
func (Databases) Show(address string) string { return sqlstore.Redact(address) }

// Settle implements history.Databases.
func (Databases) Settle(temporary, path string, replace bool) error {
	return sqlstore.Settle(temporary, path, replace)
}

// Replace implements history.Databases.
func (Databases) Replace(ctx context.Context, path, with string, now time.Time) (string, error) {
	return sqlstore.Replace(ctx, path, with, now)
}

// Store returns what the runs are kept in. It belongs to the App.
func (a *App) Store() store.Store { return a.store }

// WithPassword puts a password into the address of a database.
func WithPassword(address, password string) (string, error) {
	return sqlstore.WithPassword(address, password)
}
