package pagesum

import (
	"bytes"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// traits says what the file can do, apart from reading parts of pages, which have no checksum.
func traits(tls *libc.TLS, file uintptr) int32 {
	usual := function[traitFunc](methodsAt(tableOf(file).under).FxDeviceCharacteristics)
	return usual(tls, file) &^ sqlite3.SQLITE_IOCAP_SUBPAGE_READ
}

func readChecked(tls *libc.TLS, file, buffer uintptr, n int32, offset int64) int32 {
	rc := tableOf(file).read(tls, file, buffer, n, offset)
	if rc == sqlite3.SQLITE_OK && isPage(n) && !intact(memory(buffer, n)) {
		return sqlite3.SQLITE_IOERR_DATA
	}
	return rc
}

func writeChecked(tls *libc.TLS, file, buffer uintptr, n int32, offset int64) int32 {
	if isPage(n) {
		seal(memory(buffer, n))
	}
	return tableOf(file).write(tls, file, buffer, n, offset)
}

// readUnknown reads from a file of which is not known yet whether it has checksums. An
// empty one is going to have them: the first that SQLite reads is the header.
func readUnknown(tls *libc.TLS, file, buffer uintptr, n int32, offset int64) int32 {
	t := tableOf(file)
	if offset == 0 && n == headerSize {
		rc := t.read(tls, file, buffer, n, offset)
		switch header := memory(buffer, n); {
		case rc == sqlite3.SQLITE_OK:
			t.decide(file, header)
		case rc == sqlite3.SQLITE_IOERR_SHORT_READ && len(bytes.Trim(header, "\x00")) == 0:
			blank(header)
		}
		return rc
	}
	if !t.look(tls, file) {
		return t.read(tls, file, buffer, n, offset)
	}
	return function[ioFunc](methodsOf(file).FxRead)(tls, file, buffer, n, offset)
}

// writeUnknown writes to such a file. Of one that is empty page 1 is written first.
func writeUnknown(tls *libc.TLS, file, buffer uintptr, n int32, offset int64) int32 {
	t := tableOf(file)
	if offset == 0 && n >= headerSize {
		t.decide(file, memory(buffer, n))
	} else if !t.look(tls, file) {
		return t.write(tls, file, buffer, n, offset)
	}
	return function[ioFunc](methodsOf(file).FxWrite)(tls, file, buffer, n, offset)
}

// look decides by what the file has now. It returns false for one that is still empty.
func (t *table) look(tls *libc.TLS, file uintptr) bool {
	buffer := tls.Alloc(headerSize)
	defer tls.Free(headerSize)
	if t.read(tls, file, buffer, headerSize, 0) != sqlite3.SQLITE_OK {
		return false
	}
	t.decide(file, memory(buffer, headerSize))
	return true
}

// decide gives a file the functions for what it is.
func (t *table) decide(file uintptr, header []byte) {
	f := at[sqlite3.Tsqlite3_file](file)
	if marked(header) {
		f.FpMethods = t.checked
	} else {
		f.FpMethods = t.under
	}
}

func (t *table) read(tls *libc.TLS, file, buffer uintptr, n int32, offset int64) int32 {
	return function[ioFunc](methodsAt(t.under).FxRead)(tls, file, buffer, n, offset)
}

func (t *table) write(tls *libc.TLS, file, buffer uintptr, n int32, offset int64) int32 {
	return function[ioFunc](methodsAt(t.under).FxWrite)(tls, file, buffer, n, offset)
}

// tableOf returns the table of a file that has one of ours.
func tableOf(file uintptr) *table { return at[table](at[sqlite3.Tsqlite3_file](file).FpMethods) }

// methodsOf returns the functions of a file, whosever they are.
func methodsOf(file uintptr) *sqlite3.Tsqlite3_io_methods {
	return methodsAt(at[sqlite3.Tsqlite3_file](file).FpMethods)
}

func methodsAt(p uintptr) *sqlite3.Tsqlite3_io_methods { return at[sqlite3.Tsqlite3_io_methods](p) }
