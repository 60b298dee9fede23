package app

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/keeper"
	"github.com/executionerhq/executioner/internal/run"
)

// A station is a keeper that many runs share, in a directory "serve-N" beside those of
// single runs. Beside it are
//
//	serve-N.lock  locked by the program that works with the keeper, which others must not
//	              call meanwhile; it holds the keeper's epoch, which grows with each program
//	serve-N.runs  a file for each run whose tasks are with this keeper, which holds the
//	              run's epoch: only for these does the keeper's silence about a task mean
//	              that it was never started
type station struct {
	dir  string
	lock *os.File
	keeper.Keeper

	mu   sync.Mutex // guards used: attempts begin and end at any time
	used int        // handles
}

const (
	stationPrefix = "serve-"
	lockSuffix    = ".lock"
	runsSuffix    = ".runs"
	maxStations   = 64 // services on one database of one host
)

// errStationBusy says that another program works with the keeper.
var errStationBusy = errors.New("another program works with it")

// lockStation makes the keeper of a directory this program's to call, and returns the
// epoch in which it does so.
func lockStation(dir string) (*os.File, int64, error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, 0, err
	}
	f, err := os.OpenFile(dir+lockSuffix, os.O_RDWR|os.O_CREATE|noFollow, 0o600)
	if err != nil {
		return nil, 0, err
	}
	if err := flock(f); err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	epoch, err := nextEpoch(f)
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, epoch, nil
}

// nextEpoch counts the epoch in a file up. It grows also when the file was lost.
func nextEpoch(f *os.File) (int64, error) {
	text, err := io.ReadAll(io.LimitReader(f, 32))
	if err != nil {
		return 0, err
	}
	before, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64) // an empty file is a new one
	epoch := max(before+1, time.Now().Unix())
	_, err = f.WriteAt([]byte(strconv.FormatInt(epoch, 10)+"\n"), 0)
	return epoch, err
}

// marker is the file that says that a run's tasks are with the station.
func marker(dir string, id run.ID) string { return filepath.Join(dir+runsSuffix, id.String()) }

// marked returns the epoch of a run whose tasks are with a station, and whether they are.
// Epoch 0 is none: the keeper does not know of all of them.
func marked(dir string, id run.ID) (epoch int64, is bool) {
	text, err := os.ReadFile(marker(dir, id))
	if err != nil {
		return 0, false
	}
	epoch, _ = strconv.ParseInt(string(text), 10, 64)
	return epoch, true
}

// handle returns the station as the keeper of one attempt, which is in that epoch of its
// run. It is trusted when the keeper knows of every task of the attempt that was started.
func (s *station) handle(id run.ID, epoch int64, trusted bool, closed func(*station)) (keeper.Keeper, error) {
	if !trusted {
		epoch = 0
	}
	if err := s.mark(id, epoch); err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "there is no place for the keeper at %s", s.dir)
	}
	s.mu.Lock()
	s.used++
	s.mu.Unlock()
	return &handle{station: s, run: id, trusted: trusted, closed: closed}, nil
}

func (s *station) mark(id run.ID, epoch int64) error {
	path := marker(s.dir, id)
	text := []byte(strconv.FormatInt(epoch, 10))
	err := os.WriteFile(path, text, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			err = os.WriteFile(path, text, 0o600)
		}
	}
	return err
}

// handle is a station's keeper for one attempt.
type handle struct {
	*station
	run     run.ID
	trusted bool
	closed  func(*station) // is told when the attempt is over
	once    sync.Once
}

// knower is a keeper that tells what it knows from what it concludes.
type knower interface{ Knows(id string) bool }

// Fate implements keeper.Keeper.
func (h *handle) Fate(id string) keeper.Fate {
	if k, ok := h.Keeper.(knower); !h.trusted && ok && !k.Knows(id) {
		return keeper.Lost
	}
	return h.Keeper.Fate(id)
}

// Close implements keeper.Keeper. The keeper goes on for the other attempts.
func (h *handle) Close(done bool) error {
	h.once.Do(func() {
		if done {
			_ = os.Remove(marker(h.dir, h.run)) // a stale one is recognised by its epoch
		}
		h.mu.Lock()
		h.used--
		h.mu.Unlock()
		h.closed(h.station)
	})
	return nil
}

// sweep removes the markers of runs that are over.
func (s *station) sweep(over func(run.ID) bool) {
	entries, _ := os.ReadDir(s.dir + runsSuffix)
	for _, e := range entries {
		if id, err := strconv.ParseInt(e.Name(), 10, 64); err == nil && over(run.ID(id)) {
			_ = os.Remove(marker(s.dir, run.ID(id)))
		}
	}
}

// idle reports whether no attempt uses the station.
func (s *station) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used == 0
}

// close gives the keeper back. One that still has jobs to look after is left without a
// word, as by a program that is killed: it goes on, and the next program calls it.
func (s *station) close() error {
	var err error
	if s.idle() {
		err = s.Keeper.Close(false)
		_ = os.Remove(s.dir + runsSuffix) // not when runs are left
	}
	return errors.Join(err, s.lock.Close())
}

// stationsIn returns the directories of the stations that a database has had on this host.
func stationsIn(base string) []string {
	entries, _ := os.ReadDir(base) // most often there is none
	var dirs []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), runsSuffix); ok && strings.HasPrefix(name, stationPrefix) {
			dirs = append(dirs, filepath.Join(base, name))
		}
	}
	return dirs
}

const noFollow = syscall.O_NOFOLLOW

func flock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errStationBusy
	}
	return err
}
