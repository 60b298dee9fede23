package pagesum

import (
	"unsafe"

	"modernc.org/libc"
)

// SQLite, which was translated from C, passes addresses as uintptr. These functions turn
// them into Go's pointers and back; what they point to is memory of C, in which the
// garbage collector has no say, or a function that the layer keeps.

// at returns what is at an address.
func at[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) } //nolint:gosec // see above

// allocate returns memory of C that is never freed, and nil when there is none.
func allocate[T any](tls *libc.TLS) *T {
	var t T
	return at[T](libc.Xcalloc(tls, 1, libc.Tsize_t(unsafe.Sizeof(t))))
}

// where returns the address of memory of C.
func where[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) } //nolint:gosec // see above

// memory returns n bytes at an address.
func memory(p uintptr, n int32) []byte { return unsafe.Slice(at[byte](p), n) } //nolint:gosec // see above

// function returns the function that SQLite has the address of. F is its type.
func function[F any](p uintptr) F { return *(*F)(unsafe.Pointer(&p)) } //nolint:gosec // see above

// address returns what SQLite calls a function by. The variable must be kept.
func address[F any](f *F) uintptr { return *(*uintptr)(unsafe.Pointer(f)) } //nolint:gosec // see above
