//go:build !linux

package sqlstore

// fileSystemOf knows no network file systems here.
func fileSystemOf(string) (fsType, error) { return 0, nil }
