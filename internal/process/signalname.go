package process

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// signalName returns a signal's name, such as "SIGSEGV".
func signalName(sig syscall.Signal) string {
	if name := unix.SignalName(sig); name != "" {
		return name
	}
	return sig.String()
}
