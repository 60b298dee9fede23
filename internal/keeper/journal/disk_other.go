//go:build !linux

package journal

import (
	"errors"
	"os"
)

func fallocate(*os.File, int64, int64) error { return errors.ErrUnsupported }

func fdatasync(f *os.File) error { return f.Sync() }

// bootID returns nothing: what names a boot is not known here, so that no record
// counts as one of this boot.
func bootID() string { return "" }
