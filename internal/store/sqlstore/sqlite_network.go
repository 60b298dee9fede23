package sqlstore

import (
	"os"
	"path/filepath"

	"github.com/executionerhq/executioner/internal/fault"
)

// refuseNetwork refuses a place on a network file system: programs on several hosts
// can't share the memory that they need to write in turns, and locks there may not hold.
func refuseNetwork(path string, allowed bool) error {
	if allowed {
		return nil
	}
	dir := existing(filepath.Dir(path))
	kind, err := fileSystemOf(dir)
	if err != nil || !kind.network() {
		return nil //nolint:nilerr // whatever is wrong with the place is told when it is used
	}
	return errNetwork(path, kind.name())
}

func errNetwork(path, kind string) error {
	return &fault.Error{
		Code: fault.Unsupported, Op: "open database", At: path,
		Msg: "the database would be on a network file system (" + kind + "), where it can be damaged",
		Hint: "use a directory of this host, or PostgreSQL for several hosts; " +
			"if only this host ever uses it: EXECUTIONER_ALLOW_NETWORK_FS=1",
	}
}

// existing returns dir, or the nearest above it that is there.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// fsType is what statfs calls the type of a file system on Linux.
type fsType int64

// networkTypes are those whose files another host may have open at the same time.
// FUSE is not among them: it may be anything.
var networkTypes = map[fsType]string{ //nolint:gochecknoglobals // a table
	0x6969:     "NFS",
	0x517b:     "SMB",
	0xff534d42: "CIFS",
	0xfe534d42: "SMB",
	0x5346414f: "AFS",
	0x6b414653: "AFS",
	0x564c:     "NCP",
	0x73757245: "Coda",
	0x00c36400: "Ceph",
	0x0bd00bd0: "Lustre",
	0x47504653: "GPFS",
	0x7461636f: "OCFS2",
	0x01161970: "GFS2",
	0x19830326: "BeeGFS",
	0xaad7aaea: "PanFS",
}

func (t fsType) network() bool { return networkTypes[t] != "" }
func (t fsType) name() string  { return networkTypes[t] }
