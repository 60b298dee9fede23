package scheduler

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// ofFile is what the names of workflows begin with that are files of the directory. No
// registered one can have it.
const ofFile = "file:"

// source is a workflow whose schedules count.
type source struct {
	workflow string
	version  string // is another one when the workflow has changed
	entries  []*entry
	broken   // it can't be used
}

// behind reports whether what was known of it is still to be decided about.
func (s *source) behind() bool {
	return slices.ContainsFunc(s.entries, func(e *entry) bool { return e.behind })
}

// ID returns the name of a schedule of a workflow.
func ID(workflow, name string) string { return workflow + "/" + name }

// Split returns the workflow and the name of a schedule. The fault is Usage.
func Split(id string) (workflow, name string, err error) {
	workflow, name, ok := strings.Cut(id, "/")
	if !ok || workflow == "" || name == "" {
		return "", "", fault.New(fault.Usage, "%q is no schedule", id).WithHint("write WORKFLOW/SCHEDULE; executioner schedule list shows them")
	}
	return workflow, name, nil
}

// refresh looks which schedules there are.
func (s *Scheduler) refresh(ctx context.Context, now time.Time) {
	found, whole, err := s.found(ctx)
	if err != nil {
		if s.ctx.Err() == nil && !s.troubled {
			s.cfg.Log.Error("the workflows can't be looked at for now", "error", err)
		}
		s.troubled = true
		return
	}
	s.troubled = false
	var changed []string
	for name, version := range found {
		if is := s.sources[name]; is == nil || is.version != version && !is.behind() {
			changed = append(changed, name)
		}
	}
	slices.Sort(changed)
	read := make([]*source, len(changed))
	each(indexes(changed), func(i int) { read[i] = s.read(ctx, changed[i], found[changed[i]], now) })
	var fresh, gone []*entry
	var mended []string
	for _, src := range read {
		if was := s.sources[src.workflow]; was != nil && was.why != "" && src.why == "" {
			mended = append(mended, ID(src.workflow, everyOne))
		}
		f, g := s.adopt(src)
		fresh, gone = append(fresh, f...), append(gone, g...)
	}
	for name := range maps.Clone(s.sources) {
		if _, is := found[name]; !is && (whole || !strings.HasPrefix(name, ofFile)) && !s.sources[name].behind() {
			mended = append(mended, ID(name, everyOne))
			_, g := s.adopt(&source{workflow: name})
			gone = append(gone, g...)
		}
	}
	s.retire(ctx, append(idsOf(gone), mended...))
	s.decideAll(ctx, fresh, now)
	s.looked.Store(true)
	s.broken(ctx, now)
	if !s.refreshed {
		s.refreshed = s.vanished(ctx)
	}
}

func indexes[T any](all []T) []int {
	is := make([]int, len(all))
	for i := range is {
		is[i] = i
	}
	return is
}

// found returns the version of each workflow that there is. whole says that the directory
// could be read, too.
func (s *Scheduler) found(ctx context.Context) (found map[string]string, whole bool, err error) {
	enabled, err := s.cfg.Store.EnabledWorkflows(ctx)
	if err != nil {
		return nil, false, err
	}
	found = make(map[string]string, len(enabled))
	for i := range enabled {
		found[enabled[i].Name] = strconv.Itoa(enabled[i].Version) + " " + enabled[i].Hash
	}
	files, err := s.files()
	if err != nil {
		s.trouble("the directory of workflows can't be read", "", err)
		return found, false, nil
	}
	maps.Copy(found, files)
	return found, true, nil
}

// read reads a workflow for its schedules. One that can't be read has those that it had.
func (s *Scheduler) read(ctx context.Context, name, version string, now time.Time) *source {
	src := &source{workflow: name, version: version}
	wf, _, err := s.load(ctx, name, nil)
	if err == nil {
		src.entries, err = s.entriesOf(name, wf)
	}
	if err == nil || s.ctx.Err() != nil {
		return src
	}
	var was source
	if is := s.sources[name]; is != nil {
		was = *is
	}
	src.entries, src.broken = was.entries, brokenBy(err, was.broken, now)
	if src.why != was.why {
		s.cfg.Log.Error("the schedules of a workflow can't be used", "workflow", name, "error", src.why, "hint", fault.HintOf(err))
	}
	if fault.CodeOf(err) == fault.Unavailable {
		src.version = "" // to be read again
	}
	return src
}

// load reads a workflow: to look at it, or to run it for a schedule. registered is the name
// and version of one that is no file.
func (s *Scheduler) load(ctx context.Context, name string, run *workflow.Schedule, arrived ...workflow.Given) (wf *workflow.Workflow, registered string, err error) {
	t := Text{Run: run != nil}
	if run != nil {
		for _, p := range run.Params {
			t.Params = append(t.Params, workflow.Given{Name: p.Name, Value: p.Value, From: "schedule " + run.Name + ": params." + p.Name + "="})
		}
		t.Params = append(t.Params, arrived...)
	}
	if file, is := strings.CutPrefix(name, ofFile); is {
		if t.Source, t.Dir, err = s.readFile(file); err != nil {
			return nil, "", err
		}
		wf, err = s.cfg.Load(ctx, t)
		return wf, "", err
	}
	r, err := s.cfg.Store.Registered(ctx, name, 0)
	if err != nil {
		return nil, "", err
	}
	t.Source = workflow.Source{Name: r.File, Data: r.Source}
	wf, err = s.cfg.Load(ctx, t)
	switch {
	case err != nil:
		return nil, "", err
	case wf.Application != r.Application: // its includes have changed
		return nil, "", fault.New(fault.Conflict, "workflow %s is of application %s now", name, wf.Application).WithHint("register it anew")
	}
	wf.File = "" // it is not in the service's directory
	return wf, r.Name + "@" + strconv.Itoa(r.Version), nil
}

