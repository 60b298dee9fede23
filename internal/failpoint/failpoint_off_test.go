//go:build !failpoints

package failpoint

import "testing"

// Without the tag nothing happens, whatever the environment says.
func TestOff(t *testing.T) {
	t.Setenv("EXECUTIONER_FAILPOINT", "a=kill,b=eio,c=short")
	Role("keeper")
	Peer(1)
	PeerOf(nil)
	At("a")
	if err := Err("b"); err != nil || Short("c", 7) != 7 || Enabled {
		t.Errorf("%v, %d, %t", err, Short("c", 7), Enabled)
	}
}
