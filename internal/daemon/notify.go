package daemon

import (
	"net"
	"strings"
)

// Notify tells a service manager something, as sd_notify(3): READY=1, STOPPING=1,
// STATUS=text. socket is the value of NOTIFY_SOCKET; empty: nobody wants to know. It is
// a hint, so that one which can't be told is not an error.
func Notify(socket, state string) {
	if socket == "" {
		return
	}
	if rest, abstract := strings.CutPrefix(socket, "@"); abstract {
		socket = "\x00" + rest
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	_, _ = c.Write([]byte(state))
}
