package pagesum

import (
	"errors"
	"fmt"
	"sync"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// Register makes the file system known to SQLite and returns the name by which a
// database is opened with it (the parameter "vfs" of its address). SQLite keeps one list
// for the whole process, so this is done once; it is safe for concurrent use.
func Register() (vfs string, err error) {
	_, err = registered()
	return name, err
}

const name = "executioner"

// registered also keeps the layer, which only memory of C points to.
var registered = sync.OnceValues(register)

// The signatures of the functions of SQLite's that are replaced.
type (
	openFunc  = func(tls *libc.TLS, vfs, name, file uintptr, flags int32, outFlags uintptr) int32
	ioFunc    = func(tls *libc.TLS, file, buffer uintptr, n int32, offset int64) int32
	traitFunc = func(tls *libc.TLS, file uintptr) int32
	closeFunc = traitFunc
)

// layer is a VFS: the usual one, but for how files are opened. It lives as long as the
// process. What SQLite gets the address of is memory of C; the functions that stand in
// there are kept here.
type layer struct {
	under uintptr // the usual VFS
	open  openFunc

	readUnknown, readChecked   ioFunc
	writeUnknown, writeChecked ioFunc
	traits                     traitFunc

	mu     sync.Mutex
	tables map[uintptr]*tables // by the table of functions that they replace
}

// table is the functions of an open file, with what ours need behind it. Which table a
// file has says what is known of it.
type table struct {
	io      sqlite3.Tsqlite3_io_methods // the first field: files point to it
	under   uintptr                     // the table that it replaces, which does the work
	checked uintptr                     // the table of a file with checksums
}

// tables are those that replace one of the usual VFS. A file without checksums gets
// that one back.
type tables struct {
	unknown table // nothing could be read of the file yet, or nothing has been
	checked table // every page of the file has a checksum
}

func register() (*layer, error) {
	tls := libc.NewTLS() // as long as the process lives
	under := sqlite3.Xsqlite3_vfs_find(tls, 0)
	if under == 0 {
		return nil, errors.New("SQLite has no file system")
	}
	called, err := libc.CString(name)
	if err != nil {
		return nil, err
	}
	vfs := allocate[sqlite3.Tsqlite3_vfs](tls)
	if vfs == nil {
		return nil, errors.New("there is no memory for the file system of SQLite")
	}
	l := &layer{under: under, tables: map[uintptr]*tables{}}
	l.open, l.traits = l.openFile, traits
	l.readUnknown, l.writeUnknown = readUnknown, writeUnknown
	l.readChecked, l.writeChecked = readChecked, writeChecked
	*vfs = *at[sqlite3.Tsqlite3_vfs](under)
	vfs.FpNext, vfs.FzName, vfs.FxOpen = 0, called, address(&l.open)
	if rc := sqlite3.Xsqlite3_vfs_register(tls, where(vfs), 0); rc != sqlite3.SQLITE_OK {
		return nil, fmt.Errorf("SQLite refuses the file system: error %d", rc)
	}
	return l, nil
}

// openFile opens a file as the usual VFS does. A database file then gets our functions.
func (l *layer) openFile(tls *libc.TLS, _, path, file uintptr, flags int32, outFlags uintptr) int32 {
	open := function[openFunc](at[sqlite3.Tsqlite3_vfs](l.under).FxOpen)
	rc := open(tls, l.under, path, file, flags, outFlags)
	if rc != sqlite3.SQLITE_OK || flags&sqlite3.SQLITE_OPEN_MAIN_DB == 0 {
		return rc
	}
	f := at[sqlite3.Tsqlite3_file](file)
	t := l.tablesFor(tls, f.FpMethods)
	if t == nil {
		function[closeFunc](methodsOf(file).FxClose)(tls, file)
		f.FpMethods = 0
		return sqlite3.SQLITE_NOMEM
	}
	f.FpMethods = where(&t.unknown)
	return rc
}

// tablesFor returns the tables that replace one of the usual VFS, of which there are a
// few: it depends on how locks are kept where the file is. It returns nil when there is
// no memory.
func (l *layer) tablesFor(tls *libc.TLS, under uintptr) *tables {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t, ok := l.tables[under]; ok {
		return t
	}
	t := allocate[tables](tls)
	if t == nil {
		return nil
	}
	t.unknown = table{under: under, checked: where(&t.checked)}
	t.checked = t.unknown
	l.fill(&t.unknown.io, under, &l.readUnknown, &l.writeUnknown)
	l.fill(&t.checked.io, under, &l.readChecked, &l.writeChecked)
	l.tables[under] = t
	return t
}

// fill puts our functions beside the usual ones.
func (l *layer) fill(io *sqlite3.Tsqlite3_io_methods, under uintptr, read, write *ioFunc) {
	*io = *methodsAt(under)
	io.FxRead, io.FxWrite, io.FxDeviceCharacteristics = address(read), address(write), address(&l.traits)
	io.FiVersion = min(io.FiVersion, 2) // 3 has functions that map a file into memory, past ours
}
