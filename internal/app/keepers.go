package app

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/keeper"
	"github.com/executionerhq/executioner/internal/process"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/sqlstore"
)

// keepers opens the keepers of runs.
type keepers struct {
	settings Settings
	host     *process.Host
}

// dir returns where the keeper of a run is: beside the database if that is a file, so
// that every program that knows of the run finds it; else with what this user's programs keep.
func (k *keepers) dir(id run.ID) string {
	base := filepath.Join(k.settings.StateDir, "executioner", "keeper-"+scopeOf(k.settings.Database))
	if file := (Databases{}).File(k.settings.Database); file != "" {
		base = real(file) + "-keeper"
	}
	return filepath.Join(base, "run-"+id.String())
}

// sweep removes what keepers of runs that have ended left behind: when a program dies right
// after the last record, nobody comes back for its directory. What can't be removed is
// tried again by the next run.
func (k *keepers) sweep(ctx context.Context, st store.Store) {
	above := filepath.Dir(k.dir(0))
	entries, _ := os.ReadDir(above) // most often there is none
	for _, e := range entries {
		number, ok := strings.CutPrefix(e.Name(), "run-")
		id, err := strconv.ParseInt(number, 10, 64)
		if !ok || err != nil || !e.IsDir() {
			continue
		}
		keeper.Discard(filepath.Join(above, e.Name()), func() bool {
			r, err := st.Run(ctx, run.ID(id))
			return fault.CodeOf(err) == fault.NotFound || err == nil && r.Attempt.State.Ended()
		})
	}
}

// open returns the keeper of an attempt: in a process of its own, or on systems that have
// none in this program.
func (k *keepers) open(a runs.Attempt) (keeper.Keeper, error) {
	cfg := keeper.Config{
		Dir: k.dir(a.Run), Epoch: a.Epoch, Sync: k.settings.Durability == string(sqlstore.Full), Host: k.host, Notice: k.settings.Notice,
		Program: k.settings.Program, Build: k.settings.Build, Name: k.settings.Name, Environ: keeperEnviron(k.settings.Environ),
	}
	if cfg.Program == "" {
		return keeper.Alone(cfg)
	}
	c, err := keeper.Open(cfg)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// keeperEnviron is what a keeper needs of an environment: nothing that is secret.
func keeperEnviron(environ []string) []string {
	var kept []string
	for _, v := range environ {
		name, _, _ := strings.Cut(v, "=")
		if name == process.CookieVariable || strings.HasPrefix(name, "GO") || strings.HasPrefix(name, "EXECUTIONER_FAILPOINT") {
			kept = append(kept, v)
		}
	}
	return kept
}
