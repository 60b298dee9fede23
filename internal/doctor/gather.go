package doctor

import (
	"context"
	"runtime"

	"github.com/executionerhq/executioner/internal/store"
)

// Databases opens histories.
type Databases interface {
	// Open opens, and makes if it is not there, the history at an address.
	Open(ctx context.Context, address string) (store.Store, error)
	// File returns the file that an address means, "" when it is none.
	File(address string) string
	// Show returns an address as it may be shown.
	Show(address string) string
}

// Config says what to look at.
type Config struct {
	Databases Databases
	Database  string   // the history's address
	Program   string   // the file to start a keeper from; empty: none is tried
	Name      string   // by which the program was called
	Keeper    string   // the directory in which keepers are
	Runs      bool     // those in it are of the runs of this history
	Logs      []string // directories of logs
	Workers   int      // jobs that a workflow lets run at once; 0: not asked
	NetworkFS bool     // the history may be on a network file system
	Full      bool     // durability full is asked for
	Zone      string   // $TZ
}

// Gather finds out the facts. When ctx ends it hurries, and some are missing.
func Gather(ctx context.Context, cfg Config) *Facts {
	f := &Facts{System: runtime.GOOS}
	clock := startClock()
	gatherSystem(&f.Processes, &f.Limits)
	if f.Limits != nil {
		f.Limits.Workers = cfg.Workers
	}
	f.Disks = disks(cfg)
	if ctx.Err() == nil {
		f.Keeper = tryKeeper(ctx, cfg)
	}
	if ctx.Err() == nil {
		var st store.Store
		f.Database, st = openDatabase(ctx, cfg)
		if cfg.Runs {
			f.Left = remains(ctx, cfg.Keeper, st)
		}
		if st != nil {
			_ = st.Close()
		}
	}
	f.Clock = clock.stop(cfg.Zone)
	return f
}
