//go:build !unix

package local

// openFlags are those of systems that have none of the things to beware of.
const openFlags = 0
