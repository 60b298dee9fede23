//go:build !unix

package daemon

// fileLimit returns how many files this process may have open, 0 when that is not known.
func fileLimit() int { return 0 }
