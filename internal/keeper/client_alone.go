package keeper

import (
	"errors"
	"os"

	"github.com/executionerhq/executioner/internal/fault"
)

// alone is a custodian in the engine itself.
type alone struct {
	*Custodian
	cfg   Config
	lock  *os.File
	other Fate
}

// Alone returns a keeper that has no process of its own: what it looks after ends
// unobserved when this program ends. What it wrote down helps the next one all the same.
func Alone(cfg Config) (Keeper, error) {
	lock, err := occupy(cfg.Dir)
	if err != nil {
		return nil, err
	}
	book, found, other, err := openJournal(cfg.Dir, cfg.Sync)
	if err != nil {
		err = errors.Join(err, lock.Close())
		return nil, fault.Wrap(err, fault.Unavailable, "the journal of the jobs in %s can't be opened", cfg.Dir)
	}
	if err := book.Epoch(cfg.Epoch); err != nil {
		err = errors.Join(err, book.Close(), lock.Close())
		return nil, fault.Wrap(err, fault.Locked, "another program took over the jobs of %s", cfg.Dir)
	}
	return &alone{newCustodian(cfg.Host, book, found, nil, whom{}), cfg, lock, other}, nil
}

// Fate implements Keeper.
func (a *alone) Fate(id string) Fate {
	if f, ok := a.fates()[id]; ok {
		return f
	}
	return a.other
}

// Knows is as for a Client.
func (a *alone) Knows(id string) bool {
	_, known := a.fates()[id]
	return known
}

// Close implements Keeper.
func (a *alone) Close(done bool) error {
	err := a.Custodian.Close(done)
	if done || a.empty() {
		removeDir(a.cfg.Dir)
	}
	_ = a.lock.Close() // again is no harm
	return err
}
