package scheduler

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/schedule"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// everyOne stands for the schedules of a workflow that could never be read, so that nobody
// knows what they are called.
const everyOne = "*"

// broken says why the schedules of a workflow can't be used. The zero value: they can.
type broken struct {
	why          string
	since        time.Time
	noted        bool     // it is in the database
	applications []string // whose it is, once it is noted
	told         bool     // people were told
}

// brokenBy returns what an error makes of a source that was broken like that before.
func brokenBy(err error, was broken, now time.Time) broken {
	b := broken{why: reason(err), since: now}
	if was.why == "" {
		return b
	}
	b.since, b.told, b.applications = was.since, was.told, was.applications
	b.noted = was.noted && was.why == b.why
	return b
}

// reason says in one line what is wrong: of a workflow all of it.
func reason(err error) string {
	var all workflow.Problems
	if errors.As(err, &all) {
		return string(fault.CodeOf(err)) + ": " + all.Line()
	}
	return string(fault.CodeOf(err)) + ": " + err.Error()
}

// broken looks after the workflows that can't be used: that is noted with their schedules,
// and people are told of it when it was not mended within a minute. Their times are refused
// and told besides, where it is known when they are.
func (s *Scheduler) broken(ctx context.Context, now time.Time) {
	for _, src := range s.sources {
		if src.why == "" {
			continue
		}
		if !src.noted {
			if err := s.noteBroken(ctx, src, now); err != nil {
				s.trouble("that a workflow can't be used can't be recorded for now", src.workflow, err)
				continue
			}
		}
		if !src.told && now.Sub(src.since) > schedule.Punctual {
			if err := s.tellBroken(ctx, src); err != nil {
				s.trouble("that a workflow can't be used can't be told for now", src.workflow, err)
			}
		}
	}
}

// noteBroken records with the schedules of a workflow that they can't be used.
func (s *Scheduler) noteBroken(ctx context.Context, src *source, now time.Time) error {
	all, err := s.cfg.Store.Schedules(ctx)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(k store.Schedule) bool { return k.Workflow != src.workflow || k.Gone || k.Kind != "" })
	if len(all) == 0 {
		first := store.Schedule{ID: ID(src.workflow, everyOne), Workflow: src.workflow, Name: everyOne, Application: s.applicationOf(ctx, src.workflow), Decided: now}
		if known, _, err := s.cfg.Store.Schedule(ctx, first.ID); err == nil {
			first.Revision = known.Revision // it is gone, and here again
		}
		first.Broken, first.BrokenWhy = src.since, src.why
		if err := s.cfg.Store.ChangeSchedule(ctx, store.ScheduleChange{Schedule: first}); err != nil {
			return err
		}
		all = append(all, first)
	}
	src.applications = nil
	for i := range all {
		src.applications = append(src.applications, all[i].Application)
		if was := all[i].Broken; !was.IsZero() { // noted by another service, or before this one began
			src.since = was
		}
	}
	slices.Sort(src.applications)
	src.applications = slices.Compact(src.applications)
	for i := range all {
		_, err := alter(ctx, s.cfg.Store, all[i].ID, nil, func(k *store.Schedule) {
			k.Broken, k.BrokenWhy = src.since, src.why
			if s.entries[k.ID] == nil {
				k.Next = time.Time{} // nobody knows when it is
			}
		})
		if err != nil {
			return err
		}
	}
	src.noted = true
	return nil
}

// applicationOf returns of which application a workflow is that can't be read: of a file it
// is taken from its name, as it would be without any other.
func (s *Scheduler) applicationOf(ctx context.Context, name string) string {
	if file, is := strings.CutPrefix(name, ofFile); is {
		return strings.TrimSuffix(file, filepath.Ext(file))
	}
	r, err := s.cfg.Store.Registered(ctx, name, 0)
	if err != nil {
		return name
	}
	return r.Application
}

// tellBroken tells people that no schedule of a workflow can be used. To tell it again, by
// another service or after a crash, tells nobody anything.
func (s *Scheduler) tellBroken(ctx context.Context, src *source) error {
	for _, application := range src.applications {
		if s.cfg.Missed == nil {
			break
		}
		if err := s.cfg.Missed(ctx, application, src.since, "the schedules of workflow "+src.workflow+" can't be used: "+src.why); err != nil {
			return err
		}
	}
	src.told = true
	return nil
}

// usable reports whether the workflow of a schedule could be read the last time.
func (s *Scheduler) usable(workflow string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	src := s.sources[workflow]
	return src == nil || src.why == ""
}

// errBroken returns the fault of a schedule that can't be used, or nil.
func errBroken(known *store.Schedule) error {
	if known.Broken.IsZero() {
		return nil
	}
	return fault.New(fault.Conflict, "schedule %q can't be used: %s", known.ID, known.BrokenWhy).WithHint("mend the workflow; a service looks at it every few seconds")
}
