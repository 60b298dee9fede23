//go:build !linux

package cgroup

// Tree does not exist on this system.
type Tree struct{}

// Leaf does not exist on this system.
type Leaf struct{}

const noGroups = "this system has no control groups"

// Open offers nothing on this system.
func Open(Config) (*Tree, Support) { return nil, Support{NoLeaves: noGroups} }

// Detect finds nothing on this system.
func Detect() Support { return Support{NoLeaves: noGroups} }

// Support returns what Open did.
func (t *Tree) Support() Support { return Support{NoLeaves: noGroups} }

// Take is not supported on this system.
func (t *Tree) Take() (*Leaf, error) { return nil, ErrUnsupported }

// Adopt is not supported on this system.
func (t *Tree) Adopt(string) (*Leaf, error) { return nil, ErrUnsupported }

// Tidy does nothing on this system.
func (t *Tree) Tidy() {}

// Close does nothing on this system.
func (t *Tree) Close() {}

// Path returns nothing on this system.
func (l *Leaf) Path() string { return "" }

// Limit is not supported on this system.
func (l *Leaf) Limit(Limits) error { return ErrUnsupported }

// Exceeded returns that there is no limit.
func (l *Leaf) Exceeded() int64 { return 0 }

// Release does nothing on this system.
func (l *Leaf) Release() {}
