package doctor

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
)

// Where things are in a page that begins an SQLite database.
const (
	sqliteMagic   = "SQLite format 3\x00"
	sqliteVersion = 60 // user_version
	sqliteHeader  = 64 // as much of it as is looked at
)

// header reads the version of the schema from an SQLite database without opening it as
// one, which would bring it up to date. known is false when it is none.
func header(path string) (known bool, version int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return false, 0, err
	}
	defer f.Close()
	var h [sqliteHeader]byte
	n, err := io.ReadFull(f, h[:])
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	if err != nil || n < len(h) || !strings.HasPrefix(string(h[:]), sqliteMagic) {
		return false, 0, err
	}
	if newer, found := logged(path + "-wal"); found {
		return true, newer, nil
	}
	return true, versionIn(h[:]), nil
}

func versionIn(page []byte) int64 { return int64(binary.BigEndian.Uint32(page[sqliteVersion:])) }

// logged reads the version from a write-ahead log: it is in the last of the first pages
// that a commit follows. found is false when there is none.
func logged(path string) (version int64, found bool) {
	const headerSize, frameSize = 32, 24
	f, err := os.Open(path)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	var h [headerSize]byte
	if _, err := io.ReadFull(f, h[:]); err != nil {
		return 0, false
	}
	size, salts := int64(binary.BigEndian.Uint32(h[8:])), string(h[16:24])
	var latest int64
	seen := false
	for at := int64(headerSize); ; at += frameSize + size {
		var frame [frameSize + sqliteHeader]byte
		if _, err := f.ReadAt(frame[:], at); err != nil || string(frame[8:16]) != salts {
			return version, found // the rest is of before the log was begun again
		}
		if binary.BigEndian.Uint32(frame[0:]) == 1 {
			latest, seen = versionIn(frame[frameSize:]), true
		}
		if binary.BigEndian.Uint32(frame[4:]) != 0 && seen {
			version, found = latest, true
		}
	}
}
