package sqlstore

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/executionerhq/executioner/internal/fault"
)

func TestNetworkTypes(t *testing.T) {
	for kind, want := range map[fsType]string{
		0x6969: "NFS", 0xff534d42: "CIFS", 0xfe534d42: "SMB", 0x00c36400: "Ceph", 0x0bd00bd0: "Lustre",
		0xef53: "", 0x58465342: "", 0x9123683e: "", 0x01021994: "", 0x794c7630: "", 0x65735546: "", 0: "", // ext4, xfs, btrfs, tmpfs, overlay, FUSE
	} {
		if kind.name() != want || kind.network() != (want != "") {
			t.Errorf("%#x: %q, %v", int64(kind), kind.name(), kind.network())
		}
	}
}

func TestRefuseNetwork(t *testing.T) {
	err := errNetwork("/mnt/history.db", "NFS")
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != fault.Unsupported || f.Hint == "" || err.Error() !=
		"/mnt/history.db: the database would be on a network file system (NFS), where it can be damaged" {
		t.Errorf("got %#v", f)
	}
	local := filepath.Join(t.TempDir(), "not", "there", "history.db")
	if err := refuseNetwork(local, false); err != nil {
		t.Errorf("a directory of this host: %v", err)
	}
	if err := refuseNetwork("/proc/none/history.db", false); err != nil { // is told elsewhere
		t.Error(err)
	}
	if got, want := existing(local), filepath.Dir(filepath.Dir(filepath.Dir(local))); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
