package app

import (
	"context"

	"github.com/executionerhq/executioner/internal/local"
	"github.com/executionerhq/executioner/internal/process"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
)

var _ runs.Host = (*known)(nil)

// known is what is known of processes on this host.
type known struct {
	scope string
	owner store.Owner
	// remains reports whether a keeper knows anything of these tasks of a run.
	remains func(id run.ID, tasks []string) bool
}

func newKnown(scope string, remains func(id run.ID, tasks []string) bool) *known {
	host, boot, pid, start := process.SelfIdentity()
	return &known{scope: scope, remains: remains, owner: store.Owner{Host: host, BootID: boot, PID: pid, StartTime: start}}
}

// Owner implements runs.Host.
func (k *known) Owner() store.Owner { return k.owner }

// Dead implements runs.Host.
func (k *known) Dead(o store.Owner) bool {
	if o.Host != k.owner.Host {
		return false
	}
	alive, sure := process.Alive(o.BootID, o.PID, o.StartTime)
	return sure && !alive
}

// Remains implements runs.Host.
func (k *known) Remains(id run.ID, tasks []run.TaskID) bool {
	ids := make([]string, len(tasks))
	for i, t := range tasks {
		ids[i] = t.String()
	}
	return k.remains(id, ids)
}

// Survivors implements runs.Host.
func (k *known) Survivors(tasks []run.TaskID) ([]int, error) {
	var pids []int
	for _, t := range tasks {
		found, err := process.Survivors(local.Cookie(k.scope, t))
		if err != nil {
			return nil, err
		}
		for _, s := range found {
			pids = append(pids, s.PID)
		}
	}
	return pids, nil
}

// KillSurvivors implements runs.Host.
func (k *known) KillSurvivors(ctx context.Context, tasks []run.TaskID) ([]int, error) {
	var left []int
	for _, t := range tasks {
		_, remaining, err := process.KillSurvivors(ctx, local.Cookie(k.scope, t), process.DefaultGrace)
		if err != nil {
			return nil, err
		}
		for _, s := range remaining {
			left = append(left, s.PID)
		}
	}
	return left, nil
}
