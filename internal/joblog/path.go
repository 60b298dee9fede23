// Package joblog is the log files: their names, what a job writes into its own,
// the rotating log of an application, and reading them again.
package joblog

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"

	"github.com/executionerhq/executioner/internal/run"
)

// maxName is the length from which a name is cut, so that a file name made of two
// stays below the 255 bytes that file systems allow.
const maxName = 96

// JobPath returns the log file of one job of one run. All tries of the job share it.
func JobPath(dir, app string, job run.JobID, id run.ID) string {
	return filepath.Join(dir, "executioner."+FileName(app)+".job-"+FileName(string(job))+".run-"+id.String()+".log")
}

// MainPath returns the main log file of one run.
func MainPath(dir, app string, id run.ID) string {
	return filepath.Join(dir, "executioner."+FileName(app)+".run-"+id.String()+".log")
}

// AppPath returns the rotating log file of an application.
func AppPath(dir, app string) string {
	return filepath.Join(dir, "executioner."+FileName(app)+".log")
}

// FileName returns name as part of a file name, different for different names. A
// name of letters, digits, dots, spaces, "_" and "-" that begins with a letter or
// digit is returned as it is. In any other, each byte that is none of these becomes
// "_", it is cut where it is too long, and "~" and a hash of the whole name are
// added. "~" is in no name that is returned as it is.
func FileName(name string) string {
	if plain(name) && len(name) <= maxName {
		return name
	}
	b := []byte(name[:min(len(name), maxName-9)])
	for i, c := range b {
		if !plainByte(c) || i == 0 && !alphanumeric(c) {
			b[i] = '_'
		}
	}
	sum := sha256.Sum256([]byte(name))
	return string(b) + "~" + hex.EncodeToString(sum[:4])
}

func plain(name string) bool {
	return name != "" && alphanumeric(name[0]) &&
		strings.IndexFunc(name, func(r rune) bool { return r > 0x7f || !plainByte(byte(r)) }) < 0
}

func plainByte(c byte) bool {
	return alphanumeric(c) || c == '.' || c == '_' || c == ' ' || c == '-'
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
