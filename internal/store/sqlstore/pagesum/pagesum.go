// Package pagesum keeps a checksum in every page of an SQLite database file, and has
// SQLite fail when a page that it reads is not what was written. SQLite by itself
// notices damage to its structures only: of a byte that has changed within a text, or
// within an index, it knows nothing.
//
// The format is that of SQLite's own checksum extension (cksumvfs): the last 8 bytes of
// each page hold the checksum of the others. Any SQLite can read such a file; one
// without that extension must not write it, since the pages that it writes do not match.
//
// It works below SQLite, as a file system ("VFS") that passes everything on to the usual
// one and looks at what is read from and written to the database file. The write-ahead
// log has checksums of its own. This is the one package that deals in memory of C.
package pagesum

import (
	"bytes"
	"encoding/binary"
)

const (
	// Marked is the application id of databases in which every page has a checksum. It
	// says so a second time, beside the number of reserved bytes, so that no damage to
	// one of the two makes a file look like one without checksums.
	Marked = 0x45786550 // "ExeP"

	reserved   = 8   // bytes at the end of each page
	headerSize = 100 // of the file
	pageSize   = 4096
	smallest   = 512 // page

	magic = "SQLite format 3\x00"
	// where in the header it is
	atPageSize    = 16
	atReserved    = 20
	atFractions   = 21 // three bytes that are always 64, 32, 32
	atApplication = 68
)

// marked reports whether a file that begins like that has checksums.
func marked(header []byte) bool {
	return bytes.HasPrefix(header, []byte(magic)) &&
		(header[atReserved] == reserved || binary.BigEndian.Uint32(header[atApplication:]) == Marked)
}

// blank makes of b, what was read of an empty file, the header of a database that has
// no page yet. SQLite takes from it how to make the first.
func blank(b []byte) {
	clear(b)
	copy(b, magic)
	binary.BigEndian.PutUint16(b[atPageSize:], pageSize)
	b[atReserved] = reserved
	copy(b[atFractions:], []byte{64, 32, 32})
}

// isPage reports whether so many bytes are a page.
func isPage(n int32) bool { return n >= smallest && n&(n-1) == 0 }

// intact reports whether a page is what was written.
func intact(page []byte) bool {
	end := len(page) - reserved
	a, b := sum(page[:end])
	return binary.LittleEndian.Uint32(page[end:]) == a && binary.LittleEndian.Uint32(page[end+4:]) == b
}

// seal writes the checksum into a page.
func seal(page []byte) {
	end := len(page) - reserved
	a, b := sum(page[:end])
	binary.LittleEndian.PutUint32(page[end:], a)
	binary.LittleEndian.PutUint32(page[end+4:], b)
}

// sum is the checksum of cksumvfs: two sums that depend on each other, so that a change
// of any one byte, and an exchange of two, changes at least one of them. The length of p
// is a multiple of 8.
func sum(p []byte) (a, b uint32) {
	for ; len(p) >= 8; p = p[8:] {
		w := binary.LittleEndian.Uint64(p)
		a += uint32(w) + b
		b += uint32(w>>32) + a
	}
	return a, b
}
