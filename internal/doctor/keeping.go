package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/keeper"
	"github.com/executionerhq/executioner/internal/process"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// trialPatience is how long the trial's command may take.
const trialPatience = 30 * time.Second

// tryKeeper starts a keeper where those of the history would be, and has it run a command.
func tryKeeper(ctx context.Context, cfg Config) *KeeperFacts {
	if cfg.Program == "" {
		return nil
	}
	f := &KeeperFacts{Dir: existing(filepath.Dir(cfg.Keeper))}
	if err := f.try(ctx, cfg); err != nil {
		f.Err, f.Hint = err.Error(), fault.HintOf(err)
	}
	return f
}

func (f *KeeperFacts) try(ctx context.Context, cfg Config) (err error) {
	dir, err := os.MkdirTemp(f.Dir, temporary)
	if err != nil {
		return errors.New("its directory can't be made: " + reason(err))
	}
	defer func() { _ = os.RemoveAll(dir) }()
	host, err := process.NewHost()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	began := time.Now()
	k, err := keeper.Open(keeper.Config{
		Dir: filepath.Join(dir, "keeper-of", "run"), Epoch: 1, Host: host, Program: cfg.Program, Name: cfg.Name,
	})
	if err != nil {
		return cause(dir, err)
	}
	f.Started = time.Since(began)
	err = f.job(ctx, k)
	return errors.Join(err, k.Close(true))
}

// cause returns why a keeper could not be started: the last that it said itself, or else
// what is behind the error, which names a file that will be gone.
func cause(dir string, err error) error {
	text, unread := os.ReadFile(filepath.Join(dir, "keeper-of", "run", "keeper.err"))
	if said := strings.TrimSpace(string(text)); unread == nil && said != "" {
		return errors.New(said[strings.LastIndexByte(said, '\n')+1:])
	}
	var told *fault.Error
	if errors.As(err, &told) && told.Err != nil {
		return fmt.Errorf("it can't be started: %w", told.Err)
	}
	return err
}

// job has a keeper run a command.
func (f *KeeperFacts) job(ctx context.Context, k keeper.Keeper) error {
	ended := make(chan keeper.Result, 1)
	began := time.Now()
	k.Start(keeper.Spec{ID: "doctor", Path: "/bin/sh", Args: []string{"sh", "-c", ":"}, Dir: "/"}, func(r keeper.Result) { ended <- r })
	patience := time.NewTimer(trialPatience)
	defer patience.Stop()
	select {
	case r := <-ended:
		f.Job = time.Since(began)
		k.Forget("doctor")
		if o := r.Outcome; o.State != run.Success {
			return errors.New("its first command ended as " + joblog.Ending(o))
		}
		return nil
	case <-patience.C:
		k.Kill("doctor")
		return errors.New("its first command has not ended within " + trialPatience.String())
	case <-ctx.Done():
		return ctx.Err()
	}
}

// remains looks at what keepers have left behind. st is the history, nil when it can't be
// opened.
func remains(ctx context.Context, dir string, st store.Store) []Remains {
	all := []Remains{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return all // most likely it is not there
	}
	for _, e := range entries {
		number, ok := strings.CutPrefix(e.Name(), "run-")
		id, err := strconv.ParseInt(number, 10, 64)
		if !ok || err != nil || !e.IsDir() {
			continue
		}
		r := Remains{Run: run.ID(id), Dir: filepath.Join(dir, e.Name())}
		r.Fate = fate(ctx, st, r)
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b Remains) int { return int(a.Run - b.Run) })
	return all
}

// fate finds out what becomes of a run.
func fate(ctx context.Context, st store.Store, r Remains) Fate {
	if st == nil {
		return Unknown
	}
	kept := keeper.Look(r.Dir, nil) // somebody looks after what runs
	found, err := st.Run(ctx, r.Run)
	switch {
	case err != nil && fault.CodeOf(err) != fault.NotFound:
		return Unknown
	case err != nil || found.Attempt.State.Ended():
		if kept {
			return Orphaned
		}
		return Stale
	case found.Owner != nil && !dead(*found.Owner):
		return Going
	}
	return Interrupted
}

// dead reports whether a program is known to be gone.
func dead(o store.Owner) bool {
	host, _, _, _ := process.SelfIdentity()
	if o.Host != host {
		return false
	}
	alive, known := process.Alive(o.BootID, o.PID, o.StartTime)
	return known && !alive
}
