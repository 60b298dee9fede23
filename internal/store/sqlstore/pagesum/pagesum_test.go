package pagesum

import (
	"bytes"
	"database/sql"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// TestSum compares with what cksumvfs, as SQLite comes with it, writes for the same bytes.
func TestSum(t *testing.T) {
	p := make([]byte, 24)
	for i := range p {
		p[i] = byte(i + 1)
	}
	var a, b uint32 // its loop, word by word
	for i := 0; i < len(p); i += 8 {
		a += uint32(p[i]) | uint32(p[i+1])<<8 | uint32(p[i+2])<<16 | uint32(p[i+3])<<24
		a += b
		b += uint32(p[i+4]) | uint32(p[i+5])<<8 | uint32(p[i+6])<<16 | uint32(p[i+7])<<24
		b += a
	}
	if x, y := sum(p); x != a || y != b || x == 0 || y == 0 {
		t.Errorf("got %x %x, want %x %x", x, y, a, b)
	}
}

// TestEveryByteCounts changes each byte of a page in each of its bits.
func TestEveryByteCounts(t *testing.T) {
	page := make([]byte, smallest)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range page {
		page[i] = byte(random.Uint32())
	}
	seal(page)
	if !intact(page) {
		t.Fatal("a sealed page is not intact")
	}
	for i := range page {
		for bit := range 8 {
			page[i] ^= 1 << bit
			if intact(page) {
				t.Errorf("byte %d, bit %d: not noticed", i, bit)
			}
			page[i] ^= 1 << bit
		}
	}
}

func TestMarked(t *testing.T) {
	header := func(change func(h []byte)) []byte {
		h := make([]byte, headerSize)
		blank(h)
		change(h)
		return h
	}
	for name, c := range map[string]struct {
		h    []byte
		want bool
	}{
		"new":                 {header(func([]byte) {}), true},
		"by application only": {header(func(h []byte) { h[atReserved] = 0; copy(h[atApplication:], "ExeP") }), true},
		"neither":             {header(func(h []byte) { h[atReserved] = 0 }), false},
		"another reserve":     {header(func(h []byte) { h[atReserved] = 9 }), false},
		"no database":         {header(func(h []byte) { h[0] = 'x' }), false},
	} {
		if got := marked(c.h); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestIsPage(t *testing.T) {
	for n, want := range map[int32]bool{0: false, 16: false, 100: false, 256: false, 511: false, 512: true, 4096: true, 65536: true, 4000: false} {
		if isPage(n) != want {
			t.Errorf("%d: %v", n, !want)
		}
	}
}

func open(t *testing.T, path, vfs string) *sql.DB {
	t.Helper()
	if _, err := Register(); err != nil {
		t.Fatal(err)
	}
	if vfs == "" {
		vfs = name
	}
	db, err := sql.Open("sqlite", "file:"+path+"?vfs="+vfs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func exec(t *testing.T, db *sql.DB, statements string) {
	t.Helper()
	if _, err := db.Exec(statements); err != nil {
		t.Fatal(err)
	}
}

// filled makes a database by way of the file system vfs, with a table and an index
// larger than a page, and returns its path.
func filled(t *testing.T, vfs, mode string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.db")
	db := open(t, path, vfs)
	exec(t, db, "PRAGMA journal_mode="+mode+`; CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT); CREATE INDEX i ON t (b);
		INSERT INTO t (b) WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 500) SELECT 'row ' || x FROM n;
		INSERT INTO t (b) VALUES (hex(zeroblob(20000)));
		DELETE FROM t WHERE a % 7 = 0; UPDATE t SET b = b || '!' WHERE a % 5 = 0`)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// pages returns the pages of a file and how many of them have a right checksum.
func pages(t *testing.T, path string) (all [][]byte, right int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for page := range slices.Chunk(data, pageSize) {
		all = append(all, page)
		if intact(page) {
			right++
		}
	}
	return all, right
}

// TestEveryPageIsSealed has a new file written in both ways in which SQLite writes.
func TestEveryPageIsSealed(t *testing.T) {
	for _, mode := range []string{"WAL", "DELETE"} {
		path := filled(t, "", mode)
		all, right := pages(t, path)
		if len(all) < 10 || right != len(all) || all[0][atReserved] != reserved {
			t.Errorf("%s: %d pages, %d are right", mode, len(all), right)
		}
		for _, vfs := range []string{"", "unix"} { // any SQLite can read it
			var found string
			if err := open(t, path, vfs).QueryRow("PRAGMA integrity_check").Scan(&found); err != nil || found != "ok" {
				t.Errorf("%s: %s, %v", mode, found, err)
			}
		}
	}
}

// TestOthersStayAsTheyAre writes a file that was made without checksums.
func TestOthersStayAsTheyAre(t *testing.T) {
	for _, mode := range []string{"WAL", "DELETE"} {
		path := filled(t, "unix", mode)
		db := open(t, path, "")
		exec(t, db, "UPDATE t SET b = 'other' WHERE a = 3")
		var n int
		if err := db.QueryRow("SELECT COUNT(*) FROM t WHERE b = 'other'").Scan(&n); err != nil || n != 1 {
			t.Errorf("%d, %v", n, err)
		}
		db.Close()
		if all, right := pages(t, path); right > 0 || all[0][atReserved] != 0 {
			t.Errorf("%s: %d pages have a checksum", mode, right)
		}
	}
}

// TestDamageIsNoticed changes a byte of each page, and reads all by table and by index.
func TestDamageIsNoticed(t *testing.T) {
	path := filled(t, "", "WAL")
	all, _ := pages(t, path)
	damaged := filepath.Join(t.TempDir(), "damaged.db")
	for i := range all {
		data := bytes.Join(all, nil)
		data[i*pageSize+pageSize/2] ^= 1
		if err := os.WriteFile(damaged, data, 0o600); err != nil {
			t.Fatal(err)
		}
		db := open(t, damaged, "")
		var n, m int
		err := db.QueryRow("SELECT SUM(length(b)), (SELECT COUNT(*) FROM t INDEXED BY i WHERE b > '') FROM t NOT INDEXED").Scan(&n, &m)
		db.Close()
		var e *sqlite.Error
		if err == nil && isFree(t, path, i+1) {
			continue // nothing is read of it
		}
		if !errors.As(err, &e) || e.Code() != sqlite3.SQLITE_IOERR_DATA {
			t.Errorf("page %d: got %v", i+1, err)
		}
	}
}

// isFree reports whether a page belongs to no table and no index.
func isFree(t *testing.T, path string, page int) bool {
	t.Helper()
	var used int
	err := open(t, path, "").QueryRow("SELECT COUNT(*) FROM dbstat WHERE pageno = ?", page).Scan(&used)
	if err != nil {
		t.Fatal(err)
	}
	return used == 0
}

// TestWriterThatOpenedAnEmptyFile has two connections at the very beginning.
func TestWriterThatOpenedAnEmptyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	one, two := open(t, path, ""), open(t, path, "")
	for _, db := range []*sql.DB{one, two} {
		db.SetMaxOpenConns(1)
		exec(t, db, "PRAGMA busy_timeout = 5000; SELECT 1")
	}
	exec(t, one, "PRAGMA journal_mode = WAL; CREATE TABLE t (a)")
	exec(t, two, "INSERT INTO t VALUES (1); PRAGMA wal_checkpoint(TRUNCATE)")
	exec(t, one, "INSERT INTO t VALUES (2); PRAGMA wal_checkpoint(TRUNCATE)")
	if all, right := pages(t, path); right != len(all) {
		t.Errorf("%d of %d pages are right", right, len(all))
	}
	var n int
	if err := two.QueryRow("SELECT SUM(a) FROM t").Scan(&n); err != nil || n != 3 {
		t.Errorf("%d, %v", n, err)
	}
}

func TestVacuum(t *testing.T) {
	path := filled(t, "", "WAL")
	copied := filepath.Join(t.TempDir(), "copy.db")
	db := open(t, path, "")
	exec(t, db, "VACUUM; PRAGMA wal_checkpoint(TRUNCATE); VACUUM INTO '"+copied+"'")
	for _, p := range []string{path, copied} {
		if all, right := pages(t, p); right != len(all) {
			t.Errorf("%s: %d of %d pages are right", p, right, len(all))
		}
	}
}

func TestRegisterAtOnce(t *testing.T) {
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := Register(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// TestManyConnections reads and writes from several goroutines.
func TestManyConnections(t *testing.T) {
	path := filled(t, "", "WAL")
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(20000)&_txlock=immediate&vfs="+name)
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			for range 20 {
				if _, err := db.Exec("INSERT INTO t (b) VALUES ('" + strings.Repeat("x", 5000) + "')"); err != nil {
					t.Error(err)
				}
				var n int
				if err := db.QueryRow("SELECT SUM(length(b)) FROM t").Scan(&n); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if all, right := pages(t, path); right != len(all) {
		t.Errorf("%d of %d pages are right", right, len(all))
	}
}

func BenchmarkSum(b *testing.B) {
	page := make([]byte, pageSize)
	b.SetBytes(pageSize)
	for b.Loop() {
		seal(page)
	}
}
