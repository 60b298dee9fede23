//go:build !linux

package pgtest

import (
	"errors"
	"os/exec"
)

// owner is who a server runs as: ourselves.
type owner struct{}

func unprivileged() owner { return owner{} }

func (owner) give(string) error { return nil }

func (owner) become(*exec.Cmd) {}

var errLinux = errors.New("pgtest: the processes of a server can be found on Linux only")

func (p *process) kill(string) error { return errLinux }

func freeze(string) (func() error, error) { return nil, errLinux }
