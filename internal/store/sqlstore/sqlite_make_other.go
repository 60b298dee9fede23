//go:build !linux

package sqlstore

import (
	"os"
	"path/filepath"
)

// makeEmpty makes a file that has been closed when it gets its name: to close it could take
// another connection's locks away.
func makeEmpty(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".executioner-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it has its other name by then
	if err := f.Close(); err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}
