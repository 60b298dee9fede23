package journal

import (
	"bytes"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
)

// memDisk is one directory in memory that knows what a loss of power may take: what
// was written to a file since its last sync, and what was done to names since the last
// sync of the directory.
type memDisk struct {
	mu      sync.Mutex
	names   map[string]*inode
	durable map[string]*inode
	pending []change // of names
	locked  bool
	noRoom  error // what Allocate answers
	full    bool  // nothing beyond what is allocated can be written
	before  func(op string)
}

type inode struct {
	data, durable []byte
	pending       []write
	alloc         int64
}

type write struct {
	off  int64
	data []byte
}

type change struct {
	drop, link string
	ino        *inode
}

func newMemDisk() *memDisk {
	return &memDisk{names: make(map[string]*inode), durable: make(map[string]*inode), before: func(string) {}}
}

func (d *memDisk) mkdir(string) error { return nil }

func (d *memDisk) list(string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.names)), nil
}

func (d *memDisk) find(path string) (*inode, error) {
	ino := d.names[filepath.Base(path)]
	if ino == nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return ino, nil
}

func (d *memDisk) read(path string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ino, err := d.find(path)
	if err != nil {
		return nil, err
	}
	return bytes.Clone(ino.data), nil
}

func (d *memDisk) change(c change) {
	delete(d.names, c.drop)
	if c.link != "" {
		d.names[c.link] = c.ino
	}
	d.pending = append(d.pending, c)
}

func (d *memDisk) create(path string) (file, error) {
	d.before("create")
	d.mu.Lock()
	defer d.mu.Unlock()
	ino := &inode{} // a file of that name that was there before is nothing to us
	d.change(change{link: filepath.Base(path), ino: ino})
	return &memFile{d, ino}, nil
}

func (d *memDisk) open(path string) (file, error) {
	d.before("open")
	d.mu.Lock()
	defer d.mu.Unlock()
	ino, err := d.find(path)
	return &memFile{d, ino}, err
}

func (d *memDisk) rename(from, to string) error {
	d.before("rename")
	d.mu.Lock()
	defer d.mu.Unlock()
	ino, err := d.find(from)
	if err == nil {
		d.change(change{drop: filepath.Base(from), link: filepath.Base(to), ino: ino})
	}
	return err
}

func (d *memDisk) remove(path string) error {
	d.before("remove")
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.find(path)
	if err == nil {
		d.change(change{drop: filepath.Base(path)})
	}
	return err
}

func (d *memDisk) syncDir(string) error {
	d.before("syncdir")
	d.mu.Lock()
	defer d.mu.Unlock()
	d.durable, d.pending = maps.Clone(d.names), nil
	return nil
}

func (d *memDisk) lock(string) (io.Closer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.locked {
		return nil, ErrLocked
	}
	d.locked = true
	return closer(func() error { d.locked = false; return nil }), nil
}

type closer func() error

func (c closer) Close() error { return c() }

type memFile struct {
	d   *memDisk
	ino *inode
}

func (f *memFile) WriteAt(b []byte, off int64) (int, error) {
	f.d.before("write")
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	var err error
	if room := max(f.ino.alloc, int64(len(f.ino.data))) - off; f.d.full && int64(len(b)) > room {
		b, err = b[:max(0, room)], syscall.ENOSPC
	}
	f.ino.data = writeAt(f.ino.data, b, off)
	f.ino.pending = append(f.ino.pending, write{off, bytes.Clone(b)})
	return len(b), err
}

func writeAt(data, b []byte, off int64) []byte {
	if end := int(off) + len(b); len(b) > 0 && end > len(data) {
		data = append(data, make([]byte, end-len(data))...)
	}
	copy(data[min(int(off), len(data)):], b)
	return data
}

func (f *memFile) Close() error { return nil }

func (f *memFile) Allocate(off, n int64) error {
	f.d.before("allocate")
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.d.noRoom != nil {
		return f.d.noRoom
	}
	if f.d.full && off+n > f.ino.alloc {
		return syscall.ENOSPC
	}
	f.ino.alloc = max(f.ino.alloc, off+n)
	return nil
}