// entriesOf returns the schedules and triggers of a workflow.
func (s *Scheduler) entriesOf(name string, wf *workflow.Workflow) ([]*entry, error) {
	var all []*entry
	for i := range wf.Schedules {
		def := wf.Schedules[i]
		spec, err := wf.Spec(&def, s.cfg.Zones)
		if err != nil {
			return nil, err
		}
		all = append(all, &entry{
			id: ID(name, def.Name), workflow: name, application: wf.Application, def: def, spec: spec, hash: hashOf(&def, wf.Calendars), place: -1,
		})
	}
	for i := range wf.Triggers {
		t := wf.Triggers[i]
		all = append(all, &entry{
			id: ID(name, t.Name), workflow: name, application: wf.Application, def: t.Schedule(), trigger: &t, params: wf.Params, hash: "trigger", place: -1,
		})
	}
	return all, nil
}

// hashOf is of what the times of a schedule depend on.
func hashOf(def *workflow.Schedule, calendars []workflow.Calendar) string {
	of := struct {
		Def  workflow.Schedule
		Days []workflow.Calendar
	}{Def: workflow.Schedule{
		Cron: def.Cron, Every: def.Every, At: def.At, TimeZone: def.TimeZone, Start: def.Start, End: def.End, Include: def.Include, Exclude: def.Exclude,
	}}
	for _, c := range calendars {
		if slices.Contains(def.Include, c.Name) || slices.Contains(def.Exclude, c.Name) {
			of.Days = append(of.Days, c)
		}
	}
	text, _ := json.Marshal(of) // texts and numbers only
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// adopt puts a source in place of what it was. A version that is empty is none.
func (s *Scheduler) adopt(src *source) (fresh, gone []*entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.sources[src.workflow]
	if src.version == "" && len(src.entries) == 0 && src.why == "" {
		delete(s.sources, src.workflow)
	} else {
		s.sources[src.workflow] = src
	}
	keeps := map[string]bool{}
	for _, e := range src.entries {
		keeps[e.id] = true
		if s.entries[e.id] == e {
			continue
		}
		if old := s.entries[e.id]; old != nil {
			s.queue.drop(old)
			if old.hash == e.hash {
				e.decided = old.decided
			}
		}
		s.entries[e.id] = e
		fresh = append(fresh, e)
	}
	if was == nil {
		return fresh, nil
	}
	for _, e := range was.entries {
		if !keeps[e.id] {
			s.queue.drop(e)
			delete(s.entries, e.id)
			gone = append(gone, e)
		}
	}
	return fresh, gone
}

// vanished retires what went while no service was there. Files may be those of another.
func (s *Scheduler) vanished(ctx context.Context) bool {
	all, err := s.cfg.Store.Schedules(ctx)
	if err != nil {
		return false
	}
	var gone []string
	for i := range all {
		src := s.sources[all[i].Workflow]
		file := strings.HasPrefix(all[i].Workflow, ofFile) && (all[i].Name != everyOne || src == nil)
		if !all[i].Gone && s.entries[all[i].ID] == nil && !file && (src == nil || src.why == "") {
			gone = append(gone, all[i].ID)
		}
	}
	s.retire(ctx, gone)
	return true
}

func idsOf(all []*entry) []string {
	ids := make([]string, len(all))
	for i, e := range all {
		ids[i] = e.id
	}
	return ids
}

// retire notes that schedules are there no more: should they come back, nothing is caught up.
func (s *Scheduler) retire(ctx context.Context, gone []string) {
	each(gone, func(id string) {
		for range decideTries {
			known, _, err := s.cfg.Store.Schedule(ctx, id)
			if err == nil && known.Gone {
				return
			}
			if err == nil {
				known.Gone, known.Next, known.Broken, known.BrokenWhy = true, time.Time{}, time.Time{}, ""
				err = s.cfg.Store.ChangeSchedule(ctx, store.ScheduleChange{Schedule: known})
			}
			if fault.CodeOf(err) == fault.Conflict {
				continue
			}
			if err != nil && fault.CodeOf(err) != fault.NotFound {
				s.trouble("that a schedule is gone can't be recorded", id, err)
			}
			return
		}
	})
}

// entry returns a schedule that is decided about here, or nil.
func (s *Scheduler) entry(id string) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.entries[id]
}

// Registered reports whether a workflow is a registered one, and not a file.
func Registered(workflow string) bool { return !strings.HasPrefix(workflow, ofFile) }
