//go:build !linux

package process

import "time"

// FindMarked finds nothing on this system.
func FindMarked(uint64, time.Time, Handle) (Handle, bool) { return Handle{}, false }

// Strays finds nothing on this system.
func Strays(_, _ uint64, _ map[int]bool) (found []Handle, alike, unborn bool) {
	return nil, false, true
}

// IsProgram is false on this system, where nothing is found by a mark.
func IsProgram(int, uint64, string, time.Duration) bool { return false }