func (f *memFile) Sync() error {
	f.d.before("sync")
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	f.ino.durable, f.ino.pending = bytes.Clone(f.ino.data), nil
	return nil
}

// crash returns a disk as it may be found after a loss of power at this moment.
func (d *memDisk) crash(r *rand.Rand) *memDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := maps.Clone(d.durable)
	for _, c := range d.pending {
		if r.IntN(2) == 0 {
			delete(names, c.drop)
			if c.link != "" {
				names[c.link] = c.ino
			}
		}
	}
	after := newMemDisk()
	seen := make(map[*inode]*inode)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		ino := names[name]
		if seen[ino] == nil {
			seen[ino] = &inode{data: ino.crash(r), alloc: ino.alloc}
		}
		after.names[name] = seen[ino]
	}
	return after
}

// crash returns what may be left of a file: any of the writes since its last sync,
// each of them whole or in sectors, and in any case up to some size.
func (i *inode) crash(r *rand.Rand) []byte {
	const sector = 64 // smaller than the real ones, as the records are
	data := bytes.Clone(i.durable)
	for _, w := range i.pending {
		switch r.IntN(3) {
		case 0:
			data = writeAt(data, w.data, w.off)
		case 1:
			for at := 0; at < len(w.data); at += sector {
				if r.IntN(2) == 0 {
					data = writeAt(data, w.data[at:min(at+sector, len(w.data))], w.off+int64(at))
				}
			}
		}
	}
	return data
}

// faulty fails the operations of another disk that fail picks.
type faulty struct {
	disk
	n    atomic.Int64
	fail func(n int, op string) error // short: a write that is cut in the middle
}

// short is what fail answers to have a write cut.
var short = io.ErrShortWrite

func (d *faulty) step(op string) error {
	return d.fail(int(d.n.Add(1)), op)
}

func fault[T any](d *faulty, op string, do func() (T, error)) (T, error) {
	if err := d.step(op); err != nil {
		var none T
		return none, asErrno(err)
	}
	return do()
}

func asErrno(err error) error {
	if err == short {
		return syscall.ENOSPC
	}
	return err
}

func (d *faulty) list(dir string) ([]string, error) {
	return fault(d, "list", func() ([]string, error) { return d.disk.list(dir) })
}

func (d *faulty) read(path string) ([]byte, error) {
	return fault(d, "read", func() ([]byte, error) { return d.disk.read(path) })
}

func (d *faulty) create(path string) (file, error) {
	return fault(d, "create", func() (file, error) {
		f, err := d.disk.create(path)
		return &faultyFile{d, f}, err
	})
}

func (d *faulty) open(path string) (file, error) {
	return fault(d, "open", func() (file, error) {
		f, err := d.disk.open(path)
		return &faultyFile{d, f}, err
	})
}

func (d *faulty) rename(from, to string) error {
	if err := d.step("rename"); err != nil {
		if err == short { // it happened all the same
			_ = d.disk.rename(from, to)
		}
		return asErrno(err)
	}
	return d.disk.rename(from, to)
}

func (d *faulty) remove(path string) error {
	if err := d.step("remove"); err != nil {
		return asErrno(err)
	}
	return d.disk.remove(path)
}

func (d *faulty) syncDir(dir string) error {
	if err := d.step("syncdir"); err != nil {
		return asErrno(err)
	}
	return d.disk.syncDir(dir)
}

type faultyFile struct {
	d *faulty
	file
}

func (f *faultyFile) WriteAt(b []byte, off int64) (int, error) {
	switch err := f.d.step("write"); err {
	case nil:
		return f.file.WriteAt(b, off)
	case short:
		n, _ := f.file.WriteAt(b[:len(b)/2], off)
		return n, syscall.ENOSPC
	default:
		return 0, err
	}
}

func (f *faultyFile) Sync() error {
	if err := f.d.step("sync"); err != nil {
		return asErrno(err)
	}
	return f.file.Sync()
}

func (f *faultyFile) Allocate(off, n int64) error {
	if err := f.d.step("allocate"); err != nil {
		return asErrno(err)
	}
	return f.file.Allocate(off, n)
}
