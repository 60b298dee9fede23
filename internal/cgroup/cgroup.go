// Package cgroup keeps each try of a job in a control group (version 2) of its own, a
// leaf, where the host lets this program make some: what is in a leaf can't get out by
// detaching itself, is killed all at once by the kernel, can be counted, and can be
// limited where the controllers are there.
//
// It works on what the host has delegated to this program and takes nothing else: the
// program's own control group, unless another one is named. Where there is nothing,
// Support says why. Systems other than Linux have nothing.
package cgroup

import "errors"

// Support is what this host offers to this program.
type Support struct {
	Dir    string // the control group in which leaves are made
	Leaves bool   // tries can have leaves
	Kill   bool   // a leaf can be killed at once (Linux 5.14)
	Memory bool   // Limits.Memory works
	PIDs   bool   // Limits.PIDs works

	NoLeaves string // why there are no leaves, one line for a person
	NoLimits string // why Memory or PIDs can't be limited, one line
}

// Config is what is asked for. The zero value asks for leaves without limits.
type Config struct {
	// Dir is the directory of the control group in which leaves are made. Empty means
	// this program's own, or the one above if it has moved itself, see Limits.
	Dir string
	// Limits asks for the controllers memory and pids. If they are not enabled for
	// leaves yet and Dir is delegated to us, they are: a Dir that is not the root must
	// hold no processes then, so that this program moves itself into a leaf of its own.
	// If Dir holds other processes, there are no limits.
	Limits bool
	// Root allows to enable controllers in the root group of the host, or, to a program
	// of the user root, in a group that nobody delegated to it.
	Root bool
	// Pool is how many empty leaves are kept for reuse. 0 means DefaultPool, negative none.
	Pool int
}

// DefaultPool is how many empty leaves are kept: about as many as jobs run on a host.
const DefaultPool = 16

// Limits bound everything in a leaf together. 0 means no limit.
type Limits struct {
	Memory int64 // bytes; when they do not suffice, all of the leaf is killed together
	PIDs   int64 // processes and threads; forks beyond it fail
}

// ErrUnsupported is returned for what Support says is not there.
var ErrUnsupported = errors.New("control groups don't offer this here")
