//go:build unix

package local

import "syscall"

// openFlags keep a link from being followed, and a pipe from being waited for.
const openFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK
