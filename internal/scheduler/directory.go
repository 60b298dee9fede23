package scheduler

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/workflow"
)

// mostText is how large a workflow file may be, in bytes.
const mostText = 16 << 20

// files returns the version of each workflow file of the directory.
func (s *Scheduler) files() (map[string]string, error) {
	found := map[string]string{}
	if s.cfg.Directory == "" {
		return found, nil
	}
	all, err := os.ReadDir(s.cfg.Directory)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "the directory %s can't be read", s.cfg.Directory)
	}
	for _, d := range all {
		if !named(d.Name()) {
			continue
		}
		is, err := os.Stat(filepath.Join(s.cfg.Directory, d.Name())) // what a link leads to
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, fault.Wrap(err, fault.Unavailable, "%s can't be read", d.Name())
		case is.Mode().IsRegular():
			found[ofFile+d.Name()] = is.ModTime().UTC().String() + " " + strconv.FormatInt(is.Size(), 10)
		}
	}
	return found, nil
}

// named reports whether a file of that name is a workflow.
func named(name string) bool {
	return !strings.HasPrefix(name, ".") && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name))
}

// readFile reads a workflow file of the directory.
func (s *Scheduler) readFile(name string) (src workflow.Source, dir string, err error) {
	if s.cfg.Directory == "" || filepath.Base(name) != name || !named(name) {
		return src, "", fault.New(fault.NotFound, "there is no workflow file %q in the directory of this service", name)
	}
	dir, err = filepath.Abs(s.cfg.Directory)
	if err != nil {
		return src, "", fault.Wrap(err, fault.Unavailable, "the current directory is not known")
	}
	path := filepath.Join(dir, name)
	is, err := os.Stat(path)
	if err == nil && is.Size() > mostText {
		return src, "", fault.New(fault.InvalidWorkflow, "%s is larger than %d MiB", path, mostText>>20)
	}
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return src, "", fault.New(fault.NotFound, "there is no workflow file %s any more", path)
	case err != nil:
		return src, "", fault.Wrap(err, fault.Unavailable, "%s can't be read", path)
	}
	return workflow.Source{Name: path, Data: data}, dir, nil
}
