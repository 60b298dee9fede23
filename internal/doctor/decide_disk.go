package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// What is little. A journal keeps 2 MiB in advance, a history's log grows to 16 MiB.
const (
	fewBytes  = 32 << 20
	someBytes = 1 << 30
	fewNodes  = 100
	someNodes = 10000
)

// slowSync is what makes each result of a job wait noticeably.
const slowSync = 50 * time.Millisecond

// networks are the file systems that other hosts may use at the same time, or that may be
// away when the network is.
var networks = []string{ //nolint:gochecknoglobals // a table
	"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "coda", "lustre", "gpfs", "ocfs2", "gfs2", "beegfs", "panfs", "ncpfs",
	"fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "9p",
}

func (d *Disk) decide() []Check {
	var checks []Check
	if d.Err != "" {
		checks = []Check{bad("file system", "nothing is known about it: "+d.Err, "make the directory, or name another one")}
	} else {
		checks = []Check{d.fileSystem()}
		if d.Write == "" && d.Size > 0 {
			checks = append(checks, d.space())
		}
		if d.has("history") && d.Write == "" {
			checks = append(checks, d.sync(), d.durability(), d.allocate())
		}
	}
	for i := range checks {
		checks[i].Name = d.Uses[0] + " " + checks[i].Name
	}
	return at(d.Path, of(Disks, checks...)...)
}

func (d *Disk) has(use string) bool { return slices.Contains(d.Uses, use) }

func (d *Disk) fileSystem() Check {
	kind := d.Type
	if kind == "" {
		kind = "of unknown type"
	}
	text := fmt.Sprintf("%s, for %s", kind, strings.Join(d.Uses, ", "))
	remote := slices.Contains(networks, d.Type)
	switch {
	case d.Write != "":
		return bad("file system", text+": nothing can be written ("+d.Write+")", "make it writable, or use another directory")
	case remote && d.has("history") && !d.Network:
		return bad("file system", text+": on a network file system a history can be damaged",
			"keep the history on a disk of this host; if only this host ever uses it: EXECUTIONER_ALLOW_NETWORK_FS=1")
	case remote && d.has("history"):
		return limited("file system", text+": a network file system, which was allowed: two hosts that write can damage the history",
			"see to it that no other host opens the history")
	case remote:
		return limited("file system", text+": a network file system: while it is away, jobs that write wait",
			"keep logs on a disk of this host")
	case d.volatile() && d.has("history"):
		return limited("file system", text+": kept in memory: the history is gone when the host restarts", "keep the history on a disk")
	}
	return ok("file system", text)
}

// volatile reports whether a file system is in memory.
func (d *Disk) volatile() bool { return d.Type == "tmpfs" || d.Type == "ramfs" || d.Type == "devtmpfs" }

func (d *Disk) space() Check {
	values := map[string]float64{"free_bytes": float64(d.Free), "size_bytes": float64(d.Size)}
	text := fmt.Sprintf("%s of %s free", sizeOf(d.Free), sizeOf(d.Size))
	if d.MaxNode > 0 {
		values["free_files"], values["max_files"] = float64(d.FreeNodes), float64(d.MaxNode)
		text += fmt.Sprintf(", room for %d files", d.FreeNodes)
	}
	const todo = "make room: executioner db prune, and delete old logs"
	switch {
	case d.Free < fewBytes:
		return bad("space", text+": new jobs will soon not be started, and output be dropped", todo).with(values)
	case d.MaxNode > 0 && d.FreeNodes < fewNodes:
		return bad("space", text+": logs can't be made any more", "delete files").with(values)
	case d.Free < someBytes:
		return limited("space", text, todo).with(values)
	case d.MaxNode > 0 && d.FreeNodes < someNodes:
		return limited("space", text, "delete files").with(values)
	}
	return ok("space", text).with(values)
}

func (d *Disk) sync() Check {
	if d.SyncErr != "" {
		return bad("sync", "what is written can't be synced: "+d.SyncErr, "replace the disk: what it holds may be lost any time")
	}
	m := median(d.Syncs)
	values := map[string]float64{"sync_seconds": m.Seconds()}
	text := fmt.Sprintf("a write and its sync take %s (median of %d)", short(m), len(d.Syncs))
	if m > slowSync {
		return limited("sync", text+": with durability full each result waits for that",
			"a faster disk, or one with a write cache that survives a power cut").with(values)
	}
	return ok("sync", text).with(values)
}

// durability says whether what was synced is there after a power cut, which is bad when it
// is not and was asked for.
func (d *Disk) durability() Check {
	c := d.persistence()
	if d.Full && c.Verdict == Limited && !slices.Contains(d.Options, "data=writeback") {
		c.Verdict, c.Text = Bad, c.Text+", and durability full is asked for"
	}
	return c
}

func (d *Disk) persistence() Check {
	var loose []string
	for _, o := range d.Options {
		if slices.Contains([]string{"nobarrier", "barrier=0", "barrier=none", "volatile"}, o) {
			loose = append(loose, o)
		}
	}
	switch {
	case d.volatile():
		return limited("durability", "in memory nothing survives a power cut: durability full means no more than process here", "keep the history on a disk")
	case len(loose) > 0:
		return limited("durability", "the file system is mounted so that a power cut may take what was synced ("+strings.Join(loose, ", ")+")",
			"mount it without "+strings.Join(loose, " and "))
	case d.Type == "overlay":
		return limited("durability", "the file system is that of a container, and goes with it", "keep the history on a volume")
	case slices.Contains(d.Options, "data=writeback"):
		return limited("durability", "what was synced survives a power cut, but logs may end in what was in the file's blocks before (data=writeback)", "mount it with data=ordered")
	}
	return ok("durability", "what was synced survives a power cut, if the disk keeps its word; durability full means something here")
}

func (d *Disk) allocate() Check {
	if !d.Allocate {
		return limited("reserve", "no space can be kept in advance (fallocate): when the disk fills up, the ends of running jobs may not fit into the journal",
			"keep the history on ext4, xfs, btrfs or tmpfs, and watch its space")
	}
	return ok("reserve", "space for the ends of running jobs is kept in advance (fallocate)")
}

// median returns the middle one, 0 of none.
func median(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// sizeOf writes a size for people.
func sizeOf(n uint64) string {
	size, unit := float64(n), 0
	for size >= 1024 && unit < 5 {
		size /= 1024
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %ciB", size, " KMGTP"[unit])
}

// short writes a duration for people.
func short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
