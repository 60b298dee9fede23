package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

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

	mu       sync.Mutex          // guards the rest: runs begin and end at any time
	own      *station            // of a service: the keeper of the runs that begin here
	stations map[string]*station // those in use, own among them, by directory
}

// dir returns where the keeper of a run is that has one of its own.
func (k *keepers) dir(id run.ID) string { return filepath.Join(k.base(), "run-"+id.String()) }

// base returns where keepers are: beside the database if that is a file, so that every
// program that knows of a run finds its keeper; else with what this user's programs keep.
func (k *keepers) base() string {
	base := filepath.Join(k.settings.StateDir, "executioner", "keeper-"+scopeOf(k.settings.Database))
	if file := (Databases{}).File(k.settings.Database); file != "" {
		base = real(file) + "-keeper"
	}
	return base
}

// sweep removes what keepers of runs that have ended left behind: when a program dies right
// after the last record, nobody comes back for it. What can't be removed is tried again by
// the next run.
func (k *keepers) sweep(ctx context.Context, st store.Store) {
	over := func(id run.ID) bool {
		r, err := st.Run(ctx, id)
		return fault.CodeOf(err) == fault.NotFound || err == nil && r.Attempt.State.Ended()
	}
	entries, _ := os.ReadDir(k.base()) // most often there is none
	for _, e := range entries {
		number, ok := strings.CutPrefix(e.Name(), "run-")
		id, err := strconv.ParseInt(number, 10, 64)
		if !ok || err != nil || !e.IsDir() {
			continue
		}
		keeper.Discard(filepath.Join(k.base(), e.Name()), func() bool { return over(run.ID(id)) })
	}
	if k.own != nil {
		k.own.sweep(over)
	}
}

// open returns the keeper of an attempt. Of one that was taken up with jobs running it is
// the one that looks after these.
func (k *keepers) open(a runs.Attempt) (keeper.Keeper, error) {
	if a.TakenUp == nil || a.TakenUp.Running == 0 {
		return k.begin(a, true)
	}
	dirs := stationsIn(k.base())
	for _, dir := range dirs {
		if epoch, is := marked(dir, a.Run); is && knowsAll(epoch, a) {
			return k.at(dir, a, true)
		}
	}
	if _, err := os.Stat(k.dir(a.Run)); err == nil {
		return k.openDir(k.dir(a.Run), a.Epoch)
	}
	for _, dir := range dirs {
		if _, is := marked(dir, a.Run); is {
			return k.at(dir, a, false)
		}
	}
	return k.begin(a, false) // it comes from another host
}

// knowsAll reports whether a keeper knows every task of an attempt that may have been
// started, of which a program had the run in that epoch. What it started it had recorded before,
// so that only somebody who recorded later can have started anything elsewhere.
func knowsAll(epoch int64, a runs.Attempt) bool {
	if a.TakenUp.Wrote == 0 { // nobody knows who it was
		return epoch == a.Epoch-1
	}
	return epoch >= a.TakenUp.Wrote
}

// begin returns a keeper for an attempt that has none.
func (k *keepers) begin(a runs.Attempt, trusted bool) (keeper.Keeper, error) {
	if k.own != nil {
		return k.own.handle(a.Run, a.Epoch, trusted, k.release)
	}
	return k.openDir(k.dir(a.Run), a.Epoch)
}

// openDir opens the keeper in a directory: in a process of its own, or on systems that
// have none in this program.
func (k *keepers) openDir(dir string, epoch int64) (keeper.Keeper, error) {
	cfg := keeper.Config{
		Dir: dir, Epoch: epoch, Sync: k.settings.Durability == string(sqlstore.Full), Host: k.host, Notice: k.settings.Notice,
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

// serve opens the keeper of a service's runs: the first that no other service on this
// database and host has. It stays open until close.
func (k *keepers) serve() error {
	for n := 1; n <= maxStations; n++ {
		st, err := k.station(filepath.Join(k.base(), stationPrefix+strconv.Itoa(n)))
		switch {
		case err == nil:
			k.own = st
			return nil
		case !errors.Is(err, errStationBusy):
			return err
		}
	}
	return fault.New(fault.Locked, "%d services work on this database on this host already", maxStations)
}

// at returns the keeper in a station for an attempt. Locked: another program works with
// it, and will take the attempt up.
func (k *keepers) at(dir string, a runs.Attempt, trusted bool) (keeper.Keeper, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	st, err := k.enter(dir)
	if err != nil {
		return nil, err
	}
	return st.handle(a.Run, a.Epoch, trusted, k.release)
}

// station returns the one in a directory.
func (k *keepers) station(dir string) (*station, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.enter(dir)
}

// enter returns the station in a directory, which it opens if need be. Call it with mu held.
func (k *keepers) enter(dir string) (*station, error) {
	if st := k.stations[dir]; st != nil {
		return st, nil
	}
	lock, epoch, err := lockStation(dir)
	if errors.Is(err, errStationBusy) {
		return nil, fault.Wrap(err, fault.Locked, "the jobs of %s are looked after by a service", dir)
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "there is no place for the keeper at %s", dir)
	}
	open, err := k.openDir(dir, epoch)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	st := &station{dir: dir, lock: lock, Keeper: open}
	if k.stations == nil {
		k.stations = make(map[string]*station)
	}
	k.stations[dir] = st
	return st, nil
}

// release closes a station that was opened for attempts that are over.
func (k *keepers) release(st *station) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if st != k.own && st.idle() && k.stations[st.dir] == st {
		delete(k.stations, st.dir)
		_ = st.close() // what it can't give back it gives back with its end
	}
}

// close gives all stations back.
func (k *keepers) close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var errs []error
	for dir, st := range k.stations {
		delete(k.stations, dir)
		errs = append(errs, st.close())
	}
	return errors.Join(errs...)
}

// remains reports whether anything is known of tasks of a run, whichever keeper they are with.
func (k *keepers) remains(id run.ID, tasks []string) bool {
	if keeper.Look(k.dir(id), tasks) {
		return true
	}
	for _, dir := range stationsIn(k.base()) {
		if _, is := marked(dir, id); is && keeper.Look(dir, tasks) {
			return true
		}
	}
	return false
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
